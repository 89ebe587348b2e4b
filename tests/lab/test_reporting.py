"""From a kill on a real host to the collector's page: a real agent, engine, collector, browser."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from tests.lab.agent import LabAgent
from tests.lab.host import LabHost
from tests.lab.images import BuiltImage
from tests.lab.trials import Trials
from tests.patience import PATIENCE
from tests.uplink.collector_process import ROOT, CollectorProcess

PASSWORD = "correct horse battery staple"


class LabCollector(CollectorProcess):
    """A collector in the host's own network namespace, reached from there only."""

    def __init__(self, folder: Path, host: LabHost) -> None:
        super().__init__(folder)
        self._host = host

    def serve(self) -> subprocess.Popen[Any]:
        """Start it there and wait until it answers."""
        log = (self.folder / "collector.log").open("ab")
        with log:
            process = self._host.popen(
                [sys.executable, "-m", "collector", "serve"],
                environment=self.settings(),
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + PATIENCE
        while not self._reached():
            said = (self.folder / "collector.log").read_text()[-3000:]
            assert process.poll() is None and time.monotonic() < end, said
            time.sleep(0.05)
        return process

    def settings(self) -> dict[str, str]:
        """What differs from any process's environment."""
        return {k: v for k, v in self.environment().items() if os.environ.get(k) != v}

    def _reached(self) -> bool:
        probe = f"import socket; socket.create_connection(('127.0.0.1', {self.port}), 9)"
        return self._host.run([sys.executable, "-c", probe], check=False).returncode == 0


@contextmanager
def collector(host: LabHost, folder: Path) -> Iterator[LabCollector]:
    """Running in the host's namespace, with an administrator."""
    folder.mkdir(parents=True, exist_ok=True)
    collector_process = LabCollector(folder, host)
    process = collector_process.serve()
    try:
        subprocess.run(
            [sys.executable, "-m", "collector", "admin", "set-password", "--stdin"],
            env=collector_process.environment(),
            input=PASSWORD + "\n",
            text=True,
            check=True,
            capture_output=True,
        )
        yield collector_process
    finally:
        process.kill()
        process.wait()


def test_a_violation_appears_on_the_page(
    host: LabHost,
    make_agent: Callable[..., LabAgent],
    bad: BuiltImage,
    tmp_path: Path,
) -> None:
    with collector(host, host.work / f"collector-{tmp_path.name}") as collector_process:
        settings = {"url": collector_process.url, "enrolment_secret": collector_process.secret()}
        agent = make_agent(collector=settings)
        agent.until(lambda: _kinds(collector_process) >= {"notice"}, "the agent's first report")
        agent.until(lambda: bool(_states(collector_process)), "the heartbeat")
        assert _states(collector_process) == [("enforce",)]
        trials = Trials(host, agent, tmp_path)
        with browser(host, collector_process, bad.repository) as page:
            assert page.readline() == b"open\n"
            killed = trials.never_ran(trials.run(bad))
            seen = float(page.readline())
            text = page.read().decode()
        agent.until(lambda: killed["id"] in _received(collector_process), "the violation")
        at = datetime.fromisoformat(killed["at"]).timestamp()
        committed = _received(collector_process)[killed["id"]] - at
        print(f"after the decision: {committed:.3f} s committed, {seen - at:.3f} s on the page")
        assert host.name in text and bad.repository in text
        assert agent.status()["uplink"]["error"] == ""


def _kinds(collector_process: CollectorProcess) -> set[object]:
    return {row[0] for row in collector_process.rows("SELECT kind FROM events")}


def _received(collector_process: CollectorProcess) -> dict[str, float]:
    """When each record came, in seconds since 1970 by this machine's clock."""
    rows = collector_process.rows("SELECT event_id, received_at FROM events")
    return {str(id_): float(str(at)) / 1e6 for id_, at in rows}


def _states(collector_process: CollectorProcess) -> list[tuple[object, ...]]:
    return collector_process.rows("SELECT mode FROM hosts WHERE mode != ''")


@contextmanager
def browser(host: LabHost, collector_process: CollectorProcess, word: str) -> Iterator[IO[bytes]]:
    """Somebody who looks at the page, in the host's namespace; see tests/lab/page.py."""
    place = Path(os.environ.get("DOCKWARDEN_SCREENSHOTS", collector_process.folder))
    place.mkdir(parents=True, exist_ok=True)
    picture = place / "a-kill-on-the-page.png"
    process = host.popen(
        [
            sys.executable,
            "-m",
            "tests.lab.page",
            collector_process.url,
            PASSWORD,
            str(picture),
            word,
        ],
        environment={"PYTHONPATH": str(ROOT), "HOME": str(collector_process.folder)},
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout
        yield process.stdout
        assert process.wait(PATIENCE) == 0
        assert picture.stat().st_size > 1000
    finally:
        process.kill()
        process.wait()
