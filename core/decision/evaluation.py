"""One image before the statements that bear on it: the questions a decision asks; no wording."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from core.allowlist.allowlist import Approval, Statements, Waiver
from core.decision.constraints import breaches
from core.image.digest import Digest
from core.image.identity import ImageIdentity

_FOREVER = datetime.max.replace(tzinfo=UTC)


def in_time(statements: Statements, now: datetime) -> Statements:
    """The statements without the denies that have ended."""
    every = (*statements.denies, *statements.base_denies)
    if all(deny.holds(now) for _, deny in every):
        return statements
    return replace(
        statements,
        denies=tuple(entry for entry in statements.denies if entry[1].holds(now)),
        base_denies=tuple(entry for entry in statements.base_denies if entry[1].holds(now)),
    )


@dataclass(frozen=True, slots=True)
class Lift:
    """A waiver of level `depth` put to use against a `lifts` of level `against`."""

    depth: int
    waiver: Waiver
    against: int


@dataclass(frozen=True, slots=True)
class Grant:
    """An approval that satisfies every constraint on it, by these waivers if any were needed."""

    depth: int
    approval: Approval
    lifts: tuple[Lift, ...] = ()

    @property
    def until(self) -> datetime | None:
        """When the approval or one of the waivers ends; None for never."""
        ends = [lift.waiver.expires_at for lift in self.lifts]
        ends += [self.approval.expires_at] if self.approval.expires_at else []
        return min(ends, default=None)


@dataclass(frozen=True, slots=True)
class Breach:
    """An approval and what it lacks under the constraints of the level `against`."""

    depth: int
    approval: Approval
    against: int
    clauses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Base:
    """An approval whose layer chain the image's begins with, up to `chain_id`."""

    depth: int
    approval: Approval
    chain_id: Digest


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An image, what the chain says of it, and the moment of the evaluation."""

    image: ImageIdentity
    statements: Statements
    now: datetime

    def scope(self, depth: int) -> str:
        """The name of a level."""
        scopes = self.statements.scopes
        return scopes[depth] if 0 <= depth < len(scopes) else f"level {depth}"

    def matched(self, digests: frozenset[Digest]) -> Digest | None:
        """Which of the digests the image has; its own ID before its manifest."""
        return next((d for d in (self.image.image_id, self.image.manifest) if d in digests), None)

    def lift(self, what: str, against: int) -> Lift | None:
        """The longest-lasting waiver that lifts `what` (deny, constraint) of the level `against`:
        one for this image, unexpired, of that level or above."""
        lifts = [
            Lift(depth, waiver, against)
            for depth, waiver in self.statements.waivers
            if waiver.lifts == what and depth <= against and waiver.expires_at > self.now
            if self.matched(waiver.digests)
        ]
        return max(lifts, key=lambda lift: (lift.waiver.expires_at, -lift.depth), default=None)

    def best_grant(self, *, expired: bool) -> Grant | None:
        """The grant to name, among those whose approval is (not) expired: one that needs no
        waiver before others, then the longest-lasting, then the uppermost."""
        grants = (self._grant(depth, approval) for depth, approval in self._approvals(expired))
        return max(
            (grant for grant in grants if grant is not None),
            key=lambda g: (not g.lifts, g.until or _FOREVER, -g.depth, g.approval.repository),
            default=None,
        )

    def breach(self) -> Breach | None:
        """Why an approval of this image does not hold, if there is one; unexpired ones first."""
        for expired in (False, True):
            for depth, approval in sorted(
                self._approvals(expired), key=lambda entry: (entry[0], entry[1].repository)
            ):
                for breach in self._breaches(depth, approval):
                    if self.lift("constraint", breach.against) is None:
                        return breach
        return None

    def best_base(self) -> Base | None:
        """The approved image that this one is built on: the one with the most layers.

        It has to be unexpired and to satisfy its constraints without any waiver, and no deny may
        meet it or the image's layers; nothing counts for an image that a deny names.
        """
        denied = {d for _, deny in self.statements.base_denies for d in deny.digests}
        if self.statements.denies or denied.intersection(self.image.chain):
            return None
        bases = (
            Base(depth, approval, chain_id)
            for chain_id in reversed(self.image.chain)
            for depth, approval in self.statements.bases
            if chain_id in approval.chain_ids
            if not self._is_expired(approval) and not any(self._breaches(depth, approval))
            if denied.isdisjoint(approval.digests | approval.chain_ids)
        )
        return next(bases, None)

    def _grant(self, depth: int, approval: Approval) -> Grant | None:
        lifts = [self.lift("deny", against) for against, _ in self.statements.denies]
        lifts += [self.lift("constraint", b.against) for b in self._breaches(depth, approval)]
        needed = tuple(lift for lift in lifts if lift is not None)
        return Grant(depth, approval, needed) if len(needed) == len(lifts) else None

    def _approvals(self, expired: bool) -> Iterable[tuple[int, Approval]]:
        return (
            (depth, approval)
            for depth, approval in self.statements.approvals
            if self.matched(approval.digests) and self._is_expired(approval) is expired
        )

    def _breaches(self, depth: int, approval: Approval) -> Iterator[Breach]:
        for against, constraints in enumerate(self.statements.constraints[: depth + 1]):
            if clauses := breaches(approval, constraints):
                yield Breach(depth, approval, against, clauses)

    def _is_expired(self, approval: Approval) -> bool:
        return approval.expires_at is not None and approval.expires_at <= self.now
