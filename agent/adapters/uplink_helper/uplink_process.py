"""One run of the uplink's process: started, woken, heard, ended; knows no records.

A process of its own, so that what it imports (20 MiB) goes with it when nothing is left to send.
"""

import contextlib
import os
import select
import subprocess
import sys
from collections.abc import Callable
from typing import Final

from agent.helpers.uplink.uplink_order import Order, Said, said, to_line
from agent.log import get_logger
from core.network.network_environment import NETWORK_VARIABLES

log = get_logger(__name__)

SILENT_SECONDS: Final = 180.0  # longer than a request may take in all; then it hangs
_KEPT: Final = ("PATH", "PYTHONPATH", "PYTHONHOME", "LANG", "LC_ALL", "TMPDIR")
_LINE: Final = 64 << 10


class Run:
    """`wake` and `end` may come from any thread."""

    def __init__(self, order: Order) -> None:
        """Start it. Raises `OSError`."""
        command = [sys.executable, "-P", "-B", "-m", "agent.helpers.uplink"]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd="/",
            env=_environment(),
            start_new_session=True,
        )
        assert self.process.stdin is not None  # it is a pipe
        with contextlib.suppress(BrokenPipeError):  # then its output ends at once
            os.write(self.process.stdin.fileno(), to_line(order))
        os.set_blocking(self.process.stdin.fileno(), False)

    def wake(self) -> None:
        """Something new waits."""
        assert self.process.stdin is not None  # it is a pipe
        with contextlib.suppress(BrokenPipeError, BlockingIOError, ValueError):
            os.write(self.process.stdin.fileno(), b".")

    def listen(self, heard: Callable[[Said], None]) -> Said:
        """Until it ends; its last word. `heard` gets those before."""
        assert self.process.stdout is not None  # it is a pipe
        rest, last = b"", Said(ended=True, why="the uplink's process died")
        while True:
            if not select.select([self.process.stdout], [], [], SILENT_SECONDS)[0]:
                self.end()
                return Said(ended=True, why=f"it sent nothing for {SILENT_SECONDS:g} s")
            data = os.read(self.process.stdout.fileno(), _LINE)
            if not data:
                return last
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                found = said(line)
                if found.ended:
                    last = found
                else:
                    heard(found)

    def end(self) -> None:
        """Kill it, if it still runs, and give back the pipes."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """After `listen`."""
        self.end()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def _environment() -> dict[str, str]:
    """What a Python needs, and the proxies; no secret of the agent's."""
    kept = {*_KEPT, *NETWORK_VARIABLES}
    return {name: value for name, value in os.environ.items() if name in kept}
