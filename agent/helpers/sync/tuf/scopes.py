"""Adopts one scope: its role, its denies, its list; each only if all that it rests on is sound.

The role must be delegated by `targets` alone, for `<scope>/*` alone, terminating; its files come
from it alone. Denies come first: no list is adopted without the denies that were signed with it.
What cannot be adopted leaves what is in force, and a problem. Knows no index and no other scope.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from tuf.api.exceptions import DownloadError, RepositoryError
from tuf.api.metadata import TargetFile, Targets

from agent.errors import AllowlistRejected
from agent.helpers.sync.staged import DENY, LIST, payload_file
from agent.helpers.sync.sync_request import ScopeReport
from agent.helpers.sync.tuf.metadata import Repository, instant
from agent.helpers.sync.tuf.rollback_floor import RollbackFloor
from agent.helpers.sync.tuf.signer_keys import signers
from core.base_errors import DockwardenError, InvalidAllowlist
from core.durable import write_file
from core.list_format.payload import DOCUMENT_LIMIT, EMERGENCY, ScopeDenies, ScopeList
from core.list_format.payload_read import read_denies, read_list

_HINT: Final = "publish the repository again"

Payload = TypeVar("Payload", ScopeDenies, ScopeList)


@dataclass(frozen=True, slots=True)
class ScopeState:
    """What a scope says from now on; None where nothing was usual adopted."""

    scope: str
    denies: ScopeDenies | None = None
    listing: ScopeList | None = None
    signers: tuple[str, ...] = ()
    expires_at: str = ""
    problem: str = ""

    @property
    def report(self) -> ScopeReport:
        """For the answer."""
        known = [part.sequence for part in (self.listing, self.denies) if part is not None]
        return ScopeReport(
            scope=self.scope,
            sequence=known[0] if known else 0,
            expires_at=self.expires_at,
            signers=self.signers,
            approvals=self.listing.count if self.listing else 0,
            denies=len(self.denies.denies) if self.denies else 0,
            problem=self.problem,
        )

    @property
    def sequences(self) -> dict[str, int]:
        """Of its payload files, by path."""
        parts = {DENY: self.denies, LIST: self.listing}
        return {f"{self.scope}/{k}.json": p.sequence for k, p in parts.items() if p is not None}


def delegated(targets: Targets, scope: str) -> bool:
    """Whether `targets` knows the scope at all."""
    roles = targets.delegations.roles if targets.delegations else None
    return bool(roles) and scope in (roles or {})


class ScopeReader:
    """Adopts scopes into `payload`, a staged directory that holds what is in force."""

    def __init__(self, repository: Repository, payload: Path, floor: RollbackFloor) -> None:
        self._repository = repository
        self._payload = payload
        self._floor = floor

    def in_force(self, scope: str, before: ScopeReport | None) -> ScopeState:
        """What the staged payload says; raises `InvalidAllowlist` if it was spoilt on disk."""
        denies = self._kept(scope, DENY, read_denies)
        listing = self._kept(scope, LIST, read_list)
        if before is None:
            return ScopeState(scope, denies, listing)
        return ScopeState(scope, denies, listing, before.signers, before.expires_at)

    def adopt(self, scope: str, before: ScopeReport | None) -> ScopeState:
        """The scope with all of it that could be adopted; raises `OSError`, and
        `InvalidAllowlist` when what is in force is needed and spoilt."""
        vouched: dict[str, Any] = {}
        try:
            role, names = self._role(scope)
            vouched = {"signers": names, "expires_at": instant(role.expires)}
            denies = self._document(role, scope, DENY, read_denies)
            listing = None if scope == EMERGENCY else self._document(role, scope, LIST, read_list)
        except (RepositoryError, DownloadError, DockwardenError, ValueError) as error:
            return replace(self.in_force(scope, before), problem=told(error), **vouched)
        return ScopeState(scope, denies, listing, **vouched)

    def renewed(self, scope: str, spoilt: InvalidAllowlist) -> ScopeState:
        """The scope adopted again, because what is in force was damaged on disk; raises that error
        if it cannot be, rather than do without the scope's denies."""
        for kind in (DENY, LIST):
            payload_file(self._payload, scope, kind).unlink(missing_ok=True)
        state = self.adopt(scope, None)
        if state.problem:
            raise spoilt
        return state

    def _role(self, scope: str) -> tuple[Targets, tuple[str, ...]]:
        targets = self._repository.targets
        _check_delegation(targets, scope)
        # Loads and verifies the role's metadata; what it finds is looked up again, by role.
        self._repository.updater.get_targetinfo(f"{scope}/{DENY}.json")
        role = self._repository.audited(Targets, scope, targets)
        self._floor.check_role(scope, role.version)
        return role, signers(targets, scope, self._repository.staged(scope))

    def _document(
        self, role: Targets, scope: str, kind: str, read: Callable[[bytes, str], Payload]
    ) -> Payload:
        path = f"{scope}/{kind}.json"
        info = role.targets.get(path)
        if info is None or self._repository.updater.get_targetinfo(path) != info:
            raise AllowlistRejected(f"{path}: {scope} itself does not sign it", hint=_HINT)
        if "sha256" not in info.hashes or info.length > DOCUMENT_LIMIT:
            raise AllowlistRejected(
                f"{path}: not named by its SHA-256, or over {DOCUMENT_LIMIT} bytes", hint=_HINT
            )
        data = self._bytes(info, payload_file(self._payload, scope, kind))
        found = read(data, scope)
        self._floor.check_sequence(path, found.sequence)
        write_file(payload_file(self._payload, scope, kind), data)
        return found

    def _bytes(self, info: TargetFile, file: Path) -> bytes:
        """The target's content, from the disk if it is there already."""
        updater = self._repository.updater
        if updater.find_cached_target(info, str(file)):
            return file.read_bytes()
        fresh = file.with_name(f".{file.name}.fetched")
        try:
            updater.download_target(info, str(fresh))
            return fresh.read_bytes()
        finally:
            fresh.unlink(missing_ok=True)

    def _kept(self, scope: str, kind: str, read: Callable[[bytes, str], Payload]) -> Payload | None:
        file = payload_file(self._payload, scope, kind)
        return read(file.read_bytes(), scope) if file.exists() else None


def _check_delegation(targets: Targets, scope: str) -> None:
    delegations = targets.delegations
    roles = (delegations.roles if delegations else None) or {}
    role = roles.get(scope)
    if role is None:
        raise AllowlistRejected(
            f"{scope}: targets delegates to no such scope",
            hint="add the scope to the repository, or correct this host's scope",
        )
    if role.paths != [f"{scope}/*"] or not role.terminating:
        raise AllowlistRejected(
            f"{scope}: delegated otherwise than for {scope}/* alone, terminating", hint=_HINT
        )
    for path in (f"{scope}/{DENY}.json", f"{scope}/{LIST}.json"):
        others = [n for n, r in roles.items() if n != scope and r.is_delegated_path(path)]
        if path in targets.targets:
            others.append("targets")
        if others:
            raise AllowlistRejected(
                f"{path}: {', '.join(sorted(others))} shadows {scope}", hint=_HINT
            )


def told(error: Exception) -> str:
    """An error as one sentence."""
    return str(error) or type(error).__name__
