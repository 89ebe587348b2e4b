"""The payload of a scope as plain JSON, written from the format's description alone.

It knows nothing of the code that reads or writes payloads in earnest, so that the tests hold that
code to docs/internals/signed-allowlist.md and not to itself.
"""

import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Document = dict[str, Any]
Store = Callable[[bytes], Document]  # keeps a blob; gives its `sha256` and `length`

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
REGISTRY = "registry.acme.example"
PART_SIZE = 50  # approvals a part


def digest(name: str) -> str:
    """The content digest that stands for this name: the same for the same name."""
    return f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"


def instant(moment: datetime) -> str:
    """As the format writes times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def approval(name: str, *, at: datetime = NOW, days: int = 90, **changes: Any) -> Document:
    """An approval of the image called `name`, whose engine's image ID is `digest(name)`."""
    return {
        "id": digest(f"{name} index"),
        "repository": f"{REGISTRY}/team/{name}",
        "tags": ["1.0"],
        "index": digest(f"{name} index"),
        "platforms": [
            {
                "platform": "linux/amd64",
                "manifest": digest(f"{name} manifest"),
                "config": digest(name),
                "chain_id": digest(f"{name} chain"),
            }
        ],
        "requester": "rita",
        "approvers": ["ada", "bert"],
        "approved_at": instant(at),
        "expires_at": instant(at + timedelta(days=days)),
        "reason": "scanned",
        **changes,
    }


def deny(name: str, *, at: datetime = NOW, **changes: Any) -> Document:
    """A deny of the image called `name`."""
    return {
        "digests": [digest(name)],
        "reason": f"{name} is dangerous",
        "denied_at": instant(at),
        "by": "ada",
        **changes,
    }


def line(document: Mapping[str, Any]) -> bytes:
    """The canonical line."""
    kept = {k: v for k, v in document.items() if v not in (None, "", [], {})}
    return json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def state(documents: Iterable[Mapping[str, Any]]) -> str:
    """The sum modulo 2^256 of the SHA-256 of each canonical line."""
    total = sum(int(hashlib.sha256(line(d)).hexdigest(), 16) for d in documents)
    return f"{total % (1 << 256):064x}"


def delta(before: Document, after: Document) -> bytes:
    """The blob that leads from one set of approvals to the other."""
    put = [line(document) for key, document in after.items() if before.get(key) != document]
    dropped = [line({"drop": key}) for key in before if key not in after]
    return zlib.compress(joined([*put, *dropped]))


def joined(lines: Iterable[bytes]) -> bytes:
    """Lines as one text."""
    return b"".join(text + b"\n" for text in lines)


@dataclass
class ScopeContent:
    """What a scope says. `long` lists are cut into parts and carry deltas.

    `extra` is laid over list.json and `extra_denies` over deny.json: for documents that are wrong.
    """

    scope: str
    approvals: dict[str, Document] = field(default_factory=dict)
    denies: list[Document] = field(default_factory=list)
    waivers: list[Document] = field(default_factory=list)
    constraints: Document = field(default_factory=dict)
    policy: Document = field(default_factory=dict)
    contact: str = ""
    long: bool = False
    extra: Document = field(default_factory=dict)
    extra_denies: Document = field(default_factory=dict)
    sequence: int = 0
    deny_sequence: int = 0
    base: Document = field(default_factory=dict)
    deltas: list[Document] = field(default_factory=list)
    delta_of: Callable[[Document, Document], bytes] = delta
    _before: dict[str, Document] = field(default_factory=dict)

    def deny_document(self) -> Document:
        """deny.json."""
        head = {"format": 1, "scope": self.scope, "sequence": self.deny_sequence}
        return {**head, "denies": self.denies, **self.extra_denies}

    def list_document(self, now: datetime, store: Store) -> Document:
        """list.json at the current sequence; blobs go to `store`."""
        found: Document = {
            "format": 1,
            "scope": self.scope,
            "sequence": self.sequence,
            "published_at": instant(now),
            "count": len(self.approvals),
            "state": state(self.approvals.values()),
        }
        optional = ("contact", "constraints", "waivers", "policy")
        found |= {name: getattr(self, name) for name in optional if getattr(self, name)}
        if self.long:
            self._lengthen(store)
            found |= {"base": self.base, "deltas": self.deltas}
        else:
            found["approvals"] = [self.approvals[key] for key in sorted(self.approvals)]
        return found | self.extra

    def _lengthen(self, store: Store) -> None:
        if not self.base:
            self.base = {"sequence": self.sequence, **store(base(self, store))}
        elif self.approvals != self._before:
            change = self.delta_of(self._before, self.approvals)
            self.deltas = [*self.deltas, {"sequence": self.sequence, **store(change)}]
        self._before = dict(self.approvals)


def base(content: ScopeContent, store: Store) -> bytes:
    """The base blob, its parts stored."""
    lines = [line(content.approvals[key]) for key in sorted(content.approvals)]
    parts = []
    for start in range(0, len(lines), PART_SIZE):
        chosen = lines[start : start + PART_SIZE]
        parts.append({**store(zlib.compress(joined(chosen))), "count": len(chosen)})
    head = {"format": 1, "scope": content.scope, "sequence": content.sequence, "parts": parts}
    return zlib.compress(json.dumps(head).encode())
