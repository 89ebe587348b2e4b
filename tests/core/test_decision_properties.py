"""The decision against its model and its laws, over worlds that Hypothesis makes up."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from core.allowlist.allowlist import (
    Allowlist,
    Approval,
    Constraints,
    Exemption,
    Level,
    ListInfo,
    Waiver,
)
from core.decision.decision import Decision, decide
from core.decision.verdict import Verdict
from core.image.identity import ImageIdentity
from tests.core import decision_model
from tests.core.build import NOW, TICK, waiver
from tests.core.strategies import (
    approvals,
    chains,
    constraints,
    denies,
    exemptions,
    images,
    waivers,
)

PERMITTED = {Verdict.APPROVED, Verdict.WAIVED, Verdict.DERIVED}
INFO = ListInfo(1, "test", signed=False)


def evaluated(
    image: ImageIdentity,
    levels: Sequence[Level],
    exempt: Sequence[Exemption] = (),
    *,
    derived: bool = True,
    now: datetime = NOW,
) -> Decision:
    statements = Allowlist(levels, INFO).about(image)
    return decide(image, statements, exemptions=exempt, allow_derived=derived, now=now)


def changed(levels: Sequence[Level], index: int, level: Level) -> tuple[Level, ...]:
    return (*levels[:index], level, *levels[index + 1 :])


@settings(max_examples=1000)
@given(images, chains(), exemptions, st.booleans())
def test_it_agrees_with_the_model(
    image: ImageIdentity, levels: tuple[Level, ...], exempt: list[Exemption], derived: bool
) -> None:
    expected = decision_model.verdict(image, levels, exempt, derived, NOW)
    assert evaluated(image, levels, exempt, derived=derived).verdict is expected


@given(images, chains(), exemptions, approvals(), st.data())
def test_no_approval_or_exemption_makes_a_forbidden_image_run(
    image: ImageIdentity,
    levels: tuple[Level, ...],
    exempt: list[Exemption],
    added: Approval,
    data: st.DataObject,
) -> None:
    before = evaluated(image, levels)
    if not before.verdict.is_forbidden:
        return
    n = data.draw(st.integers(0, len(levels) - 1))
    added = replace(added, digests=image.digests, expires_at=None)
    more = changed(levels, n, replace(levels[n], approvals=(*levels[n].approvals, added)))
    assert evaluated(image, more, exempt) == before


@given(images, chains(), exemptions, st.data())
def test_a_deny_that_no_waiver_reaches_wins(
    image: ImageIdentity,
    levels: tuple[Level, ...],
    exempt: list[Exemption],
    data: st.DataObject,
) -> None:
    n = data.draw(st.integers(0, len(levels) - 1))
    named = replace(data.draw(denies), digests=frozenset({image.image_id}))
    bare = [replace(level, waivers=()) for level in levels[: n + 1]]
    more = [*bare, *levels[n + 1 :]]
    more[n] = replace(more[n], denies=(*more[n].denies, named))
    assert evaluated(image, more, exempt).verdict.is_forbidden


@given(images, chains(), st.data())
def test_a_waiver_of_a_level_below_lifts_nothing_above(
    image: ImageIdentity, levels: tuple[Level, ...], data: st.DataObject
) -> None:
    before = evaluated(image, levels)
    if not before.verdict.is_forbidden:
        return
    depth = next(n for n, level in enumerate(levels) if level.scope == before.scope)
    below = data.draw(st.integers(depth + 1, len(levels)))
    free = replace(waiver("deny"), digests=image.digests)
    levels = (*levels, Level("acme.pay.web.cart.more"))
    level = levels[below]
    more = changed(levels, below, replace(level, waivers=(*level.waivers, free)))
    assert evaluated(image, more).verdict is before.verdict


@given(images, chains(), exemptions, st.data())
def test_what_has_ended_changes_nothing(
    image: ImageIdentity,
    levels: tuple[Level, ...],
    exempt: list[Exemption],
    data: st.DataObject,
) -> None:
    ended = replace(data.draw(waivers), expires_at=NOW)
    n = data.draw(st.integers(0, len(levels) - 1))
    more = changed(levels, n, replace(levels[n], waivers=(*levels[n].waivers, ended)))
    old = Exemption(image.image_id, "why", "ops", NOW)
    assert evaluated(image, more, [*exempt, old]) == evaluated(image, levels, exempt)


@given(images, chains(), exemptions, constraints, st.data())
def test_a_constraint_never_permits_more(
    image: ImageIdentity,
    levels: tuple[Level, ...],
    exempt: list[Exemption],
    demanded: Constraints,
    data: st.DataObject,
) -> None:
    n = data.draw(st.integers(0, len(levels) - 1))
    free = changed(levels, n, replace(levels[n], constraints=Constraints()))
    bound = changed(levels, n, replace(levels[n], constraints=demanded))
    if evaluated(image, bound, exempt).verdict in PERMITTED:
        assert evaluated(image, free, exempt).verdict in PERMITTED


@given(images, chains(), st.integers(1, 20 * 86_400))
def test_a_permission_holds_until_its_end_and_an_approval_not_longer(
    image: ImageIdentity, levels: tuple[Level, ...], seconds: int
) -> None:
    decision = evaluated(image, levels)
    later = NOW + timedelta(seconds=seconds)
    if decision.verdict not in (Verdict.APPROVED, Verdict.WAIVED):
        return
    if decision.until is None or later < decision.until:
        assert evaluated(image, levels, now=later).verdict in PERMITTED
    if decision.verdict is Verdict.APPROVED and decision.until is not None:
        assert evaluated(image, levels, now=decision.until - TICK).verdict is Verdict.APPROVED
        assert evaluated(image, levels, now=decision.until).verdict is not Verdict.APPROVED


@given(images, chains(), st.floats(0, 1, exclude_max=True))
def test_no_verdict_changes_by_itself_before_the_next_expiry(
    image: ImageIdentity, levels: tuple[Level, ...], part: float
) -> None:
    ends = Allowlist(levels, INFO).next_expiry(NOW) or NOW + timedelta(days=99)
    assert ends > NOW
    moment = NOW + (ends - TICK - NOW) * part
    assert evaluated(image, levels, now=moment).verdict is evaluated(image, levels).verdict


@given(images, chains(), exemptions, st.booleans())
def test_the_reason_is_one_sentence_that_names_the_level_and_the_digest(
    image: ImageIdentity, levels: tuple[Level, ...], exempt: list[Exemption], derived: bool
) -> None:
    decision = evaluated(image, levels, exempt, derived=derived)
    assert decision.reason.isprintable()
    assert decision.reason.endswith(".")
    assert decision.scope in (*(level.scope for level in levels), "host", "")
    assert decision.scope in decision.reason.lower()
    assert str(decision.matched or image.image_id) in decision.reason


@given(images, chains(), st.lists(approvals()), st.lists(waivers))
def test_statements_about_another_image_permit_nothing(
    image: ImageIdentity, levels: tuple[Level, ...], strange: list[Approval], lifts: list[Waiver]
) -> None:
    statements = Allowlist(levels, INFO).about(image)
    more = replace(
        statements,
        approvals=statements.approvals
        + tuple((0, approval) for approval in strange if not approval.digests & image.digests),
        waivers=statements.waivers
        + tuple((0, waiver) for waiver in lifts if not waiver.digests & image.digests),
    )
    assert decide(image, more, now=NOW) == decide(image, statements, now=NOW)
