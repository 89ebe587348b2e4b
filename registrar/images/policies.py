"""Changes to what a scope requires, and the images that they would stop; pure, writes nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from core.allowlist.allowlist import Constraints
from core.allowlist.document import constraints_of
from core.base_errors import DockwardenError
from core.list_format.payload import PublicKey, SignedApproval, StalePolicy
from registrar.images.approving import Obstacle, vet
from registrar.images.durations import DAY
from registrar.workspace import Draft, EnrolledKey

CLEARABLE: Final = (
    "repositories",
    "scanners",
    "licences",
    "lifetime",
    "break-glass-keys",
    "contact",
)


class PolicyInvalid(DockwardenError):
    """The policy cannot be set so; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Change:
    """What to set; None and empty leave what is. `clear` holds words of `CLEARABLE`."""

    repositories: tuple[str, ...] = ()
    scanners: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()
    longest_lifetime: timedelta | None = None
    forbid_exemptions: bool | None = None
    max_stale: timedelta | None = None
    when_too_stale: str | None = None
    break_glass_keys: tuple[str, ...] = ()
    contact: str | None = None
    clear: tuple[str, ...] = ()


def changed(draft: Draft, change: Change, keys: Mapping[str, EnrolledKey]) -> Draft:
    """The draft as it would be. Raises `PolicyInvalid` and `InvalidAllowlist`."""
    contact = "" if "contact" in change.clear else draft.contact
    return replace(
        draft,
        constraints=_constraints(draft.constraints, change),
        policy=_policy(draft, change, keys),
        contact=contact if change.contact is None else change.contact,
    )


def newly_stopped(
    before: Mapping[str, Sequence[Draft]],
    after: Mapping[str, Sequence[Draft]],
    *,
    now: datetime,
) -> Iterator[tuple[SignedApproval, Obstacle]]:
    """Approvals that hold under `before` and not under `after`; both are chains by scope."""
    for scope, chain in after.items():
        for approval in chain[-1].approvals.values():
            if approval.expires_at <= now or vet(approval, before[scope], now=now).obstacles:
                continue
            for obstacle in vet(approval, chain, now=now).obstacles[:1]:
                yield approval, obstacle


def _constraints(old: Constraints, change: Change) -> Constraints:
    longest = change.longest_lifetime or _kept(old.longest_lifetime, "lifetime", change)
    if longest is not None and longest % DAY:
        raise PolicyInvalid("--longest-lifetime: it is not of whole days", hint="write 90d")
    forbid = change.forbid_exemptions
    return constraints_of(
        "policy",
        repositories=change.repositories or _kept(old.repositories, "repositories", change) or (),
        required_scanners=sorted(
            change.scanners or _kept(old.required_scanners, "scanners", change) or ()
        ),
        allowed_licences=sorted(
            change.licences or _kept(old.allowed_licences, "licences", change) or ()
        ),
        longest_lifetime_days=longest // DAY if longest else None,
        forbid_exemptions=old.forbid_exemptions if forbid is None else forbid,
    )


def _kept(value: Any, name: str, change: Change) -> Any:
    return None if name in change.clear else value


def _policy(draft: Draft, change: Change, keys: Mapping[str, EnrolledKey]) -> StalePolicy | None:
    asked = (change.max_stale, change.when_too_stale, *change.break_glass_keys)
    if "break-glass-keys" not in change.clear and not any(asked):
        return draft.policy
    if "." in draft.scope:
        raise PolicyInvalid(
            f"{draft.scope}: staleness and break-glass keys are the organization's to set",
            hint=f"use --scope {draft.scope.partition('.')[0]}",
        )
    old = draft.policy or StalePolicy()
    seconds = change.max_stale
    return StalePolicy(
        old.max_stale_seconds if seconds is None else int(seconds.total_seconds()),
        change.when_too_stale or old.when_too_stale,
        _keys(change.break_glass_keys, keys)
        or (() if "break-glass-keys" in change.clear else old.break_glass_keys),
    )


def _keys(names: Iterable[str], keys: Mapping[str, EnrolledKey]) -> tuple[PublicKey, ...]:
    for name in names:
        if name not in keys:
            raise PolicyInvalid(
                f"--break-glass-key: no key {name[:60]!r} is enrolled",
                hint=f"known are {', '.join(keys) or 'none'}; `key enroll` adds one",
            )
    return tuple(
        PublicKey(k.keyid, k.keytype, k.scheme, k.public) for k in (keys[name] for name in names)
    )
