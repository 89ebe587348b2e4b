"""While a token is in force nothing is harmed, everything is reported, and it ends by itself."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from agent.policy.break_glass import BreakGlass
from core.allowlist.break_glass_token import (
    BreakGlassState,
    InvalidToken,
    Token,
    token_bytes,
    token_of,
)
from core.base_errors import DockwardenError
from core.decision.verdict import Action, Verdict
from core.findings.finding import Kind
from tests.control.fake_host import in_, listed
from tests.control.rig import Rig
from tests.fakes.clock import START

HOST = "0" * 32
HOUR = 3600.0


@dataclass(slots=True)
class Disk:
    """`ports.BreakGlassStore` in memory; `full` while nothing can be written."""

    state: BreakGlassState = field(default_factory=BreakGlassState)
    full: bool = False

    def read(self) -> BreakGlassState:
        """See the port."""
        return self.state

    def write(self, state: BreakGlassState) -> None:
        """See the port."""
        if self.full:
            raise DockwardenError("the disk is full")
        self.state = state


@dataclass(slots=True)
class Signatures:
    """`ports.TokenVerifier` that believes what is spelt like a token."""

    host: str = HOST

    def verify(self, token: bytes, now: datetime) -> Token:  # noqa: ARG002 - the port's signature
        """See the port."""
        return token_of(token)


@dataclass(slots=True)
class Broken:
    """A rig with break-glass. A restart is another one on the same disk and at the same clock."""

    disk: Disk = field(default_factory=Disk)
    rig: Rig = field(default_factory=lambda: Rig(trusted=listed("app", denied=["bad"])))
    break_glass: BreakGlass = field(init=False)
    serial: int = 0

    def __post_init__(self) -> None:
        self.break_glass = BreakGlass(
            self.rig.enforcer,
            self.rig.rescanner,
            store=self.disk,
            verifier=Signatures(),
            new_nonce=self._nonce,
        )

    def _nonce(self) -> str:
        self.serial += 1
        return f"{self.serial:032x}"

    def begin(self) -> "Broken":
        """Start as the daemon does."""
        self.rig.lists.load_first()
        self.break_glass.start()
        self.rig.gate.start()
        self.rig.connect()
        self.rig.drain()
        return self

    def restarted(self, *, at: datetime) -> "Broken":
        """A new process on this disk, when the wall clock shows this."""
        other = Broken(disk=self.disk)
        other.rig.clock.set_wall(at)
        return other.begin()

    def token(self, nonce: str = "", **changes: Any) -> Token:
        """A token for what was asked for now."""
        now = self.rig.clock.now()
        nonce = nonce or str(self.break_glass.request()["nonce"])
        token = Token(HOST, nonce, now, now + timedelta(hours=1), "the list is wrong", "carol")
        return replace(token, **changes)

    def apply(self, token: Token) -> dict[str, Any] | DockwardenError:
        """Apply it, and deliver all that comes of it."""
        told: list[dict[str, Any] | DockwardenError] = []
        self.break_glass.apply(token_bytes(token), told.append)
        self.rig.drain()
        return told[0]

    def pass_(self, seconds: float, step: float = 60.0) -> "Broken":
        """Time passes as the loop sees it."""
        while seconds > 0:
            self.rig.tick(min(step, seconds))
            self.break_glass.tick()
            self.rig.drain()
            seconds -= step
        return self

    def alarms(self) -> list[str]:
        """What was reported about break-glass."""
        return [e for e in self.rig.events_of(Kind.ALARM) if e.startswith("break_glass.")]


@pytest.mark.parametrize("action", [Action.KILL, Action.STOP, Action.PAUSE])
def test_nothing_is_harmed_while_it_lasts_and_everything_is_reported(action: Action) -> None:
    rig = Rig(trusted=listed("app", denied=["bad"]), actions={Verdict.UNLISTED: action})
    host = Broken(rig=rig).begin()
    status = host.apply(host.token())
    assert isinstance(status, dict) and status["active"]
    rig.run("evil", "one")
    rig.run("bad", "two")
    assert (rig.host.live, rig.host.harmed) == ({"one", "two"}, set())
    assert [rig.about(name)[-1].event for name in ("one", "two")] == ["container.reported"] * 2
    assert "break-glass is in force" in rig.about("one")[-1].summary
    assert "break-glass is in force until" in host.break_glass.degraded()[0]
    assert host.alarms() == ["break_glass.began"]


def test_it_ends_by_itself_and_what_runs_is_evaluated_again() -> None:
    host = Broken().begin()
    host.apply(host.token())
    host.rig.run("bad", "two")
    host.pass_(HOUR - 60.0)
    assert host.rig.host.live == {"two"}
    host.pass_(60.0)
    host.rig.rest()
    assert host.rig.host.live == set()
    assert host.alarms() == ["break_glass.began", "break_glass.ended"]
    assert host.break_glass.status() == {"active": False}


def test_it_ends_by_hand() -> None:
    host = Broken().begin()
    host.apply(host.token())
    host.rig.run("bad", "two")
    assert host.break_glass.end() == {"ended": True}
    host.rig.rest()
    assert host.rig.host.live == set()
    assert host.break_glass.end() == {"ended": False}


def test_a_token_counts_once() -> None:
    host = Broken().begin()
    token = host.token()
    host.apply(token)
    host.break_glass.end()
    assert isinstance(host.apply(token), InvalidToken)
    again = host.restarted(at=in_(10))
    assert isinstance(again.apply(token), InvalidToken)
    assert again.alarms() == ["break_glass.refused"]


def test_a_nonce_that_was_never_given_out_does_not_count() -> None:
    host = Broken().begin()
    assert isinstance(host.apply(host.token(nonce="f" * 32)), InvalidToken)
    host.rig.run("bad", "two")
    assert host.rig.host.live == set()


def test_the_oldest_of_many_nonces_is_forgotten() -> None:
    host = Broken().begin()
    first = host.token()
    for _ in range(8):
        host.break_glass.request()
    assert isinstance(host.apply(first), InvalidToken)


def test_it_survives_a_restart_and_is_not_lengthened_by_it() -> None:
    host = Broken().begin()
    host.apply(host.token())
    host.pass_(1800.0)
    again = host.restarted(at=in_(1900))
    again.rig.run("bad", "two")
    assert again.rig.host.live == {"two"}
    again.pass_(1690.0, step=10.0)
    assert again.break_glass.status()["active"]
    again.pass_(20.0, step=10.0)
    again.rig.rest()
    assert again.rig.host.live == set()


def test_one_that_ended_while_no_agent_ran_is_over_at_the_start() -> None:
    host = Broken().begin()
    host.apply(host.token())
    again = host.restarted(at=in_(2 * HOUR))
    again.rig.run("bad", "two")
    assert again.rig.host.live == set()
    assert again.alarms() == ["break_glass.ended"]


def test_a_clock_set_back_lengthens_nothing() -> None:
    host = Broken().begin()
    host.apply(host.token())
    host.rig.clock.set_wall(START - timedelta(days=30))
    host.pass_(HOUR - 60.0)
    assert host.break_glass.status()["active"]
    host.pass_(120.0)
    assert not host.break_glass.status()["active"]
    second = Broken().begin()
    second.apply(second.token())
    second.pass_(1800.0)
    again = second.restarted(at=START - timedelta(days=30))
    again.pass_(1860.0)
    assert not again.break_glass.status()["active"]


def test_a_second_token_ends_the_first_and_is_counted_from_its_own_time() -> None:
    host = Broken().begin()
    host.apply(host.token())
    host.rig.run("bad", "two")
    host.pass_(1800.0)
    host.apply(host.token())
    assert host.rig.host.live == {"two"}
    assert host.alarms() == ["break_glass.began", "break_glass.ended", "break_glass.began"]
    host.pass_(2400.0)
    assert host.break_glass.status()["active"]


def test_without_a_disk_no_token_is_used_up_and_none_takes_effect() -> None:
    host = Broken().begin()
    token = host.token()
    host.disk.full = True
    assert isinstance(host.apply(token), DockwardenError)
    host.rig.run("bad", "two")
    assert host.rig.host.live == set()
    host.disk.full = False
    assert isinstance(host.apply(token), dict)


@pytest.mark.parametrize(
    "changes",
    [
        {"expires_at": START + timedelta(hours=4, seconds=1)},
        {"expires_at": START},
        {"reason": ""},
        {"issued_by": "x" * 101},
        {"nonce": "F" * 32},
        {"host": "short"},
    ],
)
def test_a_token_that_breaks_its_rules_is_none(changes: dict[str, Any]) -> None:
    token = Token(HOST, "1" * 32, START, START + timedelta(hours=4), "why", "carol")
    assert token_of(token_bytes(token)) == token
    with pytest.raises(InvalidToken):
        token_of(token_bytes(replace(token, **changes)))
