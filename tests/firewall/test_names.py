"""What names mean over time, without any network."""

from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.egress.egress_settings import Service, nameservers, refusable, service
from agent.adapters.egress.resolved_names import GRACE, Names
from tests.fakes.clock import FakeClock


class Resolver:
    """Gives scripted answers."""

    def __init__(self) -> None:
        self.answers: dict[str, list[str]] = {}

    def __call__(self, name: str) -> list[str]:
        if name not in self.answers:
            raise OSError("no such name")
        return self.answers[name]


@pytest.fixture
def resolver() -> Resolver:
    return Resolver()


def names_of(path: Path, clock: FakeClock, resolver: Resolver) -> Names:
    return Names(path / "state" / "names.json", clock, resolver)


def meaning(names: Names, name: str = "quay.test") -> list[str]:
    return sorted(map(str, names.addresses(name)))


def test_answers_of_the_last_hour_count_together(tmp_path: Path, resolver: Resolver) -> None:
    clock = FakeClock()
    names = names_of(tmp_path, clock, resolver)
    resolver.answers["quay.test"] = ["1.1.1.1"]
    assert names.refresh(["quay.test"])
    assert not names.refresh(["quay.test"])
    clock.advance(GRACE - 1)
    resolver.answers["quay.test"] = ["2.2.2.2", "2001:db8::2"]
    assert names.refresh(["quay.test"])
    assert meaning(names) == ["1.1.1.1", "2.2.2.2", "2001:db8::2"]
    clock.advance(2)
    assert names.refresh(["quay.test"])
    assert meaning(names) == ["2.2.2.2", "2001:db8::2"]


def test_an_unanswered_name_keeps_its_last_meaning_for_ever_and_over_a_restart(
    tmp_path: Path, resolver: Resolver
) -> None:
    clock = FakeClock()
    names = names_of(tmp_path, clock, resolver)
    resolver.answers["quay.test"] = ["1.1.1.1"]
    names.refresh(["quay.test"])
    resolver.answers.clear()
    clock.advance(GRACE * 100)
    assert not names.refresh(["quay.test"])
    assert names.failure("quay.test") == "no such name"
    assert meaning(names) == ["1.1.1.1"]
    assert meaning(names_of(tmp_path, clock, resolver)) == ["1.1.1.1"]


def test_what_is_no_longer_asked_for_is_forgotten(tmp_path: Path, resolver: Resolver) -> None:
    names = names_of(tmp_path, FakeClock(), resolver)
    resolver.answers["quay.test"] = ["1.1.1.1"]
    names.refresh(["quay.test"])
    names.refresh([])
    assert meaning(names) == []


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"quay.test": {"1.1.1.1": "x"}}', b"\xff"])
def test_a_damaged_file_is_as_good_as_none(
    tmp_path: Path, resolver: Resolver, damage: bytes
) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "names.json").write_bytes(damage)
    names = names_of(tmp_path, FakeClock(), resolver)
    resolver.answers["quay.test"] = ["1.1.1.1", "not an address"]
    assert names.refresh(["quay.test"])
    assert meaning(names) == ["1.1.1.1"]


def test_an_address_means_itself_and_is_never_asked_for(tmp_path: Path, resolver: Resolver) -> None:
    names = names_of(tmp_path, FakeClock(), resolver)
    names.refresh(["10.0.0.1", "::1"])
    assert meaning(names, "10.0.0.1") == ["10.0.0.1"]
    assert not names.failure("10.0.0.1")


@pytest.mark.parametrize(
    "text, expected",
    [
        ("https://images.acme.test", Service("images.acme.test", "tcp", 443)),
        ("http://Images.acme.test/", Service("images.acme.test", "tcp", 80)),
        ("https://[fd00::1]:5000", Service("fd00::1", "tcp", 5000)),
        ("ntp.acme.test:123/udp", Service("ntp.acme.test", "udp", 123)),
        ("[fd00::1]:25", Service("fd00::1", "tcp", 25)),
    ],
)
def test_services_are_read_from_urls_and_from_host_and_port(text: str, expected: Service) -> None:
    assert service(text) == expected


INSIDE = """
127.0.0.1 0.0.0.0 10.1.2.3 172.16.0.1 192.168.1.1 169.254.0.1 100.64.0.1 224.0.0.1
::1 :: fe80::1 fd00::1 ::ffff:1.2.3.4
"""


@pytest.mark.parametrize("address", INSIDE.split())
def test_a_sinkhole_for_a_public_registry_takes_nothing_inside_down(address: str) -> None:
    assert not refusable(ip_address(address))


def test_public_addresses_are_refusable() -> None:
    assert refusable(ip_address("34.226.69.105"))
    assert refusable(ip_address("2600:1f18::1"))


@given(st.text())
def test_any_resolv_conf_is_read(text: str) -> None:
    nameservers(text)


def test_resolvers_are_found_with_and_without_zones() -> None:
    text = "# x\nnameserver 127.0.0.53\nsearch a.test\nnameserver fe80::1%eth0\nnameserver bad\n"
    assert nameservers(text) == {ip_address("127.0.0.53"), ip_address("fe80::1")}
