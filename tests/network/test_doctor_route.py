"""`doctor` probes by the route that the agent takes: the same table of cases, a real proxy."""

import os

import pytest

from agent.doctor import Result, State
from agent.doctor.service_checks import reachable
from tests.network.origin import NAME, Origin
from tests.network.street import CASES, DIRECT, Case, Street, set_environ
from tests.patience import PATIENCE


def probed(street: Street, origin: Origin, host: str, ca_file: str = "") -> Result:
    trusted = ca_file or str(street.authority.ca_file)
    return reachable("collector", origin.at(host), trusted, "", os.environ, PATIENCE)


@pytest.mark.parametrize("one", CASES, ids=str)
def test_the_way(street: Street, one: Case) -> None:
    origin = street.secure if one.scheme == "https" else street.plain
    set_environ(street, origin, one.environ)
    result = probed(street, origin, one.host)
    by = "directly" if one.way == DIRECT else f"through the proxy {street.proxy.address}"
    assert (result.state, result.found) == (
        State.OK,
        f"{origin.at(one.host)} answers, reached {by}",
    )


def test_what_is_wrong_is_named_with_its_fix(street: Street) -> None:
    street.proxy.mood = "refusing"
    street.patch.setenv("https_proxy", street.proxy.address)
    result = probed(street, street.secure, NAME)
    assert f"the proxy {street.proxy.address} answers 403" in result.found and result.fix
    street.patch.setenv("no_proxy", "*")
    result = probed(street, street.secure, "localhost", ca_file="/nowhere.pem")
    assert "the CA file /nowhere.pem cannot be used" in result.found
    assert result.state is State.FAILED and result.fix


def test_the_agents_variables_count_and_not_the_shells(street: Street) -> None:
    street.patch.setenv("https_proxy", "http://127.0.0.1:1")
    trusted = str(street.authority.ca_file)
    told = {"https_proxy": street.proxy.address}
    url = street.secure.at(NAME)
    assert reachable("collector", url, trusted, "", told, PATIENCE).state is State.OK
    assert street.proxy.asked == [f"CONNECT {NAME}:{street.secure.port}"]
