"""Whatever dies or stalls at whatever moment, nothing stays frozen and no decision is lost."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.adapters.cgroup_gate.gate_link import GateLink
from agent.ports import GateDecision, GateState
from tests.gate.fake_containers import FakeContainer, FakeContainers
from tests.gate.guarded import Guarded
from tests.patience import PATIENCE, until

Guard = Callable[..., Guarded]
RUNS = 50  # a side and hierarchy: 200 deaths in all

AGENT = """
import sys, time
from agent.adapters.cgroup_gate import supervisor
from agent.adapters.cgroup_gate import CgroupGate
from agent.ports import CgroupCreated, GateState, GateDecision
mount, root, version, engine, hold, answer = sys.argv[1:]
def sink(message):
    if isinstance(message, GateState):
        print(message.working, gate.pid, flush=True)
    if isinstance(message, CgroupCreated) and message.held:
        time.sleep(0.003)
        number = int(message.container_id[0], 16)
        if number < 12:
            gate.rule(message.container_id, GateDecision.KILL if number % 2 else GateDecision.THAW)
supervisor._LONGEST_PAUSE = 0.1
gate = CgroupGate(sink, roots=[root], freeze=True, hold_seconds=float(hold), mount=mount,
    on_timeout=GateDecision(answer), engine_root=engine, cgroup_version=version, build_steps="deny")
