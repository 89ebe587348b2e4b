"""Writes levels as an allowlist document, the same bytes for the same levels."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import overload

import msgspec

from agent.adapters.allowlist_file import shape
from core.allowlist.allowlist import Approval, Constraints, Deny, Level, Waiver
from core.image.digest import Digest

_DAY = timedelta(days=1)


def dump(levels: Sequence[Level], sequence: int, contact: str = "") -> bytes:
    """A document that `parse` reads back as these levels; what is empty is left out.

    It does not check them: what the schema forbids (a level without scope, say) is written.
    Raises ValueError for a longest lifetime that is not of whole days.
    """
    whole = shape.ListShape(
        version=1,
        sequence=sequence,
        contact=contact,
        levels=tuple(_level(level) for level in levels),
    )
    return msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n"


def _level(level: Level) -> shape.LevelShape[shape.ApprovalShape]:
    return shape.LevelShape(
        scope=level.scope,
        constraints=_constraints(level.constraints),
        approvals=tuple(_approval(approval) for approval in level.approvals),
        denies=tuple(_deny(deny) for deny in level.denies),
        waivers=tuple(_waiver(waiver) for waiver in level.waivers),
    )


def _approval(approval: Approval) -> shape.ApprovalShape:
    return shape.ApprovalShape(
        repository=approval.repository,
        digests=_texts(approval.digests),
        pull=None if approval.pull is None else str(approval.pull),
        tags=approval.tags,
        chain_ids=_texts(approval.chain_ids),
        approved_at=_instant(approval.approved_at),
        expires_at=_instant(approval.expires_at),
        approvers=approval.approvers,
        reason=approval.reason,
        scanners=_texts(approval.scanners),
        licences=_texts(approval.licences),
    )


def _deny(deny: Deny) -> shape.DenyShape:
    return shape.DenyShape(
        digests=_texts(deny.digests),
        reason=deny.reason,
        revoked=deny.revoked,
        denied_at=_instant(deny.denied_at),
    )


def _waiver(waiver: Waiver) -> shape.WaiverShape:
    return shape.WaiverShape(
        digests=_texts(waiver.digests),
        lifts=waiver.lifts,
        reason=waiver.reason,
        owner=waiver.owner,
        expires_at=_instant(waiver.expires_at),
    )


def _constraints(constraints: Constraints) -> shape.ConstraintsShape:
    longest = constraints.longest_lifetime
    if longest is not None and longest % _DAY:
        raise ValueError(f"{longest} is not of whole days")
    return shape.ConstraintsShape(
        repositories=constraints.repositories,
        required_scanners=_texts(constraints.required_scanners),
        allowed_licences=_texts(constraints.allowed_licences),
        longest_lifetime_days=None if longest is None else longest // _DAY,
        forbid_exemptions=constraints.forbid_exemptions,
    )


def _texts(values: Iterable[Digest | str]) -> tuple[str, ...]:
    return tuple(sorted(map(str, values)))


@overload
def _instant(instant: datetime) -> str: ...
@overload
def _instant(instant: None) -> None: ...
def _instant(instant: datetime | None) -> str | None:
    if instant is None:
        return None
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
