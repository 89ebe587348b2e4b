"""A signed list of any length, made as it is published, part by part; and what an update weighs."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization.json import JSONSerializer

from agent.helpers.sync.list_index.index import ScopeInput
from core.image.digest import Digest
from core.list_format.payload import (
    Blob,
    Part,
    Platform,
    ScopeDenies,
    ScopeList,
    SignedApproval,
)
from core.list_format.payload_pack import pack
from core.list_format.payload_write import (
    added,
    approval_line,
    base_of,
    blob_of,
    delta_lines,
    weight,
    write_list,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
UPDATE = 10  # approvals
UPDATES = 6  # measured
ROLES = ("targets", "emergency", "acme", "acme.pay", "acme.pay.web")
_PART = 4_096


def digest(what: str, number: int) -> Digest:
    """A digest of something."""
    return Digest.of(f"{what} {number}".encode())


def approval(number: int, count: int) -> SignedApproval:
    """The approval of one of `count` images of two platforms: seven digests. IDs rise with the
    number, so that parts can be written as they come."""
    begin = number * ((1 << 64) // count)
    index = Digest("sha256", f"{begin:016x}{digest('index', number).hex[16:]}")
    platforms = tuple(
        Platform(
            name,
            digest(f"manifest {name}", number),
            digest(f"config {name}", number),
            digest(f"chain {name}", number),
        )
        for name in ("linux/amd64", "linux/arm64")
    )
    return SignedApproval(
        repository=f"registry.acme.example/team{number % 97}/app{number % 9973}",
        platforms=platforms,
        approved_at=NOW,
        expires_at=NOW + timedelta(days=90, seconds=number % 86_400),
        index=index,
        tags=(f"{number % 10}.{number % 37}.{number % 101}",),
        requester="rita",
        approvers=("ada", "bert"),
        reason=f"REQ-{number}",
        evidence=digest("evidence", number),
        scanners=frozenset({"grype", "trivy"}),
        licences=frozenset({"Apache-2.0", "MIT"}),
    )


@dataclass(slots=True)
class World:
    """A repository's blobs under `folder` and the scope's present list."""

    folder: Path
    count: int
    listing: ScopeList

    def store(self, sha256: str, data: bytes) -> None:
        """Keep a blob."""
        (self.folder / sha256).write_bytes(data)

    def fetch(self, blob: Blob) -> bytes:
        """Bring a blob."""
        return (self.folder / blob.sha256).read_bytes()

    @property
    def given(self) -> tuple[ScopeInput, ...]:
        """What the host compiles."""
        return (ScopeInput(0, ScopeDenies("acme", 1), self.listing, self.fetch),)

    def update(self) -> int:
        """Publish ten more approvals; bytes of the delta."""
        old, first = self.listing, self.count + self.listing.sequence * UPDATE
        fresh = [fresh_approval(first + n) for n in range(UPDATE)]
        delta = blob_of(old.sequence + 1, pack(delta_lines(fresh, ())), self.store)
        self.listing = replace(
            old,
            sequence=old.sequence + 1,
            count=old.count + UPDATE,
            state=added(old.state, map(approval_line, fresh)),
            deltas=(delta,),
            since=old.sequence,
        )
        return delta.length


def fresh_approval(number: int) -> SignedApproval:
    """One that came later; its ID lies anywhere."""
    return replace(approval(number, 1 << 40), index=digest("index", number))


def world(folder: Path, count: int) -> World:
    """A published list of `count` approvals."""
    made = World(folder, count, ScopeList("acme", 1, NOW, count, ""))
    total = 0
    parts: list[Part] = []
    for lines in _lines(count):
        total += sum(map(weight, lines))
        parts.append(Part(blob_of(1, pack(b"\n".join(lines)), made.store), len(lines)))
    base = base_of("acme", 1, parts, made.store)
    state = f"{total % (1 << 256):064x}"
    made.listing = replace(made.listing, state=state, base=base, contact="registry@acme.example")
    return made


def _lines(count: int) -> Iterator[list[bytes]]:
    for start in range(0, count, _PART):
        numbers = range(start, min(start + _PART, count))
        yield [approval_line(approval(number, count)) for number in numbers]


def wire(listing: ScopeList, delta: int) -> dict[str, int]:
    """Bytes of each file that a host fetches for an update: the metadata signed as it is published,
    the scope by two of two, compact."""
    text, deny = write_list(listing), hashlib.sha256(b"deny").hexdigest()
    targets = {
        "acme/deny.json": TargetFile(400, {"sha256": deny}, "acme/deny.json"),
        "acme/list.json": TargetFile.from_data("acme/list.json", text, ["sha256"]),
    }
    versions = {f"{role}.json": MetaFile(41) for role in ROLES}
    soon = NOW + timedelta(days=30)
    return {
        "timestamp": _signed(Metadata(Timestamp(41, expires=soon, snapshot_meta=MetaFile(41))), 1),
        "snapshot": _signed(Metadata(Snapshot(41, expires=soon, meta=versions)), 1),
        "role": _signed(Metadata(Targets(41, expires=soon, targets=targets)), 2),
        "list": len(text),
        "delta": delta,
    }


def _signed(
    metadata: Metadata[Timestamp] | Metadata[Snapshot] | Metadata[Targets], keys: int
) -> int:
    for _ in range(keys):
        metadata.sign(CryptoSigner.generate_ed25519(), append=True)
    return len(metadata.to_bytes(JSONSerializer(compact=True)))


def config_digests(numbers: Sequence[int]) -> list[Digest]:
    """What an engine calls these images."""
    return [digest("config linux/amd64", number) for number in numbers]
