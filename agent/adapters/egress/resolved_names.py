"""What names mean: the host's own resolver, asked in the background, and what it said lately.

Registries answer with a few of many addresses, others each time; so all answers of the last hour
count together (the resolver does not report their time to live), and an unanswered name keeps what
was last known, also over a restart.
"""

import socket
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from agent.adapters.egress.egress_settings import literal
from agent.log import get_logger
from agent.ports import Clock
from agent.ports.lockdown_values import Address
from core.durable import make_directory, write_file

GRACE = 3600.0  # s

log = get_logger(__name__)
Lookup = Callable[[str], Iterable[str]]


def system_lookup(name: str) -> Iterable[str]:
    """By the host's resolver; raises `OSError` when it has no answer."""
    answers = socket.getaddrinfo(name, None, proto=socket.IPPROTO_TCP)
    return [str(answer[4][0]).partition("%")[0] for answer in answers]


class Names:
    """Safe to read from any thread; `refresh` waits for the resolver, so from a worker only."""

    def __init__(self, state_file: Path, clock: Clock, lookup: Lookup = system_lookup) -> None:
        self._file, self._clock, self._lookup = state_file, clock, lookup
        self._lock = threading.Lock()
        self._seen = _read(state_file)
        self._failed: dict[str, str] = {}

    def addresses(self, name: str) -> frozenset[Address]:
        """All that the name means as far as known; empty when it was never answered."""
        address = literal(name)
        if address is not None:
            return frozenset({address})
        with self._lock:
            known = self._seen.get(name, {})
        return frozenset(a for text in known if (a := literal(text)) is not None)

    def failure(self, name: str) -> str:
        """Why the last question about it was not answered, in words; empty when it was."""
        with self._lock:
            return self._failed.get(name, "")

    def refresh(self, names: Iterable[str]) -> bool:
        """Ask about all of these, in order; whether anything means something else now."""
        desired = [name for name in dict.fromkeys(names) if literal(name) is None]
        changed = False
        for name in desired:
            changed |= self._ask(name)
        with self._lock:
            for name in self._seen.keys() - set(desired):
                del self._seen[name]
            data = msgspec.json.encode(self._seen)
        try:
            make_directory(self._file.parent)
            write_file(self._file, data)
        except OSError as error:
            log.warning("egress.names-not-kept", file=self._file, error=error)
        return changed

    def _ask(self, name: str) -> bool:
        try:
            answers = [text for text in self._lookup(name) if literal(text) is not None]
            failure = "" if answers else "it has no address"
        except (OSError, UnicodeError) as error:  # UnicodeError: no possible host name
            answers, failure = [], str(error)
        now = self._clock.now().timestamp()
        with self._lock:
            self._failed[name] = failure
            old = self._seen.get(name, {})
            if failure:
                return False
            new = {text: seen for text, seen in old.items() if abs(now - seen) < GRACE}
            new.update(dict.fromkeys(answers, now))
            self._seen[name] = new
            return new.keys() != old.keys()


def _read(path: Path) -> dict[str, dict[str, float]]:
    """What was kept; a damaged file is as good as none, since names can be asked again."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, dict[str, float]])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        log.warning("egress.names-unreadable", file=path, error=error)
        return {}
