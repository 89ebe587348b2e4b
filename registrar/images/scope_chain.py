"""The levels above a host's scope as one allowlist in memory; knows drafts, not where they lie."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from core.allowlist.allowlist import Allowlist, Deny, Level, ListInfo
from core.list_format.payload import EMERGENCY
from registrar.workspace import Draft


def lineage(scope: str) -> tuple[str, ...]:
    """`acme.pay.web` is ruled by `acme`, `acme.pay` and itself."""
    words = scope.split(".")
    return tuple(".".join(words[: n + 1]) for n in range(len(words)))


def chain_of(scope: str, draft: Callable[[str], Draft]) -> tuple[Draft, ...]:
    """The drafts that a host of this scope reads, the organization's first; raises what `draft`
    (a workspace's) raises."""
    return tuple(draft(name) for name in lineage(scope))


def allowlist_of(
    chain: Iterable[Draft], *, emergency: Iterable[Deny] = (), origin: str
) -> Allowlist:
    """What a host would hold of these drafts. Emergency denies rank with the organization's."""
    levels = [_level(draft) for draft in chain]
    if levels and (urgent := tuple(replace(deny, scope=EMERGENCY) for deny in emergency)):
        levels[0] = replace(levels[0], denies=levels[0].denies + urgent)
    info = ListInfo(0, origin, signed=False, scope=levels[-1].scope if levels else "")
    return Allowlist(levels, info)


def _level(draft: Draft) -> Level:
    approvals = tuple(approval.plain for approval in draft.approvals.values())
    return Level(draft.scope, approvals, draft.denies, draft.waivers, draft.constraints)