gate.start()
time.sleep(600)
"""


class Agent:
    """An agent of its own process, so that it can be killed. Of the containers at the gate it
    thaws and kills some (by the first digit of their names) and forgets to answer the others."""

    def __init__(
        self, place: FakeContainers, hold: float = 30.0, answer: GateDecision = GateDecision.THAW
    ) -> None:
        arguments = [place.mount, place.root, place.version, str(place.engine_root)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", AGENT, *arguments, str(hold), answer],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        working, pid = self.process.stdout.readline().split()
        assert working == "True"
        self.gate_pid = int(pid)

    def kill(self) -> None:
        """SIGKILL to the agent alone."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def gone(pid: int) -> bool:
    """Whether a process has ended (an orphan is reaped by init)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.fixture
def agent(place: FakeContainers) -> Iterator[Callable[..., Agent]]:
    """Makes agents; ends them and their gates."""
    made: list[Agent] = []

    def make(**settings: object) -> Agent:
        made.append(Agent(place, **settings))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for each in made:
        if each.process.poll() is None:
            each.process.send_signal(signal.SIGCONT)
            each.kill()
        until(lambda each=each: gone(each.gate_pid), "the gate ended")  # type: ignore[misc]


def burst(place: FakeContainers, seed: int) -> Iterator[FakeContainer]:
    """Some containers, appearing at random moments."""
    moments = random.Random(seed)
    for _ in range(4):
        container = place.container(slow=True)
        container.appear()
        yield container
        time.sleep(moments.uniform(0, 0.004))


def test_agent_killed_at_random_moments(place: FakeContainers, agent: Callable[..., Agent]) -> None:
    for seed in range(RUNS):
        victim = agent(answer=random.Random(seed).choice([GateDecision.THAW, GateDecision.KILL]))
        for number, _ in enumerate(burst(place, seed)):
            if number == seed % 4:
                victim.kill()
        until(lambda pid=victim.gate_pid: gone(pid), "the gate ended")  # type: ignore[misc]
        assert place.frozen() == []


def test_gate_killed_at_random_moments(place: FakeContainers, agent: Callable[..., Agent]) -> None:
    victim = agent(hold=0.5)
    assert victim.process.stdout is not None
    pid = victim.gate_pid
    for seed in range(RUNS):
        for number, _ in enumerate(burst(place, seed)):
            if number == seed % 4:
                os.kill(pid, signal.SIGKILL)
        while True:  # not working, then working again
            working, word = victim.process.stdout.readline().split()
            if working == "True":
                pid = victim.gate_pid = int(word)
                break
    until(lambda: place.frozen() == [], "nothing is frozen")


def test_both_killed_and_the_next_agent_finds_them(place: FakeContainers, guard: Guard) -> None:
    link = orphaned(place)
    container, paused = place.container(), place.container()
    container.appear()
    paused.appear()
    until(lambda: len(place.frozen()) == 2, "both are frozen")
    os.kill(link.pid, signal.SIGKILL)
    link.end()
    place.engine_knows(paused.id, paused=True)
    guarded = guard()
    messages = {m.container_id: m.held for m in guarded.messages if not isinstance(m, GateState)}  # type: ignore[union-attr]
    assert messages == {container.id: True, paused.id: False}
    guarded.gate.rule(container.id, GateDecision.THAW)
    guarded.hold_ended(container.id)
    until(lambda: container.ran, "it ran")
    assert place.frozen() == [str(paused.cgroup)]


def orphaned(place: FakeContainers) -> GateLink:
    """A gate that the test itself is the agent of."""
    link = GateLink(
        [
            f"version={place.version}",
            f"mount={place.mount}",
            "freeze=1",
            "hold_ms=30000",
            "on_timeout=thaw",
            f"engine_root={place.engine_root}",
            "build_steps=deny",
            f"root={place.root}",
        ]
    )
    link.say("go")
    assert next(link.lines()).startswith("state 1")
    return link


def test_ruling_given_before_the_agents_death_is_carried_out(place: FakeContainers) -> None:
    link = orphaned(place)
    container = place.container()
    container.appear()
    until(lambda: place.frozen() != [], "it is frozen")
    os.kill(link.pid, signal.SIGSTOP)
    link.say(f"rule {container.id} kill")
    link.hang_up()
    os.kill(link.pid, signal.SIGCONT)
    lines = list(link.lines())
    assert link.end() == "ended with code 0"
    assert [line.split()[:3] for line in lines if line.startswith("hold_ended")] == [
        ["hold_ended", container.id, "kill"]
    ]
    assert container.process.wait(PATIENCE) == -signal.SIGKILL
    assert not container.ran and place.frozen() == []


def test_ruling_given_before_the_gates_death_is_carried_out(
    place: FakeContainers, guard: Guard
) -> None:
    guarded = guard()
    container = place.container()
    container.appear()
    guarded.created(container.id)
    assert guarded.gate.pid is not None
    os.kill(guarded.gate.pid, signal.SIGSTOP)
    guarded.gate.rule(container.id, GateDecision.KILL)
    os.kill(guarded.gate.pid, signal.SIGKILL)
    assert guarded.hold_ended(container.id).decision is GateDecision.KILL
    until(lambda: container.dead, "it died")
    assert not container.ran


def test_stalled_agent(place: FakeContainers, agent: Callable[..., Agent]) -> None:
    stalled = agent(hold=1.0)
    stalled.process.send_signal(signal.SIGSTOP)
    container = place.container()
    container.appear()
    until(lambda: container.ran, "the gate answered by itself")
    assert place.frozen() == []
    assert not gone(stalled.gate_pid)


def test_stalled_gate_is_replaced(
    place: FakeContainers, guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.adapters.cgroup_gate.gate_link._SILENCE", 1.5)
    guarded = guard()
    container = place.container()
    container.appear()
    guarded.created(container.id)
    assert guarded.gate.pid is not None
    os.kill(guarded.gate.pid, signal.SIGSTOP)
    assert "SIGKILL" in guarded.await_(GateState, lambda s: not s.working).reason
    assert guarded.created(container.id).held
    guarded.await_(GateState, lambda state: state.working)
    guarded.gate.rule(container.id, GateDecision.THAW)
    until(lambda: container.ran, "it ran")


def test_gate_that_cannot_start_leaves_nothing_frozen(
    place: FakeContainers, guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded = guard()
    held, refused = place.container(), place.container()
    held.appear()
    refused.appear()
    guarded.created(refused.id)
    monkeypatch.setattr("sys.executable", "/nonexistent")
    assert guarded.gate.pid is not None
    os.kill(guarded.gate.pid, signal.SIGSTOP)
    guarded.gate.refuse(refused.id)
    os.kill(guarded.gate.pid, signal.SIGKILL)
    assert "/nonexistent" in guarded.await_(GateState, lambda s: "started" in s.reason).reason
    until(lambda: place.frozen() == [], "nothing is frozen")
    until(lambda: held.ran and refused.dead, "each got its answer")
    assert not refused.ran


def test_close_settles_what_is_held(place: FakeContainers, guard: Guard) -> None:
    guarded = guard(on_timeout=GateDecision.KILL)
    container = place.container()
    container.appear()
    guarded.created(container.id)
    guarded.close()
    hold_ended = guarded.hold_ended(container.id)
    assert hold_ended.decision is GateDecision.KILL and hold_ended.unanswered
    assert container.dead and not container.ran and place.frozen() == []
    assert guarded.gate.pid is None


def test_emergency_thaw_by_hand(place: FakeContainers) -> None:
    link = orphaned(place)
    container, paused, foreign = place.container(), place.container(), place.container(known=False)
    container.appear()
    paused.appear()
    until(lambda: len(place.frozen()) == 2, "both are frozen")
    foreign.appear()
    place.freezer.freeze(str(foreign.cgroup))
    place.engine_knows(paused.id, paused=True)
    os.kill(link.pid, signal.SIGKILL)
    link.end()
    where = ["--roots", place.root, "--engine-root", str(place.engine_root)]
    done = subprocess.run(
        [sys.executable, "-m", "agent.helpers.gate", "thaw", *where],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{container.id} thaw\n"
    assert sorted(place.frozen()) == sorted([str(paused.cgroup), str(foreign.cgroup)])
