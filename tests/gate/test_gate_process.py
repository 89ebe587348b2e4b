"""The gate's process itself: small, deaf to signals, and never waiting for the agent."""

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

from agent.helpers.gate.channel import Channel
from agent.ports import GateDecision
from tests.gate.fake_containers import FakeContainers
from tests.gate.guarded import Guarded

Guard = Callable[..., Guarded]
HEAVY = ("_json", "_datetime", "_decimal", "_pickle", "_ssl", "pyexpat", "_sqlite3", "_hashlib")


def test_small(guard: Guard) -> None:
    """Not twice a bare interpreter; what it maps beyond the interpreter is shared."""
    pid = guard().gate.pid
    status = Path(f"/proc/{pid}/status").read_text().split()
    assert int(status[status.index("RssAnon:") + 1]) < 5 * 1024
    mapped = Path(f"/proc/{pid}/maps").read_text()
    assert not [name for name in HEAVY if f"/{name}." in mapped]


def test_ends_with_the_agent_and_not_with_the_service(place: FakeContainers, guard: Guard) -> None:
    """A service's stop signals all its processes: the gate goes on until the agent is done."""
    guarded = guard()
    assert guarded.gate.pid is not None
    os.kill(guarded.gate.pid, signal.SIGTERM)
    os.kill(guarded.gate.pid, signal.SIGINT)
    container = place.container()
    container.appear()
    assert guarded.created(container.id).held
    guarded.gate.rule(container.id, GateDecision.KILL)
    guarded.hold_ended(container.id)
    guarded.close()
    assert guarded.gate.pid is None


def test_agent_that_does_not_read_learns_what_it_lost() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        channel = Channel(theirs.fileno())
        for number in range(10_000):
            channel.say(f"gone {number}")
        full = channel.waiting
        assert full
        ours.setblocking(False)
        heard = []
        while channel.waiting:
            channel.flush()
            try:
                while True:
                    heard.append(ours.recv(100).decode())
            except BlockingIOError:
                continue
        kept = len(heard) - 1
        assert heard == [f"gone {number}" for number in range(kept)] + ["lost"]
        assert 4096 <= kept < 10_000


def test_what_was_said_before_the_end_is_read() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        channel = Channel(theirs.fileno())
        ours.send(b"rule x kill")
        ours.close()
        assert (channel.receive(), channel.closed) == ([["rule", "x", "kill"]], True)
        channel.say("ping")
        assert channel.waiting is False
