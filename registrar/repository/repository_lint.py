"""What is allowed but hardly meant, found before it is signed; changes nothing, reads no clock."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from core.decision.constraints import breaches
from core.image.digest import Digest
from registrar.repository.desired_roles import Demands, is_due
from registrar.repository.metadata_tree import Published
from registrar.workspace import Draft, Members

SOON: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing to look at: where, what, and what to do."""

    place: str
    message: str
    fix: str


def lint(
    drafts: Sequence[Draft],
    members: Members,
    desired: Demands,
    published: Published,
    now: datetime,
) -> list[Remark]:
    """`drafts` are all scopes', parents before children."""
    found = list(_keys(members))
    found += _expiries(desired, published, now)
    for draft in drafts:
        above = [
            d for d in drafts if draft.scope == d.scope or draft.scope.startswith(d.scope + ".")
        ]
        found += _approvals(draft, above, members, now)
        found += _denies(draft, now)
        found += _waivers(draft, drafts, now)
    return found


def _keys(members: Members) -> Iterator[Remark]:
    for name in ("root", "targets", *members.scopes):
        rule = members.rule(name)
        if 1 < len(rule.keys) <= rule.threshold:
            yield Remark(
                name,
                f"all {rule.threshold} of {len(rule.keys)} must sign: if one key is lost, "
                "nobody can change it",
                f"let another key sign: `key new NAME --role {name}`",
            )
    online = {*members.rule("snapshot").keys, *members.rule("timestamp").keys}
    for name in ("root", "targets", "emergency", *members.scopes):
        for key in sorted(online & {*members.rule(name).keys}):
            yield Remark(
                name,
                f"{key} is an online key: an attacker on the publishing machine could sign",
                f"`key rotate {key} NEWNAME`, or take it out of {name}",
            )


def _expiries(desired: Demands, published: Published, now: datetime) -> Iterator[Remark]:
    rules = {**desired.delegated, "root": desired.top["root"], "targets": desired.top["targets"]}
    for name, rule in rules.items():
        metadata = published.role(name)
        if metadata and is_due(metadata.signed.expires, rule.lifetime, now):
            end = metadata.signed.expires.date()
            state = "expired" if metadata.signed.expires <= now else "ends soon"
            yield Remark(name, f"what is published {state}: {end}", "`sign`, then `publish`")


def _approvals(
    draft: Draft, above: Sequence[Draft], members: Members, now: datetime
) -> Iterator[Remark]:
    scope = members.scopes.get(draft.scope)
    for approval in draft.approvals.values():
        place = f"{draft.scope}: {approval.repository} ({approval.id.short})"
        if approval.expires_at <= now:
            yield Remark(place, f"expired {approval.expires_at.date()}", "`image renew` it")
        elif approval.expires_at - now <= SOON:
            yield Remark(place, f"expires {approval.expires_at.date()}", "`image renew` it")
        if (
            scope is not None
            and not scope.requester_may_approve
            and {approval.requester} >= set(approval.approvers)
        ):
            who = approval.requester
            yield Remark(
                place, f"{who} asked for it and approved it", "let another administrator approve it"
            )
        for level in above:
            for breach in breaches(approval.plain, level.constraints):
                yield Remark(
                    place,
                    f"hosts will refuse it, {level.scope} requires otherwise: {breach}",
                    "approve it again with what is missing, or `waiver grant`",
                )


def _denies(draft: Draft, now: datetime) -> Iterator[Remark]:
    approved: dict[Digest, str] = {}
    for approval in draft.approvals.values():
        if approval.expires_at > now:
            approved |= dict.fromkeys(approval.plain.digests, approval.repository)
    for deny in draft.denies:
        met = sorted({approved[digest] for digest in deny.digests if digest in approved})
        place = f"{draft.scope}: deny {min(deny.digests).short}"
        if met and not deny.revoked:
            yield Remark(
                place,
                f"it matches an approval of the same scope: {', '.join(met)}",
                "use `image revoke` instead, which is clearer; the deny wins in any case",
            )
        if deny.expires_at is not None and deny.expires_at <= now:
            yield Remark(place, f"it ended {deny.expires_at.date()}", "`deny remove` it")


def _waivers(draft: Draft, drafts: Sequence[Draft], now: datetime) -> Iterator[Remark]:
    below = [d for d in drafts if d.scope == draft.scope or d.scope.startswith(draft.scope + ".")]
    denied = {digest for d in below for deny in d.denies for digest in deny.digests}
    known = {digest for d in drafts for a in d.approvals.values() for digest in a.plain.digests}
    for waiver in draft.waivers:
        place = f"{draft.scope}: waiver for {min(waiver.digests).short}"
        if waiver.expires_at <= now:
            yield Remark(place, f"it ended {waiver.expires_at.date()}", "`waiver withdraw` it")
        elif waiver.lifts == "deny" and not waiver.digests & denied:
            yield Remark(
                place,
                "it lifts nothing: neither this scope nor one below denies that image",
                "`waiver withdraw` it; a waiver never lifts what a level above denies",
            )
        elif waiver.lifts == "constraint" and not waiver.digests & known:
            yield Remark(place, "no scope approves that image", "`waiver withdraw` it")
