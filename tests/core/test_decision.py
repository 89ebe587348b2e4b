"""The decision on single cases that people will ask about."""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.allowlist.allowlist import (
    Allowlist,
    Approval,
    Constraints,
    Deny,
    Exemption,
    Level,
    ListInfo,
    Statements,
)
from core.decision.decision import Decision, decide, in_force
from core.decision.verdict import Verdict
from core.image.identity import ImageIdentity
from tests.core.build import DAY, NOW, TICK, approval, deny, digest, exemption, image, waiver

APP = digest("app")
BASE = approval("base", repository="registry.acme.example/debian", chain=("l0", "l1"))
BUILT = image(chain=("l0", "l1", "l2"))


def evaluate(
    *levels: Level,
    of: ImageIdentity | None = None,
    exempt: Exemption | None = None,
    derived: bool = False,
) -> Decision:
    of = of or image()
    statements = Allowlist(levels, ListInfo(1, "test", signed=False)).about(of)
    exemptions = (exempt,) if exempt else ()
    return decide(of, statements, exemptions=exemptions, allow_derived=derived, now=NOW)


def test_nothing_said_is_unlisted_and_says_where_it_was_looked_for() -> None:
    decision = evaluate(Level("acme"), Level("acme.pay"))
    assert decision == Decision(
        Verdict.UNLISTED, f"The image ({APP}) is not approved by acme or acme.pay."
    )


def test_no_statements_at_all_is_unlisted() -> None:
    assert decide(image(), Statements(), now=NOW).verdict is Verdict.UNLISTED


def test_an_approval_approves_until_its_end() -> None:
    decision = evaluate(Level("acme", (approval(expires_at=NOW + DAY),)))
    assert decision == Decision(
        Verdict.APPROVED,
        f"acme approves this image as registry.acme.example/team/app ({APP})"
        " until 2026-11-24 12:00:00Z.",
        scope="acme",
        matched=APP,
        repository="registry.acme.example/team/app",
        until=NOW + DAY,
    )


def test_the_manifest_digest_counts_as_well() -> None:
    of = ImageIdentity(digest("index"), manifest=APP)
    decision = evaluate(Level("acme", (approval(),)), of=of)
    assert (decision.verdict, decision.matched) == (Verdict.APPROVED, APP)


@pytest.mark.parametrize(
    ("left", "verdict"),
    [(TICK, Verdict.APPROVED), (timedelta(), Verdict.EXPIRED), (-TICK, Verdict.EXPIRED)],
)
def test_an_approval_ends_at_the_very_instant(left: timedelta, verdict: Verdict) -> None:
    assert evaluate(Level("acme", (approval(expires_at=NOW + left),))).verdict is verdict


def test_the_longest_approval_speaks() -> None:
    short, long = approval(expires_at=NOW + DAY), approval(expires_at=NOW + 2 * DAY)
    assert evaluate(Level("acme", (short,)), Level("acme.pay", (long,))).scope == "acme.pay"


@pytest.mark.parametrize("allowed", [0, 1])
@pytest.mark.parametrize("denied", [0, 1])
def test_a_deny_wins_at_whichever_level(denied: int, allowed: int) -> None:
    levels = [Level("acme"), Level("acme.pay")]
    levels[allowed] = replace(levels[allowed], approvals=(approval(),))
    levels[denied] = replace(levels[denied], denies=(deny(),))
    decision = evaluate(*levels, exempt=exemption())
    assert decision.verdict is Verdict.DENIED
    assert decision.reason == f"{levels[denied].scope} denies this image ({APP}): CVE-2026-1."


def test_a_revocation_is_distinguished_from_a_deny() -> None:
    decision = evaluate(Level("acme", denies=(deny(revoked=True, reason="mines\ncoins!"),)))
    assert decision.verdict is Verdict.REVOKED
    assert decision.reason == f"acme revoked its approval of this image ({APP}): mines coins!"


