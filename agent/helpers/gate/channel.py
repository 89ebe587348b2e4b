"""Lines to and from the agent over an inherited SEQPACKET socket; never waits for the agent."""

from __future__ import annotations

import os

_LONGEST = 8192  # a path has at most 4096 bytes
_BACKLOG = 4096  # lines kept for an agent that does not read
_AT_ONCE = 256


class Channel:
    """One message is one line. A closed socket sets `closed`; what arrived before it is kept."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.closed = False
        self._unsent: list[bytes] = []
        self._lost = False
        os.set_blocking(fd, False)

    @property
    def waiting(self) -> bool:
        """Whether something could not be sent yet."""
        return bool(self._unsent)

    def receive(self) -> list[list[str]]:
        """The words of each line that has arrived, some hundred at most."""
        lines: list[list[str]] = []
        while not self.closed and len(lines) < _AT_ONCE:
            try:
                data = os.read(self.fd, _LONGEST)
            except BlockingIOError:
                break
            except ConnectionError:
                data = b""
            if not data:
                self.closed = True
                break
            lines.append(os.fsdecode(data).split(" "))
        return lines

    def say(self, line: str) -> None:
        """Send a line now or later. If too much waits, the line is dropped and the agent is sent
        `lost` as soon as it reads again, so that it inspects everything again."""
        if len(self._unsent) >= _BACKLOG:
            self._lost = True
            return
        self._unsent.append(os.fsencode(line))
        self.flush()

    def flush(self) -> None:
        """Send what waits, as far as the socket takes it."""
        sent = 0
        try:
            for data in self._unsent:
                os.write(self.fd, data)
                sent += 1
        except BlockingIOError:
            del self._unsent[:sent]
            return
        except (ConnectionError, BrokenPipeError):
            self.closed = True
        self._unsent.clear()
        if self._lost:
            self._lost = False
            self.say("lost")
