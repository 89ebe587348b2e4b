"""One sync: lock, roots, metadata, scopes, index, switch; the only place where these meet.

Until the last step nothing in force is touched but `roots/` and `floor.json`, which only rise.
"""

import os
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tuf.api.exceptions import DownloadError, RepositoryError

from agent.domain.document import check_scope
from agent.domain.errors import DockwardenError, InvalidAllowlist
from agent.domain.payload import EMERGENCY
from agent.errors import AllowlistRejected
from agent.sync.answer import answer_of_states
from agent.sync.build import build_index, top_down
from agent.sync.deadline import Deadline, DeadlinePassed
from agent.sync.fetcher import Fetcher
from agent.sync.floor import Floor, load_floor, save_floor
from agent.sync.generations import INDEX, PAYLOAD, Generations, locked
from agent.sync.metadata import Repository
from agent.sync.request import Answer, Request
from agent.sync.roots import TrustedRoot, trusted_root
from agent.sync.scopes import ScopeReader, ScopeState, delegated, told
from agent.sync.staged import (
    DENY,
    LIST,
    copy_payload,
    keep_old,
    payload_file,
    renew_timestamp,
    same_metadata,
    same_payload,
)
from agent.sync.summary import read_summary, write_summary

_YEAR_10000: Final = 253_402_300_800  # seconds since 1970
_FETCHING: Final = 0.8  # of the whole time; the rest is for indexing and switching


def sync(request: Request) -> Answer:
    """Bring this host's list up to date, or keep the last good one and say why. Never raises:
    what went wrong is `Answer.error`, with the fix in `hint`."""
    directory = Path(request.directory)
    try:
        _check(request)
        with locked(directory):
            generations = Generations(directory)
            staging = generations.stage()
            try:
                return _Run(request, generations, staging).answer()
            finally:
                generations.discard(staging)
    except DockwardenError as error:
        return _kept(directory, error.message, error.hint)
    except DownloadError as error:
        return _kept(directory, told(error), f"see whether {request.source} can be reached")
    except RepositoryError as error:
        return _kept(directory, told(error), "publish the repository again")
    except (OSError, sqlite3.Error) as error:
        return _kept(directory, told(error), f"see to the disk under {directory}")
    except DeadlinePassed:
        seconds = request.deadline_seconds
        return _kept(directory, f"not done after {seconds:g} s", "allow the sync more time")
    except Exception as error:  # noqa: BLE001 - the one place that keeps the promise never to raise
        return _kept(directory, f"{type(error).__name__}: {error}", "report this as a bug")


def chain_of(scope: str) -> list[str]:
    """A scope and its ancestors, the organization first; raises `InvalidAllowlist`."""
    words = scope.split(".")
    chain = [".".join(words[: i + 1]) for i in range(len(words))]
    for i, name in enumerate(chain):
        check_scope("scope", name, chain[i - 1] if i else None)
    return chain


def _check(request: Request) -> None:
    if not request.source.startswith(("https://", "http://", "file://")):
        raise AllowlistRejected(
            f"source: {request.source[:100]!r} is no address of a repository",
            hint="write https://, http:// or file:// and where it is",
        )
    if not 0 <= request.now < _YEAR_10000:
        raise AllowlistRejected(f"now: {request.now} is no time", hint="set this host's clock")
    chain = chain_of(request.scope)
    if chain[0] in (EMERGENCY, "root", "targets", "snapshot", "timestamp"):
        raise AllowlistRejected(
            f"scope: {chain[0]} is no organization", hint="set this host's own scope"
        )


def _kept(directory: Path, error: str, hint: str) -> Answer:
    """The answer that stands, with what went wrong."""
    try:
        generation = Generations(directory)
        found = read_summary(generation.in_force) if generation.in_force else None
        number = generation.current
    except OSError:
        found, number = None, 0
    found = replace(found or Answer(number, False), generation=number, changed=False)
    return replace(found, error=error, hint=hint)


@dataclass(slots=True)
class _Run:
    """One sync under way."""

    request: Request
    generations: Generations
    staging: Path

    def answer(self) -> Answer:
        """Go through all of it; raises what `sync` tells of."""
        directory = self.generations.directory
        floor = load_floor(directory)
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

    def _refresh(self, repository: Repository, floor: Floor) -> Floor:
        directory = self.generations.directory
        try:
            after = repository.refresh(floor)
        except (RepositoryError, DownloadError, DockwardenError):
            noted = repository.noted(floor)
            if noted != floor:
                save_floor(directory, noted)
            raise
        after = after.with_roles(repository.versions(["targets", EMERGENCY, *self._chain()]))
        after = after.with_time(
            repository.now.timestamp(), vouched_until=repository.timestamp_expires.timestamp()
        )
        save_floor(directory, after)
        return after

    def _chain(self) -> list[str]:
        return chain_of(self.request.scope)

    def _adopt(
        self, repository: Repository, floor: Floor
    ) -> tuple[list[ScopeState], dict[str, ScopeState]]:
        """What each scope says from now on, the chain first, and what it said before."""
        old = self.generations.in_force
        summary = read_summary(old) if old else None
        reports = {report.scope: report for report in summary.scopes} if summary else {}
        names = [*self._chain(), EMERGENCY]
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
            raise AllowlistRejected(states[0].problem, hint="see to the organization's list first")
        return top_down(states, before), before

    def _finish(
        self,
        repository: Repository,
        root: TrustedRoot,
        floor: Floor,
        states: list[ScopeState],
        before: dict[str, ScopeState],
        fetcher: Fetcher,
    ) -> Answer:
        """Index and switch, or leave the generation in force with a fresh timestamp."""
        old, staging = self.generations.in_force, self.staging
        repository.close(root)
        self._revert(states, before)
        if old and same_payload(old, staging):
            os.link(old / INDEX, staging / INDEX)  # nobody ever writes to an index in force
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
        answer = answer_of_states(number, changed, states, expires)
        self._raise_floor(floor, states, expires.timestamp())
        if changed or old is None:
            write_summary(staging, answer)
            self.generations.switch(staging)
        else:
            renew_timestamp(old, staging)
            if read_summary(old) != answer:
                write_summary(old, answer)
        return answer

    def _revert(self, states: Sequence[ScopeState], before: Mapping[str, ScopeState]) -> None:
        """Where a list was not adopted after all, stage the one in force."""
        for state in states:
            kept = before.get(state.scope)
            if state.problem and state.listing == (kept.listing if kept else None):
                keep_old(self.generations.in_force, self.staging, state.scope, LIST)

    def _raise_floor(self, floor: Floor, states: Sequence[ScopeState], until: float) -> None:
        for state in states:
            floor = floor.with_sequences(state.sequences)
            if state.listing is not None:
                floor = floor.with_time(state.listing.published_at.timestamp(), vouched_until=until)
        save_floor(self.generations.directory, floor)


def _was_there(payload: Path, scope: str) -> bool:
    return payload_file(payload, scope, DENY).exists()
