"""What has to be signed so that the repository says what the workspace says; writes nothing.

What already waits is kept where it still says the same: its signatures stay good.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from tuf.api.metadata import Metadata, Targets

from core.list_format.payload import EMERGENCY
from registrar.repository.desired_roles import (
    Demands,
    demands,
    desired_root,
    desired_targets,
    is_due,
    says_the_same,
)
from registrar.repository.metadata_tree import Layered, Published, denies_in, listing_in, said_in
from registrar.repository.payloads import check_kept, check_two_people, desired_scope
from registrar.repository.pending import PendingRole, pending_roles
from registrar.repository.signature_status import (
    SignatureStatus,
    root_signature_statuses,
    signature_status,
)
from registrar.workspace import Draft, Rule, Workspace

_SKEW: Final = timedelta(minutes=5)  # between administrators' clocks


@dataclass(frozen=True, slots=True)
class Plan:
    """`steps` holds what has to be signed, by role: root first, then targets, then scopes.

    `fresh` names those of them that nobody has built yet, or whose draft changed since; what waits
    for them (`outdated`, where something does) says something else and is to be replaced.
    """

    published: Published
    demands: Demands
    steps: Mapping[str, PendingRole]
    fresh: frozenset[str]
    outdated: frozenset[str]

    def signature_statuses(self, role: str) -> tuple[SignatureStatus, ...]:
        """The counts that the role's step has to meet."""
        return signature_statuses(self.published, self.steps, role)


def plan(workspace: Workspace, now: datetime) -> Plan:
    """Raises what reading raises, and `NotReady` for drafts that must not be signed."""
    published = Published(workspace.repository)
    desired = demands(workspace)
    waiting = pending_roles(workspace)
    steps: dict[str, PendingRole] = {}
    root = desired_root(desired, published.root(), now)
    targets = desired_targets(desired, published.targets(), now)
    old = published.targets()
    stays = old if old and signature_status(root.signed, "targets", old).ready else None
    for role, new, before in (("root", root, published.root()), ("targets", targets, stays)):
        rule = desired.top[role]
        proposal = PendingRole(role, new, {})
        top = _top_step(proposal, before, waiting.get(role), rule, now)
        if top is not None:
            steps[role] = top
    for scope, rule in desired.delegated.items():
        draft = workspace.draft(scope)
        if scope != EMERGENCY and not workspace.scope_rule(scope).requester_may_approve:
            check_two_people(draft, now)
        step = _scope_step(draft, rule, targets.signed, published, waiting.get(scope), now)
        if step is not None:
            steps[scope] = step
    fresh = frozenset(role for role, step in steps.items() if step is not waiting.get(role))
    stale = frozenset(waiting) - (frozenset(steps) - fresh)
    return Plan(published, desired, steps, fresh, stale)


def signature_statuses(
    published: Published, steps: Mapping[str, PendingRole], role: str
) -> tuple[SignatureStatus, ...]:
    """The counts that the metadata waiting for a role has to meet, by what else is in `steps`."""
    metadata = steps[role].metadata
    before = published.root()
    if role == "root":
        return root_signature_statuses(before.signed if before else None, metadata)
    above = "root" if role == "targets" else "targets"
    delegator = steps[above].metadata if above in steps else published.role(above)
    if delegator is None:
        return (SignatureStatus(role, 1, (), ()),)
    return (signature_status(delegator.signed, role, metadata),)


def says(step: PendingRole, published: Published) -> Draft:
    """What a scope would say once the step is published."""
    return said_in(step.metadata, step.role, Layered(step.files, published))


def said(published: Published, scope: str) -> Draft | None:
    """What a scope says now; None where it was never published."""
    metadata = published.role(scope)
    return said_in(metadata, scope, published) if metadata else None


def _top_step(
    new: PendingRole,
    old: Metadata[Any] | None,
    kept: PendingRole | None,
    rule: Rule,
    now: datetime,
) -> PendingRole | None:
    metadata = new.metadata
    says_it = old is not None and says_the_same(old, metadata)
    if says_it and old is not None and not is_due(old.signed.expires, rule.lifetime, now):
        return None
    same = kept is not None and says_the_same(kept.metadata, metadata)
    if kept is not None and same and _still(kept.metadata, metadata, rule, now):
        return kept
    return new


def _scope_step(
    draft: Draft,
    rule: Rule,
    delegator: Targets,
    published: Published,
    kept: PendingRole | None,
    now: datetime,
) -> PendingRole | None:
    old = published.role(draft.scope)
    if old is not None and _in_force(old, draft, rule, delegator, published, now):
        return None
    if kept is not None and _keeps(kept, old, draft, rule, published, now):
        return kept
    metadata, files = desired_scope(draft, rule, old, published, now)
    return PendingRole(draft.scope, metadata, files)


def _in_force(
    old: Metadata[Targets],
    draft: Draft,
    rule: Rule,
    delegator: Targets,
    published: Published,
    now: datetime,
) -> bool:
    if is_due(old.signed.expires, rule.lifetime, now):
        return False
    if not signature_status(delegator, draft.scope, old).ready:
        return False  # a key that the rule no longer counts signed it: it has to be signed again
    return said_in(old, draft.scope, published) == draft


def _keeps(
    kept: PendingRole,
    old: Metadata[Targets] | None,
    draft: Draft,
    rule: Rule,
    published: Published,
    now: datetime,
) -> bool:
    metadata = kept.metadata
    version = old.signed.version + 1 if old else 1
    if metadata.signed.version != version or not _lasts(metadata, rule, now):
        return False
    if not _is_proper(kept, published, old, now):
        return False
    before = said_in(old, draft.scope, published) if old else Draft(draft.scope)
    check_kept(before, draft, now)
    return says(kept, published) == draft


def _is_proper(
    kept: PendingRole, published: Published, old: Metadata[Targets] | None, now: datetime
) -> bool:
    """Whether nothing hides in it that the drafts do not show."""
    scope, signed = kept.role, kept.metadata.signed
    paths = {f"{scope}/deny.json"} | ({f"{scope}/list.json"} if scope != EMERGENCY else set())
    if set(signed.targets) != paths or signed.delegations or signed.unrecognized_fields:
        return False
    files = Layered(kept.files, published)
    denies = denies_in(old, scope, published).sequence if old else 0
    if not denies <= denies_in(kept.metadata, scope, files).sequence <= denies + 1:
        return False
    if scope == EMERGENCY:
        return True
    listing = listing_in(kept.metadata, scope, files)
    before = listing_in(old, scope, published).sequence if old else 0
    return before <= listing.sequence <= before + 1 and listing.published_at <= now + _SKEW


def _still(kept: Metadata[Any], new: Metadata[Any], rule: Rule, now: datetime) -> bool:
    return kept.signed.version == new.signed.version and _lasts(kept, rule, now)


def _lasts(metadata: Metadata[Any], rule: Rule, now: datetime) -> bool:
    """Whether it holds long enough to be published, and no longer than the rule lets it."""
    expires = metadata.signed.expires
    return not is_due(expires, rule.lifetime, now) and expires <= now + rule.lifetime
