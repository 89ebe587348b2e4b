"""What every allowlist source has to do, on the fake and on the real ones."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import HealthCheck, given, settings

from agent.adapters.allowlist_file import FileAllowlist, dump
from agent.errors import AllowlistRejected
from agent.ports import AllowlistSource
from core.allowlist.allowlist import Allowlist, Level, ListInfo
from core.decision.decision import decide
from core.image.identity import ImageIdentity
from tests.core.build import DAY, NOW, approval, deny, image, waiver
from tests.core.strategies import chains, images
from tests.fakes.allowlist import MemoryAllowlist


class Publisher(Protocol):
    """A source and the hand that writes to it."""

    source: AllowlistSource

    def publish(self, levels: Sequence[Level], sequence: int, contact: str = "") -> None: ...

    def spoil(self) -> None: ...


class InMemory:
    def __init__(self, _: Path) -> None:
        self.memory = MemoryAllowlist()
        self.source: AllowlistSource = self.memory
        self.publish = self.memory.publish
        self.spoil = self.memory.spoil


class InFile:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "allowlist.json"
        self.source: AllowlistSource = FileAllowlist(self.path)

    def publish(self, levels: Sequence[Level], sequence: int, contact: str = "") -> None:
        self._replace(dump(levels, sequence, contact))

    def spoil(self) -> None:
        self._replace(self.path.read_bytes()[:-9])

    def _replace(self, content: bytes) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_bytes(content)
        fresh.chmod(0o600)
        fresh.rename(self.path)


@pytest.fixture(params=[InMemory, InFile], ids=["fake", "file"])
def publisher(request: pytest.FixtureRequest, tmp_path: Path) -> Publisher:
    made: Publisher = request.param(tmp_path)
    return made


LEVELS = (
    Level("acme", (approval("a", expires_at=NOW + 2 * DAY),), (deny("d"),)),
    Level("acme.pay", (approval("b"),), (), (waiver("deny", "d", expires_at=NOW + DAY),)),
)


def test_there_is_no_list_before_one_is_published(publisher: Publisher) -> None:
    with pytest.raises(AllowlistRejected) as caught:
        publisher.source.load()
    assert caught.value.hint


def test_the_list_shows_what_was_published(publisher: Publisher) -> None:
    publisher.publish(LEVELS, 7, "ask Ann")
    trusted = publisher.source.load()
    info = trusted.info
    assert (info.sequence, info.scope, info.contact) == (7, "acme.pay", "ask Ann")
    assert (info.approvals, info.denies, info.signed) == (2, 1, False)
    assert info.origin
    assert list(trusted.approvals()) == [approval("a", expires_at=NOW + 2 * DAY), approval("b")]
    assert list(trusted.approvals()) == list(trusted.approvals())
    assert trusted.next_expiry(NOW) == NOW + DAY
    assert trusted.next_expiry(NOW + DAY) == NOW + 2 * DAY
    assert trusted.next_expiry(NOW + 2 * DAY) is None


def test_only_what_concerns_the_image_is_returned(publisher: Publisher) -> None:
    publisher.publish(LEVELS, 1)
    trusted = publisher.source.load()
    assert trusted.about(image("b")).approvals == ((1, approval("b")),)
    assert trusted.about(image("d")).denies == ((0, deny("d")),)
    nothing = trusted.about(image("?"))
    assert not (nothing.approvals or nothing.denies or nothing.waivers or nothing.bases)
    assert nothing.scopes == ("acme", "acme.pay")


def test_a_loaded_list_stays_as_it_was(publisher: Publisher) -> None:
    publisher.publish(LEVELS, 1)
    first = publisher.source.load()
    publisher.publish((Level("acme", denies=(deny("a"),)),), 2)
    second = publisher.source.load()
    assert (first.info.sequence, second.info.sequence) == (1, 2)
    assert first.about(image("a")).approvals
    assert not first.about(image("a")).denies
    assert second.about(image("a")).denies


def test_a_broken_list_is_refused_and_the_next_good_one_taken(publisher: Publisher) -> None:
    publisher.publish(LEVELS, 1)
    kept = publisher.source.load()
    publisher.spoil()
    with pytest.raises(AllowlistRejected):
        publisher.source.load()
    assert kept.about(image("a")).approvals
    publisher.publish(LEVELS, 2)
    assert publisher.source.load().info.sequence == 2


def test_an_older_list_is_given_as_such(publisher: Publisher) -> None:
    """The adopter decides about going back."""
    publisher.publish(LEVELS, 9)
    publisher.source.load()
    publisher.publish(LEVELS, 3)
    assert publisher.source.load().info.sequence == 3


def test_watched_paths_are_absolute(publisher: Publisher) -> None:
    assert all(Path(path).is_absolute() for path in publisher.source.watched())


@settings(
    max_examples=100,
    # one publisher serves them all
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(chains(), images)
def test_every_image_is_evaluated_as_by_the_list_in_memory(
    publisher: Publisher, levels: tuple[Level, ...], of: ImageIdentity
) -> None:
    publisher.publish(levels, 1)
    given_statements = publisher.source.load().about(of)
    expected = Allowlist(levels, ListInfo(1, "test", signed=False)).about(of)
    assert set(given_statements.approvals) == set(expected.approvals)
    assert set(given_statements.bases) == set(expected.bases)
    assert set(given_statements.base_denies) == set(expected.base_denies)
    for derived in (False, True):
        evaluated = decide(of, given_statements, allow_derived=derived, now=NOW)
        assert evaluated == decide(of, expected, allow_derived=derived, now=NOW)
