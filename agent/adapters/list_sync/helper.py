"""Runs the sync helper once: bounded in time, memory and words; knows nothing of lists.

The helper is a process of its own, so that what it imports (30 MiB) goes with it.
"""

import contextlib
import os
import resource
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Final

from agent.errors import SyncFailed
from agent.log import get_logger
from core.network.network_environment import NETWORK_VARIABLES

log = get_logger(__name__)

ANSWER_LIMIT: Final = 1 << 20  # bytes
WORDS_LIMIT: Final = 64 << 10  # bytes of its standard error that reach the log
MEMORY_LIMIT: Final = 1 << 30  # bytes of address space
_CHUNK: Final = 1 << 16
_NICE: Final = 5  # it must not delay a verdict
_KEPT: Final = ("PATH", "PYTHONPATH", "PYTHONHOME", "LANG", "LC_ALL", "TMPDIR")


class Helper:
    """`module` is what `python -m` starts; `limit_seconds` how long it may take in all."""

    def __init__(
        self,
        limit_seconds: float,
        *,
        module: str = "agent.helpers.sync",
        memory_bytes: int = MEMORY_LIMIT,
    ) -> None:
        self.limit_seconds, self.module, self.memory_bytes = limit_seconds, module, memory_bytes
        self._lock = threading.Lock()
        self._running: subprocess.Popen[bytes] | None = None
        self._closed = False

    def run(self, request: bytes, arguments: Sequence[str] = ()) -> bytes:
        """Its standard output; raises `SyncFailed` when it ended badly or was ended."""
        process = self._start([sys.executable, "-P", "-B", "-m", self.module, *arguments])
        try:
            self._bound(process.pid)
            said, words, in_time = _talk(process, request, time.monotonic() + self.limit_seconds)
        finally:
            with self._lock:
                self._running = None
                _end(process)
        for line in words.decode(errors="replace").splitlines():
            log.info("sync.helper_said", words=line)
        if not in_time:
            raise SyncFailed(
                f"the sync helper took longer than {self.limit_seconds:g} s and was ended",
                hint="is the repository's server slow? journalctl -u dockwarden shows more",
            )
        if len(said) > ANSWER_LIMIT:
            raise SyncFailed("the sync helper wrote more than it may and was ended")
        if process.returncode != 0 and not said:
            raise SyncFailed(
                f"the sync helper ended with {process.returncode}: {_last_line(words)}",
                hint="journalctl -u dockwarden shows more",
            )
        return said

    def close(self) -> None:
        """End what runs, from any thread, and start nothing more: the agent stops."""
        with self._lock:
            self._closed = True
            if self._running is not None:
                _kill(self._running)

    def _start(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise SyncFailed("the agent stops")
            try:
                self._running = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    cwd="/",
                    env=_environment(),
                    start_new_session=True,  # a group of its own, to be ended as one
                )
            except OSError as error:
                raise SyncFailed(f"the sync helper cannot be started: {error}") from error
            return self._running

    def _bound(self, pid: int) -> None:
        """Below what the helper sets itself, should it be broken."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            limits = (self.memory_bytes, self.memory_bytes)
            resource.prlimit(pid, resource.RLIMIT_AS, limits)
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
            os.setpriority(os.PRIO_PROCESS, pid, _NICE)


def _environment() -> dict[str, str]:
    """What a Python needs, and the proxies; no secret of the agent's."""
    kept = {*_KEPT, *NETWORK_VARIABLES}
    return {name: value for name, value in os.environ.items() if name in kept}


def _talk(
    process: subprocess.Popen[bytes], request: bytes, until: float
) -> tuple[bytes, bytes, bool]:
    """Its output, its words, and whether it was done in time."""
    assert process.stdin and process.stdout and process.stderr  # all three are pipes
    with contextlib.suppress(BrokenPipeError):  # then its output says why; a request fits the pipe
        process.stdin.write(request)
        process.stdin.close()
    heard: dict[int, bytearray] = {1: bytearray(), 2: bytearray()}
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, 1)
        selector.register(process.stderr, selectors.EVENT_READ, 2)
        while selector.get_map():
            left = until - time.monotonic()
            ready = selector.select(max(left, 0.0))
            if not ready and left <= 0:
                return bytes(heard[1]), bytes(heard[2]), False
            for key, _ in ready:
                data = os.read(key.fd, _CHUNK)
                if not data:
                    selector.unregister(key.fileobj)
                elif key.data == 1 or len(heard[2]) < WORDS_LIMIT:
                    heard[key.data] += data
            if len(heard[1]) > ANSWER_LIMIT:
                return bytes(heard[1]), bytes(heard[2]), True
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(max(until - time.monotonic(), 0.1))
    return bytes(heard[1]), bytes(heard[2]), process.returncode is not None


def _end(process: subprocess.Popen[bytes]) -> None:
    """Its whole group, unless it is gone already."""
    _kill(process)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _last_line(words: bytes) -> str:
    lines = words.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it wrote nothing"
