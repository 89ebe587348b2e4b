"""The steps of one sync: roots, metadata, scopes, index, switch; the only place where these meet.

Until the last step nothing in force is touched but `roots/` and `rollback_floor.json`, which only
rise.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tuf.api.exceptions import DownloadError, RepositoryError

from agent.errors import AllowlistRejected
from agent.helpers.sync.deadline import Deadline
from agent.helpers.sync.generations import INDEX, PAYLOAD, Generations
from agent.helpers.sync.list_index.build import build_index, top_down
from agent.helpers.sync.staged import (
    DENY,
    LIST,
    copy_payload,
    keep_old,
    payload_file,
    renew_timestamp,
    same_metadata,
    same_payload,
)
from agent.helpers.sync.summary import read_summary, write_summary
from agent.helpers.sync.sync_report import report_of_states
from agent.helpers.sync.sync_request import Request, SyncReport
from agent.helpers.sync.tuf.fetcher import Fetcher
from agent.helpers.sync.tuf.metadata import Repository
from agent.helpers.sync.tuf.rollback_floor import (
    RollbackFloor,
    load_rollback_floor,
    save_rollback_floor,
)
from agent.helpers.sync.tuf.roots import TrustedRoot, trusted_root
from agent.helpers.sync.tuf.scopes import ScopeReader, ScopeState, delegated
from core.base_errors import DockwardenError, InvalidAllowlist
from core.list_format.payload import EMERGENCY

_FETCHING: Final = 0.8  # of the whole time; the rest is for indexing and switching


@dataclass(slots=True)
class SyncSteps:
    """One sync under way, into `staging`; `chain` is the host's scope and its ancestors."""

    request: Request
    generations: Generations
    staging: Path
    chain: Sequence[str]

    def run(self) -> SyncReport:
        """Go through all of it; raises what `sync` reports."""
        directory = self.generations.directory
        floor = load_rollback_floor(directory)
        fetcher = self._fetcher()
        source = self.request.source.rstrip("/")
        root, floor = trusted_root(
            directory,
            Path(self.request.root_file),
            floor,
            lambda name, limit: fetcher.get(f"{source}/metadata/{name}", limit),
        )
        moment = max(self.request.now, floor.time)
        now = datetime.fromtimestamp(moment, UTC)
        repository = Repository(source, self.staging, root, fetcher, now)
        floor = self._refresh(repository, floor)
        states, before = self._adopt(repository, floor)
        return self._finish(repository, root, floor, states, before, fetcher)

    def _fetcher(self) -> Fetcher:
        total = Deadline.after(self.request.deadline_seconds * _FETCHING)
        return Fetcher(each=self.request.fetch_seconds, total=total, ca_file=self.request.ca_file)

    def _refresh(self, repository: Repository, floor: RollbackFloor) -> RollbackFloor:
        directory = self.generations.directory
        try:
            after = repository.refresh(floor)
        except (RepositoryError, DownloadError, DockwardenError):
            noted = repository.noted(floor)
            if noted != floor:
                save_rollback_floor(directory, noted)
            raise
        after = after.with_roles(repository.versions(["targets", EMERGENCY, *self.chain]))
        after = after.with_time(
            repository.now.timestamp(), vouched_until=repository.timestamp_expires.timestamp()
        )
        save_rollback_floor(directory, after)
        return after

    def _adopt(
        self, repository: Repository, floor: RollbackFloor
    ) -> tuple[list[ScopeState], dict[str, ScopeState]]:
        """What each scope says from now on, the chain first, and what it said before."""
        old = self.generations.in_force
        summary = read_summary(old) if old else None
        reports = {report.scope: report for report in summary.scopes} if summary else {}
        names = [*self.chain, EMERGENCY]
        copy_payload(old, self.staging, names)
        payload = self.staging / PAYLOAD
        if not (delegated(repository.targets, EMERGENCY) or _was_there(payload, EMERGENCY)):
            names.remove(EMERGENCY)
        reader = ScopeReader(repository, payload, floor)
        before: dict[str, ScopeState] = {}
        states = []
        for name in names:
            try:
                before[name] = reader.in_force(name, reports.get(name))
            except InvalidAllowlist as spoilt:
                states.append(reader.renewed(name, spoilt))
            else:
                states.append(reader.adopt(name, reports.get(name)))
        if states[0].listing is None:
            raise AllowlistRejected(states[0].problem, hint="correct the organization's list first")
        return top_down(states, before), before

    def _finish(
        self,
        repository: Repository,
        root: TrustedRoot,
        floor: RollbackFloor,
        states: list[ScopeState],
        before: dict[str, ScopeState],
        fetcher: Fetcher,
    ) -> SyncReport:
        """Index and switch, or leave the generation in force with a fresh timestamp."""
        old, staging = self.generations.in_force, self.staging
        repository.close(root)
        self._revert(states, before)
        if old and same_payload(old, staging):
            os.link(old / INDEX, staging / INDEX)  # nobody writes to an index in force
        else:
            blobs = f"{self.request.source.rstrip('/')}/blobs/"
            states = build_index(
                old / INDEX if old else None,
                staging / INDEX,
                states,
                before,
                lambda name, limit: fetcher.get(blobs + name, limit),
            )
            self._revert(states, before)
        changed = not (old and same_payload(old, staging) and same_metadata(old, staging))
        number = self.generations.next if changed else self.generations.current
        expires = repository.timestamp_expires
        sync_report = report_of_states(number, changed, states, expires)
        self._raise_floor(floor, states, expires.timestamp())
        if changed or old is None:
            write_summary(staging, sync_report)
            self.generations.switch(staging)
        else:
            renew_timestamp(old, staging)
            if read_summary(old) != sync_report:
                write_summary(old, sync_report)
        return sync_report

    def _revert(self, states: Sequence[ScopeState], before: Mapping[str, ScopeState]) -> None:
        """Where a list was not adopted after all, stage the one in force."""
        for state in states:
            kept = before.get(state.scope)
            if state.problem and state.listing == (kept.listing if kept else None):
                keep_old(self.generations.in_force, self.staging, state.scope, LIST)

    def _raise_floor(
        self, floor: RollbackFloor, states: Sequence[ScopeState], until: float
    ) -> None:
        for state in states:
            floor = floor.with_sequences(state.sequences)
            if state.listing is not None:
                floor = floor.with_time(state.listing.published_at.timestamp(), vouched_until=until)
        save_rollback_floor(self.generations.directory, floor)


def _was_there(payload: Path, scope: str) -> bool:
    return payload_file(payload, scope, DENY).exists()
