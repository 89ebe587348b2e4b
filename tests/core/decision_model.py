"""The rules of verdicts, written as plainly and slowly as possible: the tests' oracle.

It works on whole levels and takes nothing from `core.decision.decision` or its helpers.
"""

import re
from collections.abc import Sequence
from datetime import datetime

from core.allowlist.allowlist import Approval, Constraints, Deny, Exemption, Level
from core.decision.verdict import Verdict
from core.image.identity import ImageIdentity


def verdict(
    image: ImageIdentity,
    levels: Sequence[Level],
    exemptions: Sequence[Exemption],
    allow_derived: bool,
    now: datetime,
) -> Verdict:
    """The verdict by the rules in their order."""
    mine = {image.image_id, image.manifest} - {None}

    def waived(what: str, depth: int) -> bool:
        return any(
            waiver.lifts == what and mine & waiver.digests and now < waiver.expires_at
            for level in levels[: depth + 1]
            for waiver in level.waivers
        )

    denies = [(n, d) for n, level in enumerate(levels) for d in level.denies if mine & d.digests]
    unlifted = [(n, d) for n, d in denies if not waived("deny", n)]
    if unlifted:
        return _of_topmost(unlifted)

    kinds = set()
    for depth, level in enumerate(levels):
        for approval in level.approvals:
            if mine & approval.digests:
                broken = [n for n in range(depth + 1) if breaks(approval, levels[n].constraints)]
                if all(waived("constraint", n) for n in broken):
                    kinds.add(_kind(approval, bool(broken or denies), now))
    for kind in (Verdict.APPROVED, Verdict.WAIVED):
        if kind in kinds:
            return kind

    exempt = any(e.digest in mine and now < e.expires_at for e in exemptions)
    if exempt and not any(level.constraints.forbid_exemptions for level in levels):
        return Verdict.WAIVED
    if allow_derived and not denies and _has_base(image, levels, now):
        return Verdict.DERIVED
    return Verdict.EXPIRED if Verdict.EXPIRED in kinds else Verdict.UNLISTED


def breaks(approval: Approval, constraints: Constraints) -> bool:
    """Whether the approval breaks any of a level's constraints."""
    if constraints.repositories and not any(
        re.fullmatch(_regex(pattern), approval.repository) for pattern in constraints.repositories
    ):
        return True
    if not constraints.required_scanners <= approval.scanners:
        return True
    if constraints.allowed_licences and not (
        approval.licences and approval.licences <= constraints.allowed_licences
    ):
        return True
    if constraints.longest_lifetime is None:
        return False
    if approval.approved_at is None or approval.expires_at is None:
        return True
    return approval.expires_at - approval.approved_at > constraints.longest_lifetime


def _regex(pattern: str) -> str:
    return re.escape(pattern).replace(r"\*\*", ".*").replace(r"\*", "[^/]*")


def _of_topmost(denies: Sequence[tuple[int, Deny]]) -> Verdict:
    top = min(depth for depth, _ in denies)
    plain = any(not deny.revoked for depth, deny in denies if depth == top)
    return Verdict.DENIED if plain else Verdict.REVOKED


def _kind(approval: Approval, needs_waiver: bool, now: datetime) -> Verdict:
    if approval.expires_at is not None and approval.expires_at <= now:
        return Verdict.EXPIRED
    return Verdict.WAIVED if needs_waiver else Verdict.APPROVED


def _has_base(image: ImageIdentity, levels: Sequence[Level], now: datetime) -> bool:
    layers = set(image.chain)
    denied = {digest for level in levels for deny in level.denies for digest in deny.digests}
    return not layers & denied and any(
        layers & base.chain_ids
        and _kind(base, False, now) is Verdict.APPROVED
        and not any(breaks(base, levels[n].constraints) for n in range(depth + 1))
        and not denied & (base.digests | base.chain_ids)
        for depth, level in enumerate(levels)
        for base in level.approvals
    )