@pytest.mark.parametrize(
    ("waived", "denied", "verdict"),
    [(0, 1, Verdict.WAIVED), (1, 1, Verdict.WAIVED), (1, 0, Verdict.DENIED)],
)
def test_a_waiver_lifts_denies_of_its_own_level_and_below(
    waived: int, denied: int, verdict: Verdict
) -> None:
    levels = [Level("acme", (approval(),)), Level("acme.pay")]
    levels[waived] = replace(levels[waived], waivers=(waiver("deny"),))
    levels[denied] = replace(levels[denied], denies=(deny(),))
    assert evaluate(*levels).verdict is verdict


def test_a_waiver_is_named_and_ends_the_verdict() -> None:
    decision = evaluate(Level("acme", (approval(),), (deny(),), (waiver("deny"),)))
    assert decision.until == NOW + DAY
    assert decision.reason.endswith(
        "; a waiver by acme until 2026-11-24 12:00:00Z (owner eve) lifts the deny of acme."
    )


def test_a_lifted_deny_approves_nothing() -> None:
    decision = evaluate(Level("acme", (), (deny(),), (waiver("deny"),)))
    assert decision.verdict is Verdict.UNLISTED
    assert "a waiver lifts its deny, but approves nothing" in decision.reason


def test_one_waiver_must_reach_every_deny() -> None:
    lower = Level("acme.pay", (approval(),), (deny(),), (waiver("deny"),))
    assert evaluate(Level("acme", denies=(deny(revoked=True),)), lower).verdict is Verdict.REVOKED


def test_a_constraint_waiver_lifts_no_deny_nor_the_reverse() -> None:
    strict = Constraints(required_scanners=frozenset({"trivy"}))
    denied = Level("acme", (approval(),), (deny(),), (waiver("constraint"),))
    bound = Level("acme", (approval(),), (), (waiver("deny"),), strict)
    assert evaluate(denied).verdict is Verdict.DENIED
    assert evaluate(bound).verdict is Verdict.UNLISTED


LONG = approval(approved_at=NOW - DAY, expires_at=NOW + 2 * DAY, licences=("GPL-2.0",))


@pytest.mark.parametrize(
    ("constraints", "given", "clause"),
    [
        (
            Constraints(repositories=("registry.acme.example/approved/**", "*/other/*")),
            approval(),
            "registry.acme.example/team/app fits none of the permitted repositories"
            " */other/*, registry.acme.example/approved/**",
        ),
        (
            Constraints(required_scanners=frozenset({"trivy", "grype"})),
            approval(scanners=("trivy",)),
            "no verdict of the required grype is recorded",
        ),
        (
            Constraints(allowed_licences=frozenset({"MIT"})),
            approval(licences=("MIT", "SSPL-1.0")),
            "the licences SSPL-1.0 are not permitted",
        ),
        (
            Constraints(longest_lifetime=2 * DAY),
            LONG,
            "it lasts 3 days, and 2 days is the longest permitted",
        ),
        (
            Constraints(longest_lifetime=2 * DAY),
            approval(approved_at=NOW),
            "it has no beginning and end, and 2 days is the longest permitted",
        ),
    ],
)
def test_constraints_of_ancestors_bind(
    constraints: Constraints, given: Approval, clause: str
) -> None:
    levels = Level("acme", constraints=constraints), Level("acme.pay", (given,))
    decision = evaluate(*levels)
    assert decision.verdict is Verdict.UNLISTED
    assert decision.reason == (
        f"acme.pay approves this image as registry.acme.example/team/app ({APP}),"
        f" but not as acme demands: {clause}."
    )
    lifted = replace(levels[0], waivers=(waiver("constraint"),))
    assert evaluate(lifted, levels[1]).verdict is Verdict.WAIVED
    below = replace(levels[1], waivers=(waiver("constraint"),))
    assert evaluate(levels[0], below).verdict is Verdict.UNLISTED


def test_constraints_of_a_level_below_do_not_bind_those_above() -> None:
    below = Level("acme.pay", constraints=Constraints(repositories=("nowhere/*",)))
    assert evaluate(Level("acme", (approval(),)), below).verdict is Verdict.APPROVED


def test_an_expired_approval_that_broke_the_constraints_is_unlisted() -> None:
    strict = Constraints(required_scanners=frozenset({"trivy"}))
    decision = evaluate(Level("acme", (approval(expires_at=NOW),), constraints=strict))
    assert decision.verdict is Verdict.UNLISTED


