"""What a change says, in words; decides nothing."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tuf.api.metadata import Metadata, Root, Targets

from core.allowlist.allowlist import Deny, Waiver
from core.list_format.payload import SignedApproval
from registrar.keys.key_folder import name_of
from registrar.workspace import Draft


@dataclass(frozen=True, slots=True)
class Change:
    """What one role's step changes: the counts by kind, and a sentence each."""

    role: str
    counts: Mapping[str, int]
    words: tuple[str, ...]


def scope_change(role: str, before: Draft | None, after: Draft) -> Change:
    """From what is published to what would be."""
    old = before or Draft(after.scope)
    new, gone, renewed = _approvals(old, after)
    denied, lifted = _difference(after.denies, old.denies), _difference(old.denies, after.denies)
    granted = _difference(after.waivers, old.waivers)
    withdrawn = _difference(old.waivers, after.waivers)
    counts = {
        "approved": len(new),
        "renewed or changed": len(renewed),
        "expired and dropped": len(gone),
        "revoked": sum(deny.revoked for deny in denied),
        "denied": sum(not deny.revoked for deny in denied),
        "no longer denied": len(lifted),
        "waived": len(granted),
        "no longer waived": len(withdrawn),
    }
    words = [f"approve {_image(a)} until {_day(a.expires_at)}{_why(a.reason)}" for a in new]
    words += [f"renew or change {_image(a)}: until {_day(a.expires_at)}" for a in renewed]
    words += [f"drop {_image(a)}, expired {_day(a.expires_at)}" for a in gone]
    words += [f"{'revoke' if d.revoked else 'deny'} {_deny(d)}" for d in denied]
    words += [f"no longer deny {_deny(d)}" for d in lifted]
    words += [f"waive {_waiver(w)}" for w in granted]
    words += [f"no longer waive {_waiver(w)}" for w in withdrawn]
    words += list(_rest(old, after))
    if before is None:
        words.insert(0, "a new list")
    elif not words:
        words.append("nothing but its expiry: it is signed again before it ends")
    return Change(role, {name: count for name, count in counts.items() if count}, tuple(words))


def root_change(before: Metadata[Root] | None, after: Metadata[Root]) -> Change:
    """Who may sign what, at the top."""
    roles = before.signed.roles if before else {}
    keys = before.signed.keys if before else {}
    words = _who("", roles, keys, after.signed.roles, after.signed.keys)
    return Change("root", {}, _or_expiry(words))


def targets_change(before: Metadata[Targets] | None, after: Metadata[Targets]) -> Change:
    """Who may sign which scope."""
    old = before.signed.delegations if before else None
    new = after.signed.delegations
    roles, keys = ((old.roles or {}), old.keys) if old else ({}, {})
    new_roles, new_keys = ((new.roles or {}), new.keys) if new else ({}, {})
    return Change("targets", {}, _or_expiry(_who("scope ", roles, keys, new_roles, new_keys)))


def _who(
    kind: str,
    roles: Mapping[str, Any],
    keys: Mapping[str, Any],
    new_roles: Mapping[str, Any],
    new_keys: Mapping[str, Any],
) -> list[str]:
    words = [f"{kind}{role} is removed" for role in roles if role not in new_roles]
    for role, rule in new_roles.items():
        names = sorted(name_of(new_keys[keyid]) for keyid in rule.keyids)
        if role not in roles:
            words.append(f"{kind}{role}: {rule.threshold} of {', '.join(names)}")
            continue
        before = sorted(name_of(keys[keyid]) for keyid in roles[role].keyids)
        words += [f"{kind}{role}: {name} may sign" for name in names if name not in before]
        words += [
            f"{kind}{role}: {name} may no longer sign" for name in before if name not in names
        ]
        if rule.threshold != roles[role].threshold:
            words.append(
                f"{kind}{role}: {rule.threshold} have to sign, not {roles[role].threshold}"
            )
        elif set(rule.keyids) != set(roles[role].keyids) and names == before:
            words.append(f"{kind}{role}: another key under the same name")
    return words


def _approvals(
    old: Draft, new: Draft
) -> tuple[list[SignedApproval], list[SignedApproval], list[SignedApproval]]:
    came = [a for key, a in new.approvals.items() if key not in old.approvals]
    went = [a for key, a in old.approvals.items() if key not in new.approvals]
    other = [a for key, a in new.approvals.items() if old.approvals.get(key, a) != a]
    return came, went, other


def _rest(old: Draft, new: Draft) -> Iterator[str]:
    if old.constraints != new.constraints:
        yield f"other constraints: {new.constraints}"
    if old.policy != new.policy:
        yield f"another policy: {new.policy}"
    if old.contact != new.contact:
        yield f"contact: {new.contact or 'none'}"


def _difference(one: Iterable[Any], other: Iterable[Any]) -> list[Any]:
    known = list(other)
    return [item for item in one if item not in known]


def _or_expiry(words: list[str]) -> tuple[str, ...]:
    return tuple(words or ["nothing but its expiry: it is signed again before it ends"])


def _image(approval: SignedApproval) -> str:
    tag = f":{approval.tags[0]}" if approval.tags else ""
    many = len(approval.platforms)
    platforms = f", {many} platforms" if many > 1 else ""
    return f"{approval.repository}{tag} ({approval.id.short}{platforms})"


def _deny(deny: Deny) -> str:
    ends = f" until {deny.expires_at.isoformat()}" if deny.expires_at else ""
    return f"{min(deny.digests).short}{ends}: {deny.reason}"


def _waiver(waiver: Waiver) -> str:
    end = _day(waiver.expires_at)
    what = f"a {waiver.lifts} of {min(waiver.digests).short}"
    return f"{what} until {end}, {waiver.owner}: {waiver.reason}"


def _why(reason: str) -> str:
    return f": {reason}" if reason else ""


def _day(instant: datetime) -> str:
    return instant.date().isoformat()
