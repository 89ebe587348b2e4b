"""One gate process and the socket to it; knows lines, not their meaning."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import agent.helpers.gate

_PING = 1.0  # s
_SILENCE = 5.0  # s without a word: the gate, which pings every two, hangs
_FAREWELL = 6.0  # s; more than the gate's own limit for what it has to kill at the end
_LONGEST = 8192
_SCRIPT = Path(agent.helpers.gate.__file__).with_name("__main__.py")


def _command(arguments: Sequence[str]) -> list[str]:
    """Isolated and without the site module: quick to start, small, deaf to the environment."""
    flags = ["-I", "-S", "-E"]
    if sys.dont_write_bytecode:
        flags.append("-B")
    if sys.pycache_prefix:
        flags += ["-X", f"pycache_prefix={sys.pycache_prefix}"]
    return [sys.executable, *flags, str(_SCRIPT), "serve", *arguments]


class GateLink:
    """Starts a gate; raises `OSError` if it cannot. `say` and `hang_up` may be called from any
    thread and never wait, the rest from one thread only.

    That thread must have SIGTERM and SIGINT blocked: the gate inherits it, so that a service's
    stop, which signals all its processes, ends the agent first and the gate through it.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                _command([f"fd={theirs.fileno()}", *arguments]),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # a terminal's Ctrl-C is not for the gate
            )
        ours.setblocking(False)
        self._socket = ours
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._lock = threading.Lock()
        self._unsent: deque[bytes] = deque()
        self._hung_up: float | None = None
        self._open = True

    @property
    def pid(self) -> int:
        """The process's ID."""
        return self._process.pid

    def say(self, line: str) -> None:
        """Send a line now, or as soon as the gate reads again."""
        with self._lock:
            self._unsent.append(os.fsencode(line))
            self._flush()

    def hang_up(self) -> None:
        """After all earlier lines, ask the gate to settle everything and end."""
        with self._lock:
            self._hung_up = time.monotonic()
            if self._open:
                os.eventfd_write(self._wake, 1)

    def lines(self) -> Iterator[str]:
        """What the gate says, until it ends. A gate that falls silent is killed."""
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        heard = spoke = time.monotonic()
        while True:
            poll.register(self._socket, select.POLLIN | (select.POLLOUT if self._unsent else 0))
            poll.poll(_PING * 1000)
            for line in self._receive():
                if line is None:
                    return
                heard = time.monotonic()
                if line != "ping":
                    yield line
            now = time.monotonic()
            if now - spoke >= _PING and self._hung_up is None:
                spoke = now
                self.say("ping")
            if self._settle_up(now) or now - heard > _SILENCE:
                self._process.kill()

    def end(self) -> str:
        """Make sure that the process is gone; returns how it ended, in words."""
        with self._lock:
            self._open = False
            self._unsent.clear()
            self._socket.close()
            os.close(self._wake)
        try:
            code = self._process.wait(_FAREWELL)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if code < 0:
            return f"was killed by {signal.Signals(-code).name}"
        return f"ended with code {code}"

    def _receive(self) -> Iterator[str | None]:
        """Everything that has arrived; None is the end."""
        while True:
            try:
                data = self._socket.recv(_LONGEST)
            except BlockingIOError:
                return
            except ConnectionError:
                data = b""
            yield os.fsdecode(data) if data else None
            if not data:
                return

    def _settle_up(self, now: float) -> bool:
        """Send what waits, then the farewell; True when the gate takes too long over it."""
        with self._lock:
            self._flush()
            if self._hung_up is None:
                return False
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._wake)
            if not self._unsent:
                with contextlib.suppress(OSError):  # it ended by itself meanwhile
                    self._socket.shutdown(socket.SHUT_WR)
            return now - self._hung_up > _FAREWELL

    def _flush(self) -> None:
        if not self._open:
            self._unsent.clear()
        try:
            while self._unsent:
                self._socket.send(self._unsent[0])
                self._unsent.popleft()
        except BlockingIOError:
            return
        except ConnectionError:
            self._unsent.clear()  # it died; the next gate gets everything again
