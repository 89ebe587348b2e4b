"""Compiles the index of a staged generation, scope by scope from the top if all at once fails.

A list whose blobs are missing or wrong then costs that scope's list alone. Knows no TUF metadata.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from tuf.api.exceptions import DownloadError

from agent.errors import AllowlistRejected
from agent.helpers.sync.list_index.index import ScopeInput, compile_index
from agent.helpers.sync.tuf.scopes import ScopeState, told
from core.base_errors import DockwardenError
from core.list_format.payload import BLOB_LIMIT, EMERGENCY, Blob

Fetch = Callable[[str, int], bytes]
_WAITS: Final = "waits for the scope above it, of which no list was adopted yet"


def build_index(
    previous: Path | None,
    target: Path,
    states: Sequence[ScopeState],
    before: Mapping[str, ScopeState],
    fetch: Fetch,
) -> list[ScopeState]:
    """Write the index of these states, the chain's in its order; those that are in it after all.

    A state whose list cannot be indexed keeps the list that it had `before`. `fetch` takes a
    blob's name and largest length. Raises `DockwardenError`, `DownloadError` and `OSError` when
    even what was in force before cannot be indexed.
    """
    try:
        _compile(previous, target, states, fetch)
    except (DockwardenError, DownloadError):
        changed = [s.scope for s in states if s.listing != _before(before, s).listing]
        if not changed:
            raise
    else:
        return list(states)
    sure = [replace(s, listing=_before(before, s).listing) for s in states]
    blocked = False
    for place, state in enumerate(states):
        if state.scope not in changed:
            continue
        if blocked:
            sure[place] = replace(sure[place], problem=_WAITS)
            continue
        tried = [*sure[:place], state, *sure[place + 1 :]]
        try:
            _compile(previous, target, tried, fetch)
            sure = tried
        except (DockwardenError, DownloadError) as error:
            sure[place] = replace(sure[place], problem=told(error))
            blocked = sure[place].listing is None
    _compile(previous, target, sure, fetch)
    return sure


def top_down(states: Sequence[ScopeState], before: Mapping[str, ScopeState]) -> list[ScopeState]:
    """Without the lists that would come into force below a scope that has none: the constraints
    above them are not known."""
    found: list[ScopeState] = []
    gap = False
    for state in states:
        chained = state.scope != EMERGENCY
        if chained and gap and state.listing is not None:
            state = replace(  # noqa: PLW2901 - the same state, with less in it
                state,
                listing=_before(before, state).listing,
                problem=state.problem or _WAITS,
            )
        gap = gap or (chained and state.listing is None)
        found.append(state)
    return found


def _before(before: Mapping[str, ScopeState], state: ScopeState) -> ScopeState:
    return before.get(state.scope, ScopeState(state.scope))


def _compile(
    previous: Path | None, target: Path, states: Sequence[ScopeState], fetch: Fetch
) -> None:
    target.unlink(missing_ok=True)
    compile_index(previous, target, [_input(state, fetch) for state in states])


def _input(state: ScopeState, fetch: Fetch) -> ScopeInput:
    depth = 0 if state.scope == EMERGENCY else state.scope.count(".")
    return ScopeInput(depth, state.denies, state.listing, lambda b: _blob(b, fetch), state.scope)


def _blob(blob: Blob, fetch: Fetch) -> bytes:
    if not 0 < blob.length <= BLOB_LIMIT:
        raise AllowlistRejected(
            f"blob {blob.sha256}: {blob.length} bytes, {BLOB_LIMIT} at most", hint="publish again"
        )
    data = fetch(blob.sha256, blob.length)
    if len(data) != blob.length or hashlib.sha256(data).hexdigest() != blob.sha256:
        raise AllowlistRejected(
            f"blob {blob.sha256}: it differs from what was signed",
            hint="put the published file back on the server",
        )
    return data
