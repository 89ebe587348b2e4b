"""What every trusted list has to answer, in memory and from the index."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.adapters.signed_list import SignedList
from agent.helpers.sync.list_index.index_rows import pack_constraints
from agent.helpers.sync.list_index.index_writer import writing
from agent.ports import TrustedList
from core.allowlist.allowlist import Allowlist, Approval, Deny, Exemption, Level, ListInfo, Waiver
from core.decision.decision import decide
from core.decision.verdict import Verdict
from core.image.digest import Digest
from core.image.identity import ImageIdentity
from tests.core.build import DAY, NOW, TICK, approval, deny, digest, image, waiver
from tests.core.decision_model import verdict
from tests.core.strategies import chains, denied, exemptions, images, instants

Maker = Callable[[Sequence[Level], Path], TrustedList]
INFO = ListInfo(1, "test", signed=True)


def in_memory(levels: Sequence[Level], _: Path) -> TrustedList:
    return Allowlist(levels, INFO)


def others(level: Level) -> tuple[Deny | Waiver, ...]:
    return (*level.denies, *level.waivers)


def in_index(levels: Sequence[Level], folder: Path) -> TrustedList:
    """The levels as they are, even where no payload could say them (approvals without end)."""
    columns = (1, "0" * 64, 0, 0, "")
    with writing(folder / "index.sqlite", None) as writer:
        for depth, level in enumerate(levels):
            writer.load(depth, ((one, b"") for one in level.approvals))
        writer.replace_others(
            (depth, other) for depth, level in enumerate(levels) for other in others(level)
        )
        writer.replace_scopes(
            (level.scope, depth, *columns, pack_constraints(level.constraints))
            for depth, level in enumerate(levels)
        )
    return SignedList(folder)


@pytest.fixture(params=[in_memory, in_index], ids=["memory", "index"])
def make(request: pytest.FixtureRequest) -> Maker:
    made: Maker = request.param
    return made


@pytest.fixture
def trusted_of(make: Maker, tmp_path: Path) -> Callable[[Sequence[Level]], TrustedList]:
    return lambda levels: make(levels, tmp_path)


LEVELS = (
    Level("acme", (approval("a", expires_at=NOW + 2 * DAY, chain=("os",)),), (deny("d"),)),
    Level("acme.pay", (approval("b"),), (), (waiver("deny", "d", expires_at=NOW + DAY),)),
)


def test_only_what_concerns_the_image_is_returned(make: Maker, tmp_path: Path) -> None:
    trusted = make(LEVELS, tmp_path)
    assert trusted.about(image("b")).approvals == ((1, approval("b")),)
    assert trusted.about(image("d")).denies == ((0, deny("d")),)
    nothing = trusted.about(image("?"))
    assert not (nothing.approvals or nothing.denies or nothing.waivers or nothing.bases)
    assert nothing.scopes == ("acme", "acme.pay")
    assert len(nothing.constraints) == 2


def test_an_image_called_like_a_layer_chain_is_not_approved_by_it(
    make: Maker, tmp_path: Path
) -> None:
    trusted = make(LEVELS, tmp_path)
    assert not trusted.about(image("os")).approvals
    assert trusted.about(image("x", chain=("os",))).bases == ((0, LEVELS[0].approvals[0]),)


def test_digests_that_begin_alike_are_distinguished(make: Maker, tmp_path: Path) -> None:
    start = "ab" * 8
    one, other = Digest("sha256", start + "0" * 48), Digest("sha256", start + "1" * 48)
    level = Level("acme", (Approval("app", frozenset({one})),), (Deny(frozenset({other}), "no"),))
    trusted = make((level,), tmp_path)
    assert trusted.about(ImageIdentity(one)).approvals
    assert not trusted.about(ImageIdentity(one)).denies
    assert trusted.about(ImageIdentity(other)).denies
    assert not trusted.about(ImageIdentity(other)).approvals


def test_digests_of_other_algorithms_are_kept(make: Maker, tmp_path: Path) -> None:
    long = Digest("sha512", "a" * 128)
    whole = Approval("app", frozenset({long, digest("b")}), chain_ids=frozenset({digest("l")}))
    trusted = make((Level("acme", (whole,)),), tmp_path)
    assert trusted.about(ImageIdentity(long)).approvals == ((0, whole),)
    assert trusted.about(image("?", chain=("l",))).bases == ((0, whole),)


def test_all_approvals_come_top_level_first(make: Maker, tmp_path: Path) -> None:
    many = tuple(approval(f"n{n}") for n in range(600))
    trusted = make((Level("acme", (approval("a"),)), Level("acme.pay", many)), tmp_path)
    assert tuple(trusted.approvals()) == (approval("a"), *many)
    assert tuple(trusted.approvals()) == tuple(trusted.approvals())


def test_alike_are_repositories_with_the_same_last_part(make: Maker, tmp_path: Path) -> None:
    names = ("docker.io/library/app", "r.example/my-app", "app", "r.example/app/web")
    approvals = tuple(approval(name, repository=name) for name in names)
    trusted = make((Level("acme", approvals),), tmp_path)
    assert [one.repository for one in trusted.alike("app")] == ["docker.io/library/app", "app"]
    assert not list(trusted.alike(""))


def test_the_next_expiry_is_of_approvals_waivers_and_denies(make: Maker, tmp_path: Path) -> None:
    ending = Deny(frozenset({digest("e")}), "now", expires_at=NOW + 3 * DAY, scope="emergency")
    levels = (*LEVELS, Level("acme.pay.web", denies=(ending,)))
    trusted = make(levels, tmp_path)
    assert trusted.next_expiry(NOW) == NOW + DAY
    assert trusted.next_expiry(NOW + DAY) == NOW + 2 * DAY
    assert trusted.next_expiry(NOW + 2 * DAY) == NOW + 3 * DAY
    assert trusted.next_expiry(NOW + 3 * DAY - TICK) == NOW + 3 * DAY
    assert trusted.next_expiry(NOW + 3 * DAY) is None


def test_an_emergency_deny_counts_until_the_second_at_which_it_ends(
    make: Maker, tmp_path: Path
) -> None:
    end = NOW + timedelta(hours=4)
    ending = Deny(frozenset({digest("a")}), "exploited", expires_at=end, scope="emergency")
    approved = Level("acme", (approval("a"),), (ending,))
    lowly = Level("acme.pay", waivers=(waiver("deny", "a"),))
    trusted = make((approved, lowly), tmp_path)

    def evaluated(now: datetime) -> Verdict:
        return decide(image("a"), trusted.about(image("a")), now=now).verdict

    assert evaluated(end - TICK) is Verdict.DENIED
    assert evaluated(end) is Verdict.APPROVED
    decision = decide(image("a"), trusted.about(image("a")), now=NOW)
    assert decision.scope == "emergency"
    assert decision.reason.startswith("emergency denies this image")


def test_many_threads_read_at_once(make: Maker, tmp_path: Path) -> None:
    trusted = make((Level("acme", tuple(approval(f"n{n}") for n in range(300))),), tmp_path)
    wrong: list[int] = []

    def read(begin: int) -> None:
        for n in range(begin, begin + 300):
            found = trusted.about(image(f"n{n % 300}")).approvals
            if found != ((0, approval(f"n{n % 300}")),):
                wrong.append(n)

    threads = [threading.Thread(target=read, args=(n * 40,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Level, ...]:
    """A chain to whose top the emergency role has added denies that end."""
    top, *below = draw(chains())
    urgent = draw(st.lists(emergency_denies, max_size=2))
    return (replace(top, denies=(*top.denies, *urgent)), *below)


days_off = st.sampled_from((-3, -1, 0, 1, 3))
emergency_denies = st.builds(
    Deny,
    digests=denied,
    reason=st.just("exploited"),
    expires_at=instants,
    scope=st.just("emergency"),
)


@settings(
    max_examples=150,
    # one folder serves them all
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(worlds(), images, exemptions, st.booleans(), days_off)
def test_every_verdict_is_that_of_the_plain_model(
    trusted_of: Callable[[Sequence[Level]], TrustedList],
    levels: tuple[Level, ...],
    of: ImageIdentity,
    exempted: list[Exemption],
    derived: bool,
    days: int,
) -> None:
    """Deny wins, waivers by their level, constraints of ancestors, ends at their very instant."""
    trusted = trusted_of(levels)
    for moment in (NOW + days * DAY - TICK, NOW + days * DAY):
        evaluated = decide(
            of, trusted.about(of), exemptions=exempted, allow_derived=derived, now=moment
        )
        expected = verdict(of, without_ended_denies(levels, moment), exempted, derived, moment)
        assert evaluated.verdict is expected


def without_ended_denies(levels: tuple[Level, ...], moment: datetime) -> tuple[Level, ...]:
    """What the levels say at that moment, as plainly as can be."""
    kept: list[Level] = []
    for level in levels:
        denies = [d for d in level.denies if d.expires_at is None or moment < d.expires_at]
        kept.append(replace(level, denies=tuple(denies)))
    return tuple(kept)


@settings(max_examples=100)
@given(worlds(), images)
def test_the_index_says_what_memory_says(
    tmp_path_factory: pytest.TempPathFactory, levels: tuple[Level, ...], of: ImageIdentity
) -> None:
    expected = Allowlist(levels, INFO).about(of)
    found = in_index(levels, tmp_path_factory.mktemp("index")).about(of)
    assert (found.scopes, found.constraints) == (expected.scopes, expected.constraints)
    for kind in ("approvals", "denies", "waivers", "bases", "base_denies"):
        assert Counter(getattr(found, kind)) == Counter(getattr(expected, kind)), kind
