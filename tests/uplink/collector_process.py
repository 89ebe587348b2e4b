"""A real collector in a process of its own, and what it has kept; for tests of the way to it."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.patience import PATIENCE, until

ROOT = Path(__file__).resolve().parents[2]


class CollectorProcess:
    """`dockwarden-collector serve` on 127.0.0.1; may be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "collector.db"
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def environment(self) -> dict[str, str]:
        """Of every command of this collector."""
        prefix = "DOCKWARDEN_COLLECTOR_"
        return {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            f"{prefix}SERVER_LISTEN": f"127.0.0.1:{self.port}",
            f"{prefix}SERVER_URL": self.url,
            f"{prefix}DATABASE_URL": f"sqlite:///{self.database}",
            f"{prefix}LIMITS_EVENTS_PER_SECOND": "0",
        }

    def start(self) -> None:
        """Serve, and wait until it answers."""
        with (self.folder / "collector.log").open("ab") as log:
            process = self._process = subprocess.Popen(
                [sys.executable, "-m", "collector", "serve"],
                env=self.environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(lambda: self.answers() or process.poll() is not None, "its answer")
        assert process.poll() is None, (self.folder / "collector.log").read_text()[-3000:]

    def answers(self) -> bool:
        """Whether anything listens there."""
        try:
            urllib.request.urlopen(f"{self.url}/login", timeout=PATIENCE).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def end(self, number: int = signal.SIGKILL) -> None:
        """End the group that `start` made."""
        if self._process is not None:
            if self._process.poll() is None:
                os.killpg(self._process.pid, number)
            self._process.wait()
            self._process = None

    def secret(self) -> str:
        """A new enrolment secret."""
        done = subprocess.run(
            [sys.executable, "-m", "collector", "enrolment", "new"],
            env=self.environment(),
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        """Straight from its database."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as db:
            return db.execute(statement).fetchall()


@contextmanager
def collector_process(folder: Path) -> Iterator[CollectorProcess]:
    """Running, until the end of the block."""
    folder.mkdir(parents=True, exist_ok=True)
    found = CollectorProcess(folder)
    found.start()
    try:
        yield found
    finally:
        found.end()
