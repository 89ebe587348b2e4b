"""What runs on the host, as records; reported only when it changed. Knows no engine and no spool.

The shape is docs/internals/reporting.md's `dockwarden.inventory.v1`.
"""

import json
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any, Protocol

from core.decision.decision import Decision
from core.image.identity import Container
from core.text import encodable, shortened

VERSION = 1
MOST_BYTES = 48 << 10  # of one part; the collector takes 64 KiB
LONGEST = 512  # characters of a name or a reference
MOST_REFERENCES = 16

Rows = list[dict[str, Any]]


class Listed(Protocol):
    """One container as an inventory sees it."""

    @property
    def container(self) -> Container | None:
        """What the engine says of it; None while it is not known."""

    @property
    def decision(self) -> Decision | None:
        """What was decided about it."""

    @property
    def live(self) -> bool:
        """Whether its processes exist."""


def listed(entries: Iterable[Listed]) -> tuple[Rows, Rows]:
    """The running containers and the images they run, each sorted."""
    containers: Rows = []
    images: dict[str, dict[str, Any]] = {}
    for tracked in entries:
        container = tracked.container
        if container is None or not tracked.live:
            continue
        verdict = str(tracked.decision.verdict) if tracked.decision else None
        row = _container(container, verdict)
        containers.append(row)
        if row["image"] is None:
            continue
        image = images.setdefault(
            row["image"],
            {"image": row["image"], "manifest": row["manifest"], "references": []},
        )
        named = image["references"]
        if row["reference"] not in named and len(named) < MOST_REFERENCES:
            named.append(row["reference"])
            named.sort()
    return (
        sorted(containers, key=lambda row: str(row["id"])),
        sorted(images.values(), key=lambda row: str(row["image"])),
    )


def parts(containers: Rows, images: Rows) -> list[dict[str, Any]]:
    """The records of one inventory, at least one; equal inventories have equal hashes."""
    name = sha256(_json([containers, images])).hexdigest()
    chunks: list[tuple[Rows, Rows]] = [([], [])]
    size = 0
    for kind, rows in enumerate((containers, images)):
        for row in rows:
            length = len(_json(row)) + 1
            if size and size + length > MOST_BYTES:
                chunks.append(([], []))
                size = 0
            chunks[-1][kind].append(row)
            size += length
    return [
        {
            "version": VERSION,
            "hash": name,
            "part": number,
            "parts": len(chunks),
            "containers": some,
            "images": others,
        }
        for number, (some, others) in enumerate(chunks, 1)
    ]


def _container(container: Container, verdict: str | None) -> dict[str, Any]:
    image = container.image
    return {
        "id": container.id,
        "name": _text(container.name),
        "state": str(container.state),
        "reference": _text(container.claimed_reference),
        "image": str(image.image_id) if image else None,
        "manifest": str(image.manifest) if image and image.manifest else None,
        "verdict": verdict,
    }


def _text(text: str) -> str:
    return encodable(shortened(text, LONGEST))


def _json(value: Sequence[Any] | dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
