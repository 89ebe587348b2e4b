"""Publishes what is signed: checks every count and the outcome as a host would, then switches.

All or nothing; an interrupted switch is finished by the next. Parses no command line.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from core.durable import write_file
from core.list_format.payload import EMERGENCY
from registrar.registrar_errors import NotReady, RepositoryBroken
from registrar.repository.metadata_tree import (
    Layered,
    Published,
    denies_in,
    file_of,
    listing_in,
    metadata_of,
)
from registrar.repository.online import TIMESTAMP, OnlineKeys, current_timestamp, next_online
from registrar.repository.pending import PendingRole, drop_pending, pending_roles
from registrar.repository.plan import plan, signature_statuses
from registrar.repository.repository_client import Seen, see
from registrar.repository.signature_status import SignatureStatus, signature_status
from registrar.repository.switching import finish, stage, switch_order
from registrar.workspace import Workspace

_MODE: Final = 0o644


@dataclass(frozen=True, slots=True)
class Readiness:
    """Of what waits: the roles that can be published, and the counts that are not met."""

    ready: Mapping[str, PendingRole]
    unmet: tuple[SignatureStatus, ...] = field(default=())


def readiness(workspace: Workspace, now: datetime) -> Readiness:
    """What waits, split by whether enough distinct administrators have signed it. What rests on a
    root or on delegations that are not ready is not ready either, and what the drafts no longer
    say does not count: taking a draft back takes its signatures back."""
    prepared = plan(workspace, now)
    published = prepared.published
    waiting = {
        role: step
        for role, step in pending_roles(workspace).items()
        if role not in prepared.outdated
    }
    ready: dict[str, PendingRole] = {}
    unmet: list[SignatureStatus] = []
    for role in sorted(waiting, key=_rank):
        _check_next(published, waiting[role])
        counts = signature_statuses(published, waiting, role)
        unmet += [count for count in counts if not count.ready]
        above = [other for other in waiting if _rank(other) < _rank(role)]
        if all(other in ready for other in above) and all(count.ready for count in counts):
            ready[role] = waiting[role]
    return Readiness(ready, tuple(unmet))


def publish(
    workspace: Workspace,
    keys: Callable[[], OnlineKeys],
    now: datetime,
    *,
    roles: Iterable[str] | None = None,
) -> Seen | None:
    """Publish what waits (only `roles`, where they are given); None where nothing does.

    Raises `NotReady` while a signature is missing, `RepositoryBroken` when a host would refuse
    the outcome; in both cases nothing was published.
    """
    finish(workspace)
    _forget_published(workspace)
    found = readiness(workspace, now)
    chosen = dict(found.ready)
    if roles is None:
        check_met(found)
    else:
        chosen = {role: step for role, step in chosen.items() if role in set(roles)}
    if not chosen:
        return None
    published = Published(workspace.repository)
    files = {path: data for step in chosen.values() for path, data in step.files.items()}
    for role, step in chosen.items():
        files[f"metadata/{step.metadata.signed.version}.{role}.json"] = file_of(step.metadata)
    versions = {
        role: step.metadata.signed.version for role, step in chosen.items() if role != "root"
    }
    files |= next_online(published, versions, keys(), now, always="root" in chosen)
    seen = check(published, files)
    stage(workspace, files)
    finish(workspace)
    drop_pending(workspace, list(chosen), f"Published: {', '.join(chosen)}")
    return seen


def refresh(workspace: Workspace, keys: OnlineKeys, now: datetime) -> None:
    """A new timestamp for what is published, and a new snapshot near the end of its life.

    Raises `RepositoryBroken` where nothing is published or a host would refuse the outcome.
    """
    published = Published(workspace.repository)
    if published.read(TIMESTAMP) is None:
        current_timestamp(published)
        raise RepositoryBroken("nothing is published yet", hint="`sign`, then `publish`")
    files = next_online(published, {}, keys, now)
    check_online(published, files)
    for path in sorted(files, key=switch_order):
        write_file(workspace.repository / path, files[path], mode=_MODE)


def check_online(published: Published, files: dict[str, bytes]) -> None:
    """Refuse a timestamp or snapshot that the present root's keys did not sign."""
    root = published.root()
    if root is None:
        raise RepositoryBroken("there is no root", hint="restore the repository from git")
    for path, data in files.items():
        role = path.removesuffix(".json").rpartition("/")[2].rpartition(".")[2]
        count = signature_status(root.signed, role, metadata_of(data, path))
        if not count.ready:
            raise RepositoryBroken(
                f"{count.words()}, by the root that is published",
                hint="`publish` the new root first, or use the key that it names",
            )


def check_met(found: Readiness) -> None:
    """Raise `NotReady` naming every count that is not met and who could sign."""
    if found.unmet:
        lines = [
            f"{count.words()}; missing: {count.threshold - len(count.signed)} of"
            f" {', '.join(count.missing) or 'nobody'}"
            for count in found.unmet
        ]
        raise NotReady(
            "signatures are missing, nothing was published:\n" + "\n".join(lines),
            hint="let them run `sign`, or publish what is complete with `publish --ready`",
        )


def check(published: Published, files: dict[str, bytes]) -> Seen:
    """Read the state to be as a host that trusts the present root would (its own, at first), and
    refuse lists that went back."""
    present = published.root()
    first = file_of(present) if present else files.get("metadata/1.root.json")
    if first is None:
        raise RepositoryBroken("there is no first root", hint="`sign` it, then publish")
    seen = see(Layered(files, published), first)
    before = _sequences(published)
    for scope in seen.scopes:
        if scope.sequence < before.get(scope.scope, 0):
            raise RepositoryBroken(
                f"{scope.scope}: sequence {scope.sequence} is older than {before[scope.scope]},"
                " which was published",
                hint="`sign` the scope again",
            )
    return seen


def _sequences(published: Published) -> dict[str, int]:
    targets = published.targets()
    delegations = targets.signed.delegations if targets else None
    found: dict[str, int] = {}
    for scope in (delegations.roles or {}) if delegations else {}:
        metadata = published.role(scope)
        if metadata is not None:
            read = denies_in if scope == EMERGENCY else listing_in
            found[scope] = read(metadata, scope, published).sequence
    return found


def _check_next(published: Published, step: PendingRole) -> None:
    version, last = step.metadata.signed.version, published.roles.get(step.role, 0)
    if version != last + 1:
        raise NotReady(
            f"{step.role}: version {version} waits, but {last} is published",
            hint="it was signed against another state: `sign` it again",
        )


def _forget_published(workspace: Workspace) -> None:
    """Drop what waits though it was published: the switch was cut short after its last file."""
    published = Published(workspace.repository)
    done = [
        role
        for role, step in pending_roles(workspace).items()
        if (there := published.role(role)) and there.signed_bytes == step.metadata.signed_bytes
    ]
    if done:
        drop_pending(workspace, done, f"Published: {', '.join(done)}")


def _rank(role: str) -> int:
    return {"root": 0, "targets": 1}.get(role, 2)
