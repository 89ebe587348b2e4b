"""One table of cases, run by every client against real servers and a real proxy."""

import re

import pytest

from tests.adapters.tls import make_authority
from tests.network.every_client import CLIENTS, POLL, SYNC, Client
from tests.network.origin import NAME
from tests.network.street import CASES, DIRECT, THROUGH, Case, Street, set_environ


@pytest.mark.parametrize("client", CLIENTS, ids=str)
@pytest.mark.parametrize("one", CASES, ids=str)
def test_the_way(street: Street, client: Client, one: Case) -> None:
    origin = street.secure if one.scheme == "https" else street.plain
    set_environ(street, origin, one.environ)
    assert street.ask(client, origin.at(one.host)) == one.way


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_an_exempt_domain_is_never_asked_of_the_proxy(street: Street, client: Client) -> None:
    street.patch.setenv("https_proxy", street.proxy.address)
    for exempt in (".acme.test", "acme.test", "*.acme.test", NAME.upper()):
        street.patch.setenv("no_proxy", exempt)
        assert "cannot be resolved" in street.ask(client, street.secure.at(NAME))
    assert street.proxy.asked == []


@pytest.mark.parametrize("client", CLIENTS, ids=str)
@pytest.mark.parametrize(
    "proxy", ["socks5://127.0.0.1:1080", "https://127.0.0.1:3128", "http://:1"]
)
def test_a_proxy_of_another_kind_is_an_error_and_not_a_reason_to_go_directly(
    street: Street, client: Client, proxy: str
) -> None:
    street.patch.setenv("all_proxy", proxy)
    assert "all_proxy is no http:// address" in street.ask(client, street.secure.at("localhost"))
    assert street.secure.reached == 0


@pytest.mark.parametrize("client", CLIENTS, ids=str)
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_the_proxys_password_is_sent_to_it_alone_and_never_told(
    street: Street, client: Client, scheme: str
) -> None:
    origin = street.secure if scheme == "https" else street.plain
    street.proxy.login = "Basic b3BzOnMzY3JldEA="
    street.patch.setenv("all_proxy", f"http://ops:wrong@{street.proxy.address}")
    said = street.ask(client, origin.at(NAME))
    assert "asks for a name and a password (407)" in said
    assert "wrong" not in said and street.proxy.address in said
    street.patch.setenv("all_proxy", f"http://ops:s3cret%40@{street.proxy.address}")
    assert street.ask(client, origin.at(NAME)) == THROUGH
    assert "proxy-authorization" not in origin.headers


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_a_proxy_that_refuses_is_named(street: Street, client: Client) -> None:
    street.proxy.mood = "refusing"
    street.patch.setenv("https_proxy", street.proxy.address)
    said = street.ask(client, street.secure.at(NAME))
    assert f"the proxy {street.proxy.address} answers 403" in said


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_a_certificate_of_another_authority_is_not_trusted(street: Street, client: Client) -> None:
    (street.folder / "other").mkdir()
    other = make_authority(street.folder / "other")
    said = street.ask(client, street.secure.at("localhost"), ca_file=other.ca_file)
    assert "its TLS certificate is not trusted" in said
    assert street.secure.reached == 0


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_a_ca_file_that_cannot_be_used_is_named(street: Street, client: Client) -> None:
    missing, empty = street.folder / "missing.pem", street.folder / "empty.pem"
    empty.write_text("no certificate\n")
    words = {missing: "No such file or directory", empty: "it holds no certificate in PEM form"}
    for path, why in words.items():
        said = street.ask(client, street.secure.at("localhost"), ca_file=path)
        assert re.search(f"the CA file {path} cannot be used: {why}", said)
    assert street.secure.reached == 0


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_nobody_is_led_from_https_to_http(street: Street, client: Client) -> None:
    street.secure.mood, street.secure.elsewhere = "moved", street.plain.at("localhost")
    said = street.ask(client, street.secure.at("localhost"))
    assert said not in (DIRECT, THROUGH)
    if client.method == "GET":
        assert "which is less safe" in said
    assert (street.secure.reached, street.plain.reached) == (1, 0)


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_redirects_end(street: Street, client: Client) -> None:
    street.secure.mood, street.secure.elsewhere = "moved", street.secure.at("localhost")
    said = street.ask(client, street.secure.at("localhost"))
    assert said not in (DIRECT, THROUGH)
    assert street.secure.reached == (6 if client.method == "GET" else 1)


@pytest.mark.parametrize("client", CLIENTS, ids=str)
@pytest.mark.parametrize("mood", ["hanging", "dripping", "trickling"])
def test_one_limit_bounds_everything(street: Street, client: Client, mood: str) -> None:
    street.secure.mood = mood
    said = street.ask(client, street.secure.at("localhost"), seconds=0.5)
    assert "no answer in time" in said


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_a_proxy_that_hangs_takes_no_longer(street: Street, client: Client) -> None:
    street.proxy.mood = "hanging"
    street.patch.setenv("https_proxy", street.proxy.address)
    said = street.ask(client, street.secure.at(NAME), seconds=0.5)
    assert "no answer in time" in said and street.proxy.address in said


def test_poll_and_sync_say_the_same(street: Street) -> None:
    broken = [
        {"all_proxy": "socks5://127.0.0.1:1"},
        {"all_proxy": "http://127.0.0.1:1"},
        {"no_proxy": "*"},
    ]
    for environ in broken:
        set_environ(street, street.secure, environ)
        polled, synced = (street.ask(one, street.secure.at(NAME)) for one in (POLL, SYNC))
        assert polled.partition(" (")[0] == synced.partition(" (")[0]
