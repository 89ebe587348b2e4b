"""Approvals, denies, waivers and constraints over the governance chain; in memory, no I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import TypeVar

from core.image.digest import Digest
from core.image.identity import ImageIdentity

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Approval:
    """One approved image with all its digests (index, manifests, configs) and chain IDs.

    `pull` is the one of its digests by which a registry hands it out (the index's, or the only
    manifest's); None where the list does not say.
    """

    repository: str
    digests: frozenset[Digest]
    tags: tuple[str, ...] = ()
    chain_ids: frozenset[Digest] = frozenset()
    approved_at: datetime | None = None
    expires_at: datetime | None = None
    approvers: tuple[str, ...] = ()
    reason: str = ""
    scanners: frozenset[str] = frozenset()
    licences: frozenset[str] = frozenset()
    pull: Digest | None = None


@dataclass(frozen=True, slots=True)
class Deny:
    """An image that must not run; `revoked` marks a former approval that was withdrawn.

    A chain ID among the digests also keeps images built on that layer stack from being
    `derived`. It ends at `expires_at`, where it has one. `by` names who denied. `scope` says who
    speaks where that is not the level itself (`emergency`, with the organization's rank).
    """

    digests: frozenset[Digest]
    reason: str
    revoked: bool = False
    denied_at: datetime | None = None
    expires_at: datetime | None = None
    by: str = ""
    scope: str = ""

    def holds(self, now: datetime) -> bool:
        """Whether it has not ended; at the second at which it ends it has."""
        return self.expires_at is None or self.expires_at > now


@dataclass(frozen=True, slots=True)
class Waiver:
    """Lifts the denies (`lifts="deny"`) or constraints (`lifts="constraint"`) of its own level
    or below for some digests, until it expires."""

    digests: frozenset[Digest]
    lifts: str
    reason: str
    owner: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Exemption:
    """This host's own exception for one digest; never stronger than a deny or a revocation."""

    digest: Digest
    reason: str
    owner: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Constraints:
    """What a level demands of every approval at its own level and below; empty demands nothing.

    `repositories` are patterns of which one has to match: `*` matches any characters but `/`,
    `**` for any at all. An approval must name all `required_scanners`, may name only
    `allowed_licences` (if there are any), and may last at most `longest_lifetime` from
    `approved_at` to `expires_at`.
    """

    repositories: tuple[str, ...] = ()
    required_scanners: frozenset[str] = frozenset()
    allowed_licences: frozenset[str] = frozenset()
    longest_lifetime: timedelta | None = None
    forbid_exemptions: bool = False


@dataclass(frozen=True, slots=True)
class Level:
    """All that one scope (`acme`, `acme.pay`, …) says; its place in the chain is its depth."""

    scope: str
    approvals: tuple[Approval, ...] = ()
    denies: tuple[Deny, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    constraints: Constraints = Constraints()


@dataclass(frozen=True, slots=True)
class Statements:
    """Everything the host's chain says that bears on one image: what `decide` is given.

    Each entry comes with its depth in the chain, 0 being the organization. `constraints` and
    `scopes` hold one item a level, top first. `bases` are approvals one of whose chain IDs is a
    prefix of the image's layer stack (only they can make an image `derived`); `base_denies` are
    the denies that meet such a base or the image's layer stack itself.
    """

    scopes: tuple[str, ...] = ()
    constraints: tuple[Constraints, ...] = ()
    approvals: tuple[tuple[int, Approval], ...] = ()
    denies: tuple[tuple[int, Deny], ...] = ()
    waivers: tuple[tuple[int, Waiver], ...] = ()
    bases: tuple[tuple[int, Approval], ...] = ()
    base_denies: tuple[tuple[int, Deny], ...] = ()


@dataclass(frozen=True, slots=True)
class ListInfo:
    """What is known of the list as a whole.

    `sequence` grows with each publication; `origin` says where it came from in words a person
    can act on (`file:/etc/dockwarden/allowlist.json, unsigned`); `contact` says who can help.
    """

    sequence: int
    origin: str
    signed: bool
    scope: str = ""
    contact: str = ""
    approvals: int = 0
    denies: int = 0


class Allowlist:
    """A whole list held in memory, indexed by digest; immutable once built."""

    def __init__(self, levels: Sequence[Level], info: ListInfo) -> None:
        self.levels = tuple(levels)
        self.info = info
        self._approvals = _index(
            (d, a, a.digests) for d, lv in self._depths() for a in lv.approvals
        )
        self._bases = _index((d, a, a.chain_ids) for d, lv in self._depths() for a in lv.approvals)
        self._denies = _index((d, e, e.digests) for d, lv in self._depths() for e in lv.denies)
        self._waivers = _index((d, w, w.digests) for d, lv in self._depths() for w in lv.waivers)

    def _depths(self) -> Iterable[tuple[int, Level]]:
        return enumerate(self.levels)

    def about(self, image: ImageIdentity) -> Statements:
        """Every statement whose digests meet the image's, or those of what it is built on."""
        digests = image.digests
        bases = _meeting(self._bases, image.chain)
        beneath = {*image.chain}.union(*(base.digests | base.chain_ids for _, base in bases))
        return Statements(
            scopes=tuple(level.scope for level in self.levels),
            constraints=tuple(level.constraints for level in self.levels),
            approvals=_meeting(self._approvals, digests),
            denies=_meeting(self._denies, digests),
            waivers=_meeting(self._waivers, digests),
            bases=bases,
            base_denies=_meeting(self._denies, beneath),
        )

    def approvals(self) -> Iterable[Approval]:
        """Every approval of every level, top level first."""
        return (approval for level in self.levels for approval in level.approvals)

    def alike(self, name: str) -> Iterable[Approval]:
        """The approvals of repositories whose last part is `name`."""
        return (a for a in self.approvals() if a.repository.rpartition("/")[2] == name)

    def next_expiry(self, now: datetime) -> datetime | None:
        """The next instant at which a verdict can change by itself."""
        approvals = (a.expires_at for a in self.approvals() if a.expires_at is not None)
        denies = (d.expires_at for lv in self.levels for d in lv.denies if d.expires_at is not None)
        waivers = (waiver.expires_at for level in self.levels for waiver in level.waivers)
        ends = chain(approvals, denies, waivers)
        return min((end for end in ends if end > now), default=None)


_Index = dict[Digest, Sequence[tuple[int, T]]]


def _index(entries: Iterable[tuple[int, T, Iterable[Digest]]]) -> _Index[T]:
    """Entries by digest; all digests of an entry that is alone on them share one tuple."""
    index: _Index[T] = {}
    for depth, entry, digests in entries:
        alone = ((depth, entry),)
        for digest in digests:
            known = index.setdefault(digest, alone)
            if isinstance(known, list):
                known.append(alone[0])
            elif known is not alone:
                index[digest] = [*known, *alone]
    return index


def _meeting(
    index: Mapping[Digest, Sequence[tuple[int, T]]], digests: Iterable[Digest]
) -> tuple[tuple[int, T], ...]:
    found = {(d, id(e)): (d, e) for digest in digests for d, e in index.get(digest, ())}
    return tuple(sorted(found.values(), key=lambda pair: pair[0]))
