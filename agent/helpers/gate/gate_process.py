"""The gate's own process: one loop around inotify, the agent's socket and the clock.

It is a process of its own so that nothing in the agent (its interpreter lock, a garbage
collection, a slow disk) delays a freeze, and so that each can watch the other.
"""

from __future__ import annotations

import gc
import os
import select
import time

from agent.helpers.gate.cgroup_tree import Tree
from agent.helpers.gate.channel import Channel
from agent.helpers.gate.container_names import EngineFiles
from agent.helpers.gate.hierarchy import freezer
from agent.helpers.gate.hold_policy import HoldPolicy
from agent.helpers.gate.holds import MS, Holds
from agent.helpers.gate.inotify import Inotify
from agent.helpers.gate.mounts import locate

SECOND = 1000 * MS
BEAT = 2 * SECOND  # between two signs of life; the agent waits 5 s for one
_LAST_WORDS = 3 * SECOND  # after the agent's end, for what has to be killed
_RETRY = 10 * SECOND


class GateProcess:
    """Watches, freezes, and follows the agent's commands."""

    def __init__(self, channel: Channel, options: dict[str, str], roots: list[str]) -> None:
        version, mount = locate(options["version"], options["mount"])
        self._channel = channel
        self._freeze = self._hold = 0  # see _configure
        engine = EngineFiles(options["engine_root"])
        kind = freezer(version)
        self._holds = Holds(
            kind,
            channel.say,
            engine.may_be_paused,
        )
        self._hold_policy = HoldPolicy(
            kind,
            engine,
            self._holds,
            channel.say,
        )
        self._configure(options)
        self._inotify = Inotify()
        self._tree = Tree(self._inotify, mount, roots, self._found, self._gone)
        self._mount = mount
        self._started = False
        self._heard = self._spoke = self._retried = time.monotonic_ns()
        self._state: str | None = None

    def run(self) -> None:
        """Until the agent's socket closes and all is settled."""
        poll = select.poll()
        poll.register(self._inotify.fd, select.POLLIN)
        timeout = 1000
        while not self._channel.closed:
            poll.register(
                self._channel.fd, select.POLLIN | (select.POLLOUT if self._channel.waiting else 0)
            )
            poll.poll(timeout)
            self._listen()
            if self._started:
                self._tree.handle()
            timeout = self._keep_time()
        self._end()

    def _found(self, path: str, existing: bool) -> None:
        self._hold_policy.found(path, existing, time.monotonic_ns())

    def _gone(self, path: str) -> None:
        self._hold_policy.gone(path, time.monotonic_ns())

    def _listen(self) -> None:
        while lines := self._channel.receive():
            now = self._heard = time.monotonic_ns()
            for words in lines:
                self._obey(words, now)
        if self._channel.waiting:
            self._channel.flush()

    def _obey(self, words: list[str], now: int) -> None:
        match words:
            case ["admit", container_id]:
                self._hold_policy.admit(container_id, now)
            case ["refuse", container_id]:
                self._hold_policy.refuse(container_id, now)
            case ["forget", container_id]:
                self._hold_policy.forget(container_id)
            case ["rule", container_id, decision]:
                self._holds.rule(container_id, decision, now)
            case ["set", *pairs]:
                self._configure(dict(pair.split("=", 1) for pair in pairs))
            case ["go"]:
                self._tree.start()
                self._started = True

    def _configure(self, options: dict[str, str]) -> None:
        """What may change while it works; a hold that has begun keeps its time limit."""
        self._freeze = int(options["freeze"])
        self._hold = int(options["hold_ms"]) * MS
        self._holds.configure(hold=self._hold, on_timeout=options["on_timeout"])
        self._hold_policy.configure(freeze=self._freeze == 1, build_steps=options["build_steps"])

    def _keep_time(self) -> int:
        """What the clock asks for; returns for how many ms the loop may sleep."""
        now = time.monotonic_ns()
        if now - self._heard > self._hold:
            self._holds.abandon(now)
        if self._tree.unwatched and now - self._retried > _RETRY:
            self._retried = now
            self._tree.retry()
        due = self._holds.step(now)
        if self._started:
            self._tell_state()
        if now - self._spoke >= BEAT:
            self._spoke = now
            self._channel.say("ping")
        wait = BEAT if due is None else min(max(due - now, 0), SECOND)
        return -(-wait // MS)

    def _tell_state(self) -> None:
        state = f"state {0 if (reason := self._trouble()) else 1} {reason}"
        if state != self._state:
            self._state = state
            self._channel.say(state)

    def _trouble(self) -> str:
        if self._tree.unwatched:
            return (
                f"{len(self._tree.unwatched)} cgroups are not watched: inotify watches are used up;"
                " raise the limit with sysctl fs.inotify.max_user_watches=1048576"
            )
        # Asked of the system, since a read-only mount shows only when something is written.
        if self._freeze and not os.access(self._mount, os.W_OK):
            return f"{self._mount} is read-only here: let the service write to it"
        return self._hold_policy.trouble or self._holds.trouble

    def _end(self) -> None:
        """The agent is gone: settle all that is held, within a limit, and leave nothing frozen."""
        now = time.monotonic_ns()
        limit = now + _LAST_WORDS
        self._holds.hurry()
        self._holds.abandon(now)
        while self._holds.busy and now < limit:
            time.sleep(0.001)
            now = time.monotonic_ns()
            self._holds.step(now)
        self._holds.release(now)


def raise_priority() -> None:
    """Come first on a busy CPU: what the gate does takes microseconds, and while it waits for its
    turn a container runs. Real time if the service may, else the best nice, else as it is."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except OSError:
        try:
            os.setpriority(os.PRIO_PROCESS, 0, -20)
        except OSError:
            return


def serve(fd: int, options: dict[str, str], roots: list[str]) -> int:
    """Run the gate for the agent at the other end of `fd`; returns the exit code."""
    channel = Channel(fd)
    raise_priority()
    try:
        gate = GateProcess(channel, options, roots)
    except (LookupError, OSError) as error:
        channel.say(f"failed {error}")
        return 1
    gc.freeze()  # what exists now stays; without cycles in the loop nothing is collected
    gc.disable()
    gate.run()
    return 0
