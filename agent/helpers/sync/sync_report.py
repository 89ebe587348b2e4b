"""Puts an `SyncReport` together from what the scopes of a generation say; does no I/O."""

from collections.abc import Sequence
from datetime import datetime

from agent.helpers.sync.sync_request import SyncReport
from agent.helpers.sync.tuf.metadata import instant
from agent.helpers.sync.tuf.scopes import ScopeState
from core.list_format.payload import EMERGENCY, StalePolicy


def report_of_states(
    generation: int, changed: bool, states: Sequence[ScopeState], timestamp_expires: datetime
) -> SyncReport:
    """`states` in the order of the chain. The policy is the organization's, the contact that of
    the lowest scope that names one, the sequence the host's own scope's."""
    chain = [state for state in states if state.scope != EMERGENCY]
    lists = [state.listing for state in chain if state.listing is not None]
    policy = (lists[0].policy if lists and chain[0].listing else None) or StalePolicy()
    published = max((listing.published_at for listing in lists), default=None)
    return SyncReport(
        generation=generation,
        changed=changed,
        sequence=lists[-1].sequence if lists else 0,
        timestamp_expires_at=instant(timestamp_expires),
        published_at=instant(published) if published else "",
        max_stale_seconds=policy.max_stale_seconds,
        when_too_stale=policy.when_too_stale,
        contact=next((lst.contact for lst in reversed(lists) if lst.contact), ""),
        scopes=tuple(state.report for state in states),
    )
