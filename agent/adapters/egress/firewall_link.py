"""One helper process and the socket to it; knows lines and answers, not what they mean."""

import itertools
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import agent.helpers.firewall
from agent.adapters.egress.egress_settings import Launch
from agent.errors import LayerFailed

_LONGEST = 8192
_SILENCE = 30.0  # s without a word: the helper, which pings each second, hangs
_FAREWELL = 3.0  # s
_SCRIPT = Path(agent.helpers.firewall.__file__).with_name("__main__.py")
_DISTRIBUTION = "/usr/bin/python3"  # the one for which the distribution builds python3-nftables
_CHECK_UNIT = "look at the log above it, and that the service has CAP_NET_ADMIN"
_EVENTS = frozenset({"refused", "disturbed", "unhealed"})


def _command(launch: Launch, arguments: Sequence[str]) -> Sequence[str]:
    """Isolated and without the site module: quick to start, small, deaf to the environment."""
    python = launch.python
    if not python:
        python = _DISTRIBUTION if os.access(_DISTRIBUTION, os.X_OK) else sys.executable
    return launch.enter([python, "-I", "-S", "-B", str(_SCRIPT), "serve", *arguments])


class FirewallLink:
    """Starts a helper; raises `LayerFailed` when it cannot work. One question at a time.

    `heard(verb, rest)` gets what it reports by itself, and `ended()` its end, both from the link's
    own thread.
    """

    def __init__(
        self,
        launch: Launch,
        netns: int,
        *,
        heard: Callable[[str, str], None],
        ended: Callable[["FirewallLink"], None],
    ) -> None:
        self._heard, self._ended = heard, ended
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        arguments = [f"fd={theirs.fileno()}", f"netns={netns}", f"own={launch.own:d}"]
        try:
            with theirs:
                self._process = subprocess.Popen(
                    _command(launch, arguments),
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    start_new_session=True,  # a terminal's Ctrl-C is not for the helper
                )
        except OSError as error:
            ours.close()
            raise LayerFailed(f"the firewall's process cannot be started: {error}") from error
        self._socket = ours
        self._numbers = itertools.count(1)
        self._answered = threading.Condition()
        self._said: list[tuple[str, str]] = []
        self._alive = True
        self._thread = threading.Thread(target=self._listen, name="firewall", daemon=True)
        self._thread.start()
        try:
            self._await({"ready", "failed"}, "", 30.0)
        except LayerFailed:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The process's ID."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still talks."""
        return self._alive

    def ask(self, verb: str, lines: Iterable[str] = (), *, limit: float = 60.0) -> Sequence[str]:
        """Say the lines, then the verb; returns what was answered until it was done. Raises
        `LayerFailed` with the helper's words, or when it takes more than `limit` seconds."""
        number = str(next(self._numbers))
        with self._answered:
            self._said.clear()
        for line in lines:
            self._send(line)
        self._send(f"{verb} {number}")
        return self._await({"done", "error"}, number, limit)

    def close(self) -> None:
        """End it; the table stays as it is."""
        self._socket.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(_FAREWELL)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._thread is not threading.current_thread():
            self._thread.join(_FAREWELL)

    def _send(self, line: str) -> None:
        try:
            self._socket.send(os.fsencode(line))
        except OSError as error:
            raise LayerFailed(
                f"the firewall's process is gone: {error}", hint=_CHECK_UNIT
            ) from error

    def _await(self, ends: set[str], number: str, limit: float) -> Sequence[str]:
        until = time.monotonic() + limit
        with self._answered:
            while True:
                for at, (verb, rest) in enumerate(self._said):
                    mine = rest.split(" ", 1)[0] == number if number else True
                    if verb in ends and mine:
                        answer = [f"{verb} {rest}" for verb, rest in self._said[:at]]
                        del self._said[: at + 1]
                        if verb in ("error", "failed"):
                            words = rest.removeprefix(f"{number} ") if number else rest
                            raise LayerFailed(f"the firewall: {words}")
                        return answer
                left = until - time.monotonic()
                if not self._alive:
                    raise LayerFailed("the firewall's process ended", hint=_CHECK_UNIT)
                if left <= 0:
                    raise LayerFailed(f"the firewall did not answer in {limit:.0f} seconds")
                self._answered.wait(left)

    def _listen(self) -> None:
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        while poll.poll(_SILENCE * 1000):
            try:
                data = self._socket.recv(_LONGEST)
            except OSError:
                break
            if not data:
                break
            verb, _, rest = os.fsdecode(data).partition(" ")
            if verb in _EVENTS:
                self._heard(verb, rest)
            elif verb != "ping":
                with self._answered:
                    self._said.append((verb, rest))
                    self._answered.notify_all()
        self._process.kill()
        with self._answered:
            self._alive = False
            self._answered.notify_all()
        self._ended(self)
