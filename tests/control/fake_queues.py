"""What waits to be delivered to the agent, and in which order; knows nothing of what it means.

Producers queue as in the daemon, each in its own order: the event stream, the gate, the jobs'
results. Jobs, which run beside each other there, are run one by one as they are chosen.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from agent.ports import EngineEvent, GateMessage
from core.base_errors import DockwardenError
from tests.control.fake_host import FakeHost, Locked
from tests.fakes.clock import FakeClock

T = TypeVar("T")

PRODUCERS = ("stream", "gate", "result", "job")
Chooser = Callable[[Sequence[str]], str]


def first_come(ready: Sequence[str]) -> str:
    """Whatever is first of stream, gate, results, jobs."""
    return ready[0]


@dataclass(slots=True)
class Job:
    """Slow work that was asked for. One that is `stuck` is never run."""

    run: Callable[[], Any]
    then: Callable[[Any], None]
    stuck: bool = False


@dataclass(slots=True)
class FakeQueues:
    """The queues; `on_stream` and `on_gate` take what they hold. `notice` has the gate look for
    what it would see by itself."""

    host: FakeHost
    clock: FakeClock
    on_stream: Callable[[EngineEvent | str], None]
    on_gate: Callable[[GateMessage], None]
    notice: Callable[[], None]
    stream: deque[EngineEvent | str] = field(default_factory=deque)
    gate_said: deque[GateMessage] = field(default_factory=deque)
    results: deque[Callable[[], None]] = field(default_factory=deque)
    jobs: list[Job] = field(default_factory=list)

    def submit(
        self,
        job: Callable[[], T],
        then: Callable[[T | DockwardenError], None],
        *,
        urgent: bool = False,  # noqa: ARG002 - here the test says what is run first
    ) -> None:
        """`Work` of the loop: the job waits until it is chosen."""
        self.jobs.append(Job(job, then))

    def ready(self) -> list[str]:
        """The producers that have something."""
        self.notice()
        waiting = (self.stream, self.gate_said, self.results, self._open_jobs())
        return [name for name, queue in zip(PRODUCERS, waiting, strict=True) if queue]

    def step(self, producer: str, number: int = 0) -> bool:
        """Deliver the next message of a producer, or run one of the open jobs; False when that
        job waits for a lock of the engine."""
        match producer:
            case "stream":
                self.on_stream(self.stream.popleft())
            case "gate":
                self.on_gate(self.gate_said.popleft())
            case "result":
                self.results.popleft()()
            case "job":
                jobs = self._open_jobs()
                return self._run(jobs[number % len(jobs)])
        return True

    def drain(self, choose: Chooser) -> None:
        """Deliver everything, and all that comes of it."""
        locked = 0
        while ready := self.ready():
            jobs = len(self._open_jobs())
            if ready == ["job"] and locked >= jobs:
                self.host.impatient = True  # nobody else moves: the engine's time limit is reached
            chosen = choose(ready)
            moved = self.step(chosen, locked if chosen == "job" else 0)
            locked = 0 if moved else locked + 1
            self.host.impatient = False

    def _open_jobs(self) -> list[Job]:
        return [job for job in self.jobs if not job.stuck]

    def _run(self, job: Job) -> bool:
        result: Any
        self.clock.advance(0.001)
        try:
            result = job.run()
        except Locked:
            return False
        except DockwardenError as error:
            result = error
        self.jobs.remove(job)
        self.results.append(lambda: job.then(result))
        return True
