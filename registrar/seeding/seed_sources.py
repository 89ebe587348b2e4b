"""Where proposals come from: findings that hosts wrote, lists that people typed; reads files."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from core.base_errors import InvalidDigest, InvalidReference
from core.decision.verdict import Verdict
from core.image.digest import Digest
from core.image.reference import Reference, normalise
from registrar.seeding.seeds import Entry, SeedInvalid, merged

_ASKED: Final = frozenset({Verdict.UNLISTED, Verdict.EXPIRED, Verdict.UNDETERMINED})
_FROM_ELSEWHERE: Final = "the engine knows no registry for it: push it to one first"


def from_file(path: Path) -> list[Entry]:
    """References, one a line; empty lines and what follows `#` count for nothing."""
    entries: list[Entry] = []
    for number, line in enumerate(_text(path).splitlines(), 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            entries.append(Entry(str(normalise(Reference.parse(text)))))
        except InvalidReference as error:
            raise SeedInvalid(f"{path}: line {number}: {error.message}", hint=error.hint) from error
    return merged(entries)


def from_findings(path: Path) -> tuple[list[Entry], int]:
    """The images that findings name and no list approved; and how many lines were unreadable.

    What is claimed there is only a proposal: approving compares the registry's content with the
    digest that the host's engine computed.
    """
    entries: list[Entry] = []
    torn = 0
    for line in _text(path).splitlines():
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            torn += 1
            continue
        entries.extend(_entry(record) if isinstance(record, dict) else ())
    return merged(entries), torn


def entry_of(
    claimed: str, image_id: Digest | None, repo_digests: tuple[str, ...], *, containers: int
) -> Entry:
    """What an engine reports an image that runs: by the digest under which it was pulled, with
    the tag that was typed; without one there is nothing to resolve."""
    try:
        asked = normalise(Reference.parse(claimed))
    except InvalidReference:  # an image ID was typed
        asked = None
    for text in repo_digests:
        try:
            pulled = normalise(Reference.parse(text))
        except InvalidReference:
            continue
        if asked is None or pulled.repository == asked.repository:
            tag = asked.tag if asked else ""
            named = Reference(pulled.path, pulled.domain, tag, pulled.digest)
            return Entry(str(named), image_id, containers=containers)
    name = str(asked) if asked else claimed
    return Entry(name, image_id, approve=False, containers=containers, note=_FROM_ELSEWHERE)


def _entry(record: Mapping[str, Any]) -> Iterator[Entry]:
    container, decision = record.get("container"), record.get("decision")
    if not isinstance(container, dict) or not isinstance(decision, dict):
        return
    image = container.get("image")
    if decision.get("verdict") not in _ASKED or not isinstance(image, dict):
        return
    try:
        image_id = Digest.parse(str(image.get("id")))
        reference = normalise(Reference.parse(str(container.get("claimed_reference"))))
    except (InvalidDigest, InvalidReference):
        return
    yield Entry(str(reference), image_id, containers=1)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SeedInvalid(
            f"{path} cannot be read: {error}", hint="is it the right file?"
        ) from error
