"""The decision about one image and the reason for it; pure and total."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from core.allowlist.allowlist import Approval, Exemption, Statements
from core.decision.evaluation import Evaluation, Lift, in_time
from core.decision.verdict import Verdict
from core.image.digest import Digest
from core.image.identity import ImageIdentity


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict with its reason: which digest matched what, at which level of the chain.

    `reason` is a whole sentence for people. `scope` names the level that spoke (`host` for the
    host's own exemption), `matched` the digest it spoke of, `repository` the approval's.
    `until` is when the verdict ends by itself.
    """

    verdict: Verdict
    reason: str
    scope: str = ""
    matched: Digest | None = None
    repository: str = ""
    until: datetime | None = None


def undetermined(reason: str) -> Decision:
    """The decision about what could not be observed in time."""
    return Decision(Verdict.UNDETERMINED, reason)


def decide(
    image: ImageIdentity,
    statements: Statements,
    *,
    exemptions: Iterable[Exemption] = (),
    allow_derived: bool = False,
    now: datetime,
) -> Decision:
    """Evaluate one image over the host's chain of levels (docs/how-it-works.md): never raises.

    1. A deny or revocation that no waiver of its own level or above lifts wins.
    2. An unexpired approval that satisfies the constraints of its level and all above approves;
       if a waiver was needed for that, the verdict is `waived`.
    3. This host's exemption waives what is merely expired or unlisted, unless a level forbids it.
    4. An approved base makes it `derived` where the host accepts that, unless a deny, even one
       that is lifted, names the image: what was denied by name runs only by name.
    5. Else expired, or unlisted.

    Approvals, waivers and exemptions count only if they meet the image here once more; a deny
    among the statements counts as it is. What ends at `now` has ended. All times are aware.
    """
    evaluation = Evaluation(image, in_time(statements, now), now)
    return (
        _forbidden(evaluation)
        or _granted(evaluation)
        or _exempted(evaluation, exemptions)
        or (_derived(evaluation) if allow_derived else None)
        or _refused(evaluation)
    )


def _forbidden(evaluation: Evaluation) -> Decision | None:
    denies = evaluation.statements.denies
    unlifted = [(depth, deny) for depth, deny in denies if evaluation.lift("deny", depth) is None]
    if not unlifted:
        return None
    depth, deny = min(unlifted, key=lambda entry: (entry[0], entry[1].revoked, entry[1].reason))
    scope, matched = deny.scope or evaluation.scope(depth), evaluation.matched(deny.digests)
    verdict = Verdict.REVOKED if deny.revoked else Verdict.DENIED
    verb = "revoked its approval of" if deny.revoked else "denies"
    reason = f"{scope} {verb} this image ({matched or evaluation.image.image_id}): {deny.reason}"
    return Decision(verdict, _sentence(reason), scope, matched)


def _granted(evaluation: Evaluation) -> Decision | None:
    grant = evaluation.best_grant(expired=False)
    if grant is None:
        return None
    approval, until = grant.approval, grant.until
    scope, matched = evaluation.scope(grant.depth), evaluation.matched(approval.digests)
    reason = f"{scope} approves this image as {approval.repository} ({matched})"
    reason += _until(approval.expires_at)
    for clause in dict.fromkeys(_clauses(evaluation, grant.lifts)):
        reason += f"; {clause}"
    verdict = Verdict.WAIVED if grant.lifts else Verdict.APPROVED
    return Decision(verdict, _sentence(reason), scope, matched, approval.repository, until)


def _clauses(evaluation: Evaluation, lifts: Iterable[Lift]) -> Iterator[str]:
    for lift in lifts:
        waiver, above, below = (
            lift.waiver,
            evaluation.scope(lift.depth),
            evaluation.scope(lift.against),
        )
        what = "demands" if waiver.lifts == "constraint" else "deny"
        by = f"by {above}{_until(waiver.expires_at)} (owner {waiver.owner})"
        yield f"a waiver {by} lifts the {what} of {below}"


def _exempted(evaluation: Evaluation, exemptions: Iterable[Exemption]) -> Decision | None:
    if any(constraints.forbid_exemptions for constraints in evaluation.statements.constraints):
        return None
    digests = evaluation.image.digests
    usable = [e for e in exemptions if e.digest in digests and e.expires_at > evaluation.now]
    if not usable:
        return None
    exemption = max(usable, key=lambda e: (e.expires_at, e.digest))
    until, matched = exemption.expires_at, exemption.digest
    reason = f"This host exempts the image ({matched}){_until(until)}"
    reason += f" by the decision of {exemption.owner}: {exemption.reason}"
    return Decision(Verdict.WAIVED, _sentence(reason), "host", matched, until=until)


def _derived(evaluation: Evaluation) -> Decision | None:
    base = evaluation.best_base()
    if base is None:
        return None
    scope, approval = evaluation.scope(base.depth), base.approval
    reason = f"The image is built on {approval.repository} (layer chain {base.chain_id})"
    reason += f", which {scope} approves{_until(approval.expires_at)}"
    return Decision(
        Verdict.DERIVED,
        _sentence(reason),
        scope,
        base.chain_id,
        approval.repository,
        approval.expires_at,
    )


def _refused(evaluation: Evaluation) -> Decision:
    grant = evaluation.best_grant(expired=True)
    if grant is None:
        return _unlisted(evaluation)
    approval = grant.approval
    scope, matched = evaluation.scope(grant.depth), evaluation.matched(approval.digests)
    reason = f"{scope} approved this image as {approval.repository} ({matched}), but only"
    reason += _until(approval.expires_at)
    return Decision(Verdict.EXPIRED, _sentence(reason), scope, matched, approval.repository)


def _unlisted(evaluation: Evaluation) -> Decision:
    breach = evaluation.breach()
    if breach is None:
        levels = " or ".join(evaluation.statements.scopes) or "any level"
        reason = f"The image ({evaluation.image.image_id}) is not approved by {levels}"
        if evaluation.statements.denies:
            reason += "; a waiver lifts its deny, but approves nothing"
        return Decision(Verdict.UNLISTED, _sentence(reason))
    approval, against = breach.approval, evaluation.scope(breach.against)
    scope, matched = evaluation.scope(breach.depth), evaluation.matched(approval.digests)
    reason = f"{scope} approves this image as {approval.repository} ({matched}), but not as"
    reason += f" {against} demands: {'; '.join(breach.clauses)}"
    return Decision(Verdict.UNLISTED, _sentence(reason), scope, matched, approval.repository)


def _until(end: datetime | None) -> str:
    if end is None:
        return ""
    return f" until {end.isoformat(sep=' ', timespec='seconds').replace('+00:00', 'Z')}"


def _sentence(text: str) -> str:
    """One line that ends with a full stop, whatever the list's free texts hold."""
    line = " ".join(text.split())
    return line if line.endswith((".", "!", "?")) else f"{line}."


def in_force(
    approval: Approval, about: Callable[[ImageIdentity], Statements], *, now: datetime
) -> bool:
    """Whether an image of this approval may run at present: it has not ended, nothing denies
    it, no constraint is against it. `about` is the list's."""
    images = (ImageIdentity(digest) for digest in approval.digests)
    good = (Verdict.APPROVED, Verdict.WAIVED)
    return any(decide(image, about(image), now=now).verdict in good for image in images)
