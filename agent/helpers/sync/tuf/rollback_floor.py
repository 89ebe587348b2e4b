"""What must never go back: the highest versions and the latest time that this host has trusted.

A wiped cache would else let an old list in, and a slow clock an expired one. Kept in
`rollback_floor.json` beside the generations; knows nothing of TUF or the network.

Versions. Every version and sequence that was verified is a floor. Root versions only rise. When a
newer root changes who signs snapshot or timestamp, all floors but the root's go: the holder of the
old keys may have raised the versions beyond reach (TUF 1.0, section 5.3.11), and the old keys sign
nothing any more.

Time. `time` is the latest moment that a verified timestamp vouches for: the host's own clock at an
adoption or a list's `published_at`, whichever is later, but never beyond that timestamp's expiry.
A clock, or a date in a list, that is far ahead therefore costs a timestamp's lifetime at most:
each newly signed timestamp expires after every earlier one, so it is always accepted.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from agent.errors import AllowlistRejected
from core.durable import write_file

NAME: Final = "rollback_floor.json"
_HINT: Final = "this is an old state of the repository, replayed: publish the newest one again"


@dataclass(frozen=True, slots=True)
class RollbackFloor:
    """`time` in seconds since 1970. `roles` holds metadata versions by role (`targets` and the
    scopes), `sequences` those of payload files (`acme/list.json`)."""

    root: int = 0
    timestamp: int = 0
    snapshot: int = 0
    time: float = 0.0
    roles: Mapping[str, int] = field(default_factory=dict)
    sequences: Mapping[str, int] = field(default_factory=dict)

    def check(self, what: str, version: int, lowest: int) -> None:
        """Raise `AllowlistRejected` when a version is older than one seen before."""
        if version < lowest:
            raise AllowlistRejected(f"{what} {version} is older than {lowest}", hint=_HINT)

    def check_role(self, role: str, version: int) -> None:
        """As `check`, for a targets role."""
        self.check(f"{role}: version", version, self.roles.get(role, 0))

    def check_sequence(self, path: str, sequence: int) -> None:
        """As `check`, for a payload file."""
        self.check(f"{path}: sequence", sequence, self.sequences.get(path, 0))

    def with_timestamp(self, version: int, snapshot: int) -> "RollbackFloor":
        """A verified timestamp and the snapshot version that it names."""
        return replace(
            self,
            timestamp=max(self.timestamp, version),
            snapshot=max(self.snapshot, snapshot),
        )

    def with_roles(self, versions: Mapping[str, int]) -> "RollbackFloor":
        """Verified versions of roles."""
        return replace(self, roles=_highest(self.roles, versions))

    def with_sequences(self, sequences: Mapping[str, int]) -> "RollbackFloor":
        """Sequences of payload files that were adopted."""
        return replace(self, sequences=_highest(self.sequences, sequences))

    def with_time(self, moment: float, *, vouched_until: float) -> "RollbackFloor":
        """A moment that was reached, as far as a verified timestamp vouches for it."""
        return replace(self, time=max(self.time, min(moment, vouched_until)))

    def after_root(self, version: int, *, recovers: bool) -> "RollbackFloor":
        """A newer root; `recovers` when it changed who signs snapshot or timestamp."""
        return (
            RollbackFloor(root=version) if recovers else replace(self, root=max(self.root, version))
        )


def load_rollback_floor(directory: Path) -> RollbackFloor:
    """The floor as it was kept, a low one when there is none; raises `AllowlistRejected` for a
    file that is none, and `OSError`."""
    path = directory / NAME
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
        floor = RollbackFloor(**found)
        numbers = [floor.root, floor.timestamp, floor.snapshot]
        numbers += [*floor.roles.values(), *floor.sequences.values()]
        if not all(isinstance(number, int) for number in numbers):
            raise TypeError("a version is not a whole number")
        return replace(floor, time=float(floor.time))
    except FileNotFoundError:
        return RollbackFloor()
    except (ValueError, TypeError, AttributeError) as error:
        raise AllowlistRejected(
            f"{path}: no floor of versions: {error}",
            hint="restore the file, or remove the whole directory and let this host start again",
        ) from error


def save_rollback_floor(directory: Path, floor: RollbackFloor) -> None:
    """Keep it, durably; raises `OSError`."""
    write_file(directory / NAME, json.dumps(asdict(floor), indent=1).encode() + b"\n")


def _highest(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {key: max(one.get(key, 0), other.get(key, 0)) for key in {**one, **other}}
