"""Reads the list of a host as the host's own evaluation does; changes nothing."""

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from agent.adapters.signed_list import SignedList
from core.image.digest import Digest
from core.image.identity import ImageIdentity
from tests.sync.documents import digest


@dataclass(frozen=True, slots=True)
class Enforced:
    """The generation in force (0: none) in `directory`, with its payload files by name."""

    directory: Path
    generation: int
    payload: dict[str, bytes]

    @classmethod
    def of(cls, directory: Path) -> Self:
        """What `CURRENT` names."""
        current = directory / "CURRENT"
        number = int(current.read_text()) if current.exists() else 0
        files = (directory / str(number) / "payload").glob("*") if number else ()
        return cls(directory, number, {file.name: file.read_bytes() for file in files})

    @property
    def place(self) -> Path:
        """The generation's own directory."""
        return self.directory / str(self.generation)

    def approves(self, *names: str) -> bool:
        """Whether each of these images is approved and not denied."""
        return all(approved and not denied for approved, denied in map(self._said, names))

    def denies(self, *names: str) -> bool:
        """Whether each of these images is denied."""
        return all(denied for _, denied in map(self._said, names))

    def sequence(self, scope: str) -> int:
        """That of the scope's list."""
        found: int = json.loads(self.payload[f"{scope}.list.json"])["sequence"]
        return found

    def check_whole(self) -> None:
        """Raise `AssertionError` unless index and payload agree, entry by entry and in number,
        and the metadata beside them is of one publication."""
        with closing(sqlite3.connect(f"file:{self.place}/index.sqlite?mode=ro", uri=True)) as index:
            assert index.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        self._check_metadata()
        lists = [json.loads(d) for n, d in self.payload.items() if n.endswith("list.json")]
        held = SignedList(self.place)
        try:
            found = sorted(str(approval.pull) for approval in held.approvals())
        finally:
            held.close()
        assert len(found) == sum(document["count"] for document in lists)
        for document in lists:
            assert {entry["id"] for entry in document.get("approvals", ())} <= set(found)

    def _check_metadata(self) -> None:
        names = ("timestamp", "snapshot", "targets")
        files = [(self.place / "metadata" / f"{name}.json").read_bytes() for name in names]
        timestamp, snapshot, targets = (json.loads(data)["signed"] for data in files)
        assert timestamp["meta"]["snapshot.json"]["version"] == snapshot["version"]
        assert snapshot["meta"]["targets.json"]["version"] == targets["version"]

    def _said(self, name: str) -> tuple[bool, bool]:
        held = SignedList(self.place)
        try:
            said = held.about(ImageIdentity(Digest.parse(digest(name))))
        finally:
            held.close()
        return bool(said.approvals), bool(said.denies)