def test_an_exemption_waives_what_is_expired_or_unlisted() -> None:
    for levels in ((Level("acme"),), (Level("acme", (approval(expires_at=NOW),)),)):
        decision = evaluate(*levels, exempt=exemption())
        assert (decision.verdict, decision.scope) == (Verdict.WAIVED, "host")
        assert decision.until == NOW + DAY
        assert "by the decision of ops: migration" in decision.reason


@pytest.mark.parametrize("useless", [exemption("other"), exemption(expires_at=NOW)])
def test_an_exemption_of_something_else_or_ended_is_none(useless: Exemption) -> None:
    assert evaluate(Level("acme"), exempt=useless).verdict is Verdict.UNLISTED


def test_any_level_may_forbid_exemptions() -> None:
    strict = Level("acme.pay", constraints=Constraints(forbid_exemptions=True))
    assert evaluate(Level("acme"), strict, exempt=exemption()).verdict is Verdict.UNLISTED


def test_what_is_built_on_an_approved_image_is_derived_where_that_is_accepted() -> None:
    decision = evaluate(Level("acme", (BASE,)), of=BUILT, derived=True)
    assert decision.verdict is Verdict.DERIVED
    assert decision.matched == digest("l1")
    assert decision.repository == "registry.acme.example/debian"
    assert evaluate(Level("acme", (BASE,)), of=BUILT).verdict is Verdict.UNLISTED


def test_a_denied_or_expired_or_unfit_base_derives_nothing() -> None:
    strict = Constraints(repositories=("nowhere/*",))
    for level in (
        Level("acme", (BASE,), (deny("base", revoked=True),)),
        Level("acme", (BASE,), (deny("l2"),)),
        Level("acme", (BASE,), (deny("l0"),)),
        Level("acme", (replace(BASE, expires_at=NOW),)),
        Level("acme", (BASE,), constraints=strict),
        Level("acme", (BASE,), (), (waiver("constraint"),), strict),
        Level("acme", (BASE,), (deny(),), (waiver("deny"),)),
    ):
        assert evaluate(level, of=BUILT, derived=True).verdict is Verdict.UNLISTED, level


def test_an_image_without_layers_is_derived_from_nothing() -> None:
    scratch = approval("base", repository="registry.acme.example/scratch")
    assert evaluate(Level("acme", (scratch,)), derived=True).verdict is Verdict.UNLISTED


def test_an_approval_among_the_statements_that_is_not_the_images_is_ignored() -> None:
    strange = Statements(("acme",), (Constraints(),), approvals=((0, approval("other")),))
    assert decide(image(), strange, now=NOW).verdict is Verdict.UNLISTED


def test_a_deny_among_the_statements_is_taken_at_its_word() -> None:
    strange = Statements(("acme",), (Constraints(),), denies=((0, Deny(frozenset(), "why")),))
    assert decide(image(), strange, now=NOW).verdict is Verdict.DENIED


def test_a_waiver_among_the_statements_that_is_not_the_images_is_ignored() -> None:
    strange = Statements(
        ("acme",),
        (Constraints(),),
        approvals=((0, approval()),),
        denies=((0, deny()),),
        waivers=((0, waiver("deny", "other")),),
    )
    assert decide(image(), strange, now=NOW).verdict is Verdict.DENIED


def test_an_approval_may_last_exactly_the_longest_lifetime() -> None:
    strict = Constraints(longest_lifetime=2 * DAY)
    for extra, verdict in ((timedelta(), Verdict.APPROVED), (TICK, Verdict.UNLISTED)):
        given = approval(approved_at=NOW, expires_at=NOW + 2 * DAY + extra)
        assert evaluate(Level("acme", (given,), constraints=strict)).verdict is verdict


def test_an_approval_is_in_force_unless_ended_denied_or_against_a_constraint() -> None:
    good = approval("web", expires_at=NOW + DAY)
    plain = Allowlist([Level("acme", (good,))], ListInfo(1, "test", signed=False))
    denied = Allowlist([Level("acme", (good,), (deny("web"),))], ListInfo(1, "test", signed=False))
    assert in_force(good, plain.about, now=NOW)
    assert not in_force(good, plain.about, now=NOW + DAY)
    assert not in_force(good, denied.about, now=NOW)
