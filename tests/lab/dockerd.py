"""One run of dockerd: its process, from the first instruction until all it started has ended."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.lab import reaper
from tests.lab.errors import LabError
from tests.lab.namespaces import join_cgroups
from tests.patience import PATIENCE


class Dockerd:
    """A running dockerd; a reaper is its parent and stays for what dockerd leaves behind."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        log: Path,
        reaper_cgroup: Sequence[Path],
    ) -> None:
        """Start ``command``, which enters the host by itself and then becomes dockerd."""
        reading, writing = os.pipe()
        parent = [sys.executable, "-IS", str(reaper.__file__), str(writing)]
        with log.open("ab") as output:
            self._reaper = subprocess.Popen(
                [*join_cgroups(reaper_cgroup), *parent, *command],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                pass_fds=(writing,),
                start_new_session=True,
            )
        os.close(writing)
        with os.fdopen(reading) as said:
            line = said.readline()
        if not line:
            raise LabError(f"no dockerd: {log.read_text(errors='replace')[-400:]}")
        self.pid = int(line)
        self._handle = os.pidfd_open(self.pid)

    @property
    def running(self) -> bool:
        """Whether the process is alive, answering or not."""
        return not select.select([self._handle], [], [], 0)[0]

    def signal(self, number: signal.Signals) -> None:
        """Send dockerd a signal; a dead one takes none."""
        if self.running:
            signal.pidfd_send_signal(self._handle, number)

    def pause(self) -> None:
        """Stop all of dockerd's threads; return once every one of them stands still."""
        self.signal(signal.SIGSTOP)
        end = time.monotonic() + PATIENCE
        while not all(state == "T" for state in _thread_states(self.pid)):
            if time.monotonic() > end:
                raise LabError(f"dockerd {self.pid} does not stop")
            time.sleep(0.005)

    def wait(self) -> bool:
        """Wait until dockerd has ended and is collected; say whether it did."""
        if not select.select([self._handle], [], [], PATIENCE)[0]:
            return False
        return wait_gone(self.pid)

    def close(self) -> None:
        """Collect the reaper once everything is dead."""
        self._reaper.wait(timeout=PATIENCE)
        os.close(self._handle)


def _thread_states(pid: int) -> list[str]:
    states = []
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        try:
            states.append(stat.read_text().rpartition(")")[2].split()[0])
        except OSError:  # the thread ended meanwhile
            continue
    return states


def wait_gone(pid: int) -> bool:
    """Wait until a pid is neither alive nor a zombie; say whether it is so."""
    end = time.monotonic() + PATIENCE
    while Path(f"/proc/{pid}").exists():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True
