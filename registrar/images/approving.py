"""From a resolved image to an approval, and what prevents it; pure, nothing is written."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from core.allowlist.allowlist import Constraints, Deny, Waiver
from core.base_errors import DockwardenError
from core.decision.constraints import breaches, matches
from core.image.digest import Digest
from core.list_format.payload import SignedApproval
from registrar.images.durations import DAY, readable
from registrar.images.resolve import ResolvedImage
from registrar.workspace import Draft

LIFTS_CONSTRAINT: Final = "constraint"


class NotApproved(DockwardenError):
    """The approval would break a rule; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Who approves what for how long, on whose request and on which grounds."""

    requester: str
    approver: str
    reason: str
    expires_at: datetime
    scanners: frozenset[str] = frozenset()
    licences: frozenset[str] = frozenset()
    evidence: Digest | None = None


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One thing that would keep hosts from running the image although it is approved."""

    scope: str
    what: str
    fix: str


@dataclass(frozen=True, slots=True)
class Vetted:
    """An approval that can be written, or why it cannot. `replaces` is the approval of the same
    content that is approved now."""

    approval: SignedApproval
    obstacles: tuple[Obstacle, ...] = ()
    replaces: SignedApproval | None = None
    remarks: tuple[str, ...] = field(default=())


def approval_of(image: ResolvedImage, terms: Terms, *, now: datetime) -> SignedApproval:
    """The approval of everything that was resolved."""
    return SignedApproval(
        repository=image.repository,
        platforms=image.platforms,
        approved_at=now,
        expires_at=terms.expires_at,
        index=image.index,
        tags=image.tags,
        requester=terms.requester,
        approvers=(terms.approver,),
        reason=terms.reason,
        evidence=terms.evidence,
        scanners=terms.scanners,
        licences=terms.licences,
    )


def check_two_people(requester: str, approver: str, *, may_be_one: bool, scope: str) -> None:
    """Raises `NotApproved` where one person would both ask and approve."""
    if not requester.strip():
        raise NotApproved("--requester is blank", hint="say who asked for the image")
    if not may_be_one and requester.strip().casefold() == approver.strip().casefold():
        raise NotApproved(
            f"{approver} asked for the image and cannot approve it in {scope}",
            hint="another administrator approves it, or `policy set --scope "
            f"{scope} --one-person` permits it from now on",
        )


def vet(approval: SignedApproval, chain: Sequence[Draft], *, now: datetime) -> Vetted:
    """Evaluate an approval for the last scope of `chain` by what all of its levels say."""
    own = chain[-1]
    replaces = own.approvals.get(approval.id)
    obstacles = tuple(_obstacles(approval, chain, now))
    remarks = [f"{d.scope} approves it already" for d in chain[:-1] if approval.id in d.approvals]
    return Vetted(approval, obstacles, replaces, tuple(remarks))


def _obstacles(
    approval: SignedApproval, chain: Sequence[Draft], now: datetime
) -> Iterator[Obstacle]:
    content = approval.plain.digests
    for depth, draft in enumerate(chain):
        waivers = [w for above in chain[: depth + 1] for w in above.waivers]
        for deny in draft.denies:
            if (
                deny.digests & content
                and deny.holds(now)
                and not _lifted(waivers, "deny", content, now)
            ):
                yield _denied(draft.scope, deny, approval)
        if not _lifted(waivers, LIFTS_CONSTRAINT, content, now):
            for clause in breaches(approval.plain, draft.constraints):
                yield Obstacle(draft.scope, clause, _fix(approval, draft))


def _denied(scope: str, deny: Deny, approval: SignedApproval) -> Obstacle:
    verb = "revoked it" if deny.revoked else "denies it"
    fix = f"`deny remove {approval.id} --scope {scope}` if that reason is gone"
    if deny.revoked:
        fix = f"rebuild the image, or `waiver grant {approval.id} --scope {scope} --lifts deny`"
    return Obstacle(scope, f"{scope} {verb}: {deny.reason}", fix)


def _lifted(
    waivers: Sequence[Waiver], lifts: str, content: frozenset[Digest], now: datetime
) -> bool:
    return any(w.lifts == lifts and w.digests & content and w.expires_at > now for w in waivers)


def _fix(approval: SignedApproval, draft: Draft) -> str:
    """What to type for the first breach of these constraints."""
    demands: Constraints = draft.constraints
    patterns = demands.repositories
    if patterns and not any(matches(p, approval.repository) for p in patterns):
        return f"copy the image to one of {', '.join(patterns)} and approve it from there"
    if missing := demands.required_scanners - approval.scanners:
        return " ".join(f"--scanner {name}" for name in sorted(missing)) + " once it has passed"
    if demands.allowed_licences and not approval.licences <= demands.allowed_licences:
        return f"have {draft.scope} grant a waiver: `waiver grant {approval.id} --lifts constraint`"
    if demands.allowed_licences and not approval.licences:
        return "--licence ID for each licence in the image"
    longest = demands.longest_lifetime
    return (
        f"--expires {longest // DAY}d"
        if longest
        else f"ask the people who decide for {draft.scope}"
    )


def summary(approval: SignedApproval) -> list[str]:
    """What is approved, in lines that a person reviews."""
    names = ", ".join(approval.tags) or "no tag"
    lines = [f"{approval.repository} ({names})"]
    if approval.index:
        lines.append(f"  index      {approval.index}")
    for one in approval.platforms:
        lines += [
            f"  {one.platform}",
            f"    manifest {one.manifest}",
            f"    config   {one.config}",
            f"    chain ID {one.chain_id}",
        ]
    lines.append(f"  until      {readable(approval.expires_at)}")
    lines.append(f"  requested  by {approval.requester or '-'}")
    lines.append(f"  approved   by {', '.join(approval.approvers)}")
    if approval.reason:
        lines.append(f"  reason     {approval.reason}")
    return lines
