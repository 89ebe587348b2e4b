"""An engine as the daemon.json layer meets it: it reads a file on reload and keeps what is absent.

Its manners are those measured on Docker 20.10 to 28.5 (absent keys keep their value, a bad file
changes nothing and says nothing).
"""

import json
from collections.abc import Sequence
from pathlib import Path

from agent.adapters.engine_config.engine_word import EngineWord
from agent.errors import EngineUnavailable


class FakeEngine:
    """`running`'s twin: `mirrors` and `live` are what it uses now."""

    def __init__(self, file: Path, *, argv: Sequence[str] = ("dockerd",)) -> None:
        self.file, self.argv = file, argv
        self.up, self.refuses_paths, self.dislikes = True, False, b"\0"
        self.mirrors: tuple[str, ...] = ()
        self.live = False
        self.insecure: tuple[str, ...] = ()
        self.stubborn = False  # keeps what it believes without TLS
        self.reloads = 0
        if file.exists():
            self.read()

    def running(self) -> bool:
        """Whether it is up."""
        return self.up

    def arguments(self) -> Sequence[str]:
        """Its command line."""
        return self.argv if self.up else ()

    def config_file(self) -> str:
        """The file that it reads."""
        return str(self.file)

    def word(self) -> EngineWord:
        """What it uses."""
        if not self.up:
            raise EngineUnavailable("it is down")
        return EngineWord(self.mirrors, self.live, self.insecure)

    def reload(self, desired: EngineWord) -> bool:
        """Read the file; whether that led to `desired`."""
        self.reloads += 1
        self.read()
        return self.word() == desired

    def objection(self, file: Path) -> str:
        """What `dockerd --validate` would say."""
        return f"it dislikes {self.dislikes!r}" if self.dislikes in file.read_bytes() else ""

    def read(self) -> None:
        """What SIGHUP does."""
        try:
            text = self.file.read_bytes().decode("utf-8-sig")
            found = json.loads(text, parse_int=float) if text.strip() else {}
        except (OSError, ValueError):
            return
        mirrors = found.get("registry-mirrors")
        if mirrors is not None:
            if self.refuses_paths and any(m.split("://")[1].strip("/").count("/") for m in mirrors):
                return
            self.mirrors = tuple(f"{mirror.rstrip('/')}/" for mirror in mirrors)
        if found.get("live-restore") is not None:
            self.live = bool(found["live-restore"])
        if found.get("insecure-registries") is not None and not (self.stubborn and self.insecure):
            plain = (entry.split("://")[-1] for entry in found["insecure-registries"])
            self.insecure = tuple(sorted(plain))

    def restart(self) -> None:
        """Start again: what is absent is the default."""
        self.mirrors, self.live, self.insecure = (), False, ()
        self.read()
