"""Proposals of images that run already: a file that people review before anything is approved."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from core.base_errors import DockwardenError, InvalidDigest
from core.durable import write_file
from core.image.digest import Digest
from registrar.images.resolve import ResolvedImage

FORMAT: Final = 1


class SeedInvalid(DockwardenError):
    """The proposal cannot be used; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One image of a proposal. `image_id` is what the host's engine computed and the registry's
    content is compared with; `approve` is what the reviewer decides, `note` why it may be no."""

    reference: str
    image_id: Digest | None = None
    approve: bool = True
    containers: int = 0
    note: str = ""


def write_seed(path: Path, entries: Iterable[Entry], source: str) -> None:
    """Write a proposal that nobody has reviewed. Refuses to replace a file. Raises `SeedInvalid`
    or `OSError`."""
    if path.exists():
        raise SeedInvalid(f"{path}: it exists already", hint="name another file with --to")
    document = {
        "format": FORMAT,
        "source": source,
        "reviewed_by": "",
        "images": [_document(entry) for entry in entries],
    }
    write_file(path, json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n")


def read_seed(path: Path) -> list[Entry]:
    """The entries that a reviewer left to be approved. Raises `SeedInvalid` naming the place."""
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise SeedInvalid(f"{path} cannot be read: {error}", hint="correct it") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise SeedInvalid(f"{path}: $.format is not {FORMAT}", hint="write it again with `seed`")
    reviewer = document.get("reviewed_by")
    if not isinstance(reviewer, str) or not reviewer.strip():
        raise SeedInvalid(
            f"{path}: $.reviewed_by is empty",
            hint='review the images, set "approve": false for those that must not run,'
            " then write your name there",
        )
    images = document.get("images")
    if not isinstance(images, list):
        raise SeedInvalid(f"{path}: $.images is not a list", hint="write it again with `seed`")
    entries = [_entry(f"{path}: $.images[{n}]", item) for n, item in enumerate(images)]
    wanted = [entry for entry in entries if entry.approve]
    if not wanted:
        raise SeedInvalid(f"{path}: no image is to be approved", hint='set "approve": true')
    return wanted


def check_same(entry: Entry, image: ResolvedImage) -> ResolvedImage | DockwardenError:
    """The image, if it is what the host runs; what a tag names may have changed since."""
    if entry.image_id is None or entry.image_id in image.digests:
        return image
    return SeedInvalid(
        f"{entry.reference} is {image.id} in the registry, but the host runs {entry.image_id}",
        hint="push what runs, or set its image_id to null to approve what the registry holds",
    )


def merged(entries: Iterable[Entry]) -> list[Entry]:
    """One entry a reference and image, with its containers counted together, most of them first."""
    found: dict[tuple[str, Digest | None], Entry] = {}
    for entry in entries:
        key = entry.reference, entry.image_id
        before = found.get(key)
        count = entry.containers + (before.containers if before else 0)
        found[key] = replace(before or entry, containers=count)
    return sorted(found.values(), key=lambda e: (-e.containers, e.reference))


def _document(entry: Entry) -> dict[str, Any]:
    return {
        "reference": entry.reference,
        "image_id": str(entry.image_id) if entry.image_id else None,
        "approve": entry.approve,
        "containers": entry.containers,
        **({"note": entry.note} if entry.note else {}),
    }


def _entry(at: str, item: Any) -> Entry:
    if not isinstance(item, dict) or not isinstance(item.get("reference"), str):
        raise SeedInvalid(f"{at}.reference is missing", hint="name the image")
    approve = item.get("approve")
    if not isinstance(approve, bool):
        raise SeedInvalid(f"{at}.approve is neither true nor false", hint="decide on it")
    text = item.get("image_id")
    try:
        image_id = Digest.parse(text) if isinstance(text, str) else None
    except InvalidDigest as error:
        raise SeedInvalid(f"{at}.image_id: {error.message}", hint=error.hint) from error
    return Entry(item["reference"], image_id, approve)
