"""Brings each frozen container to its end, thawed or killed; no clock, no socket, no names.

One `Hold` is one frozen cgroup. Everything is a step that returns at once, so that no container
delays another; `step` says when it wants to be called again. Times are monotonic nanoseconds.
"""

from __future__ import annotations

from agent.helpers.gate.hierarchy import Freezer, is_gone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

THAW, KILL, LEAVE = "thaw", "kill", "leave"
MS = 1_000_000
KILL_LIMIT = 10_000 * MS  # then it is thawed all the same: nothing may stay frozen
THAW_LIMIT = 200 * MS
LINGER = 1_000 * MS  # a killed cgroup that stays empty this long gets no late joiner any more
LAST_LINGER = 50 * MS
LONGEST_PAUSE = 20 * MS


class Hold:
    """One frozen cgroup on its way to an answer."""

    __slots__ = (
        "answer",
        "container_id",
        "due",
        "emptied",
        "ends",
        "frozen",
        "hold_ended",
        "killed",
        "leftover",
        "path",
        "pause",
        "unanswered",
    )

    def __init__(self, path: str, container_id: str, frozen: int, due: int, leftover: bool) -> None:
        self.path = path
        self.container_id = container_id
        self.frozen = frozen
        self.due = due
        self.leftover = leftover  # found frozen, not frozen by us
        self.answer = ""
        self.unanswered = False
        self.hold_ended = False
        self.killed = False
        self.emptied = 0  # when it was first found empty after a kill
        self.pause = MS
        self.ends = 0


class Holds:
    """All that is frozen now. `unsure(container_id)` says whether a freeze that was found may
    be people's own pause; `say(line)` reports to the agent (lines: docs/internals/gate.md)."""

    def __init__(
        self,
        freezer: Freezer,
        say: Callable[[str], None],
        unsure: Callable[[str], bool],
        *,
        hold: int = 0,
        on_timeout: str = THAW,
    ) -> None:
        self._freezer, self._say, self._unsure = freezer, say, unsure
        self.configure(hold=hold, on_timeout=on_timeout)
        self._held: dict[str, Hold] = {}
        self._linger = LINGER
        self.trouble = ""

    def configure(self, *, hold: int, on_timeout: str) -> None:
        """How long the next holds may last, and what becomes of all that nobody answers."""
        self._hold_for, self._on_timeout = hold, on_timeout

    @property
    def busy(self) -> bool:
        """Whether anything is held or being killed."""
        return bool(self._held)

    def __contains__(self, path: str) -> bool:
        return path in self._held

    def take(self, path: str, container_id: str, now: int, *, leftover: bool = False) -> None:
        """This cgroup is frozen and waits for an answer from now on."""
        self._held[path] = Hold(path, container_id, now, now + self._hold_for, leftover)

    def vanished(self, path: str, now: int) -> None:
        """The cgroup was removed."""
        hold = self._held.get(path)
        if hold is not None:
            self._end(hold, now)

    def rule(self, container_id: str, decision: str, now: int) -> None:
        """Answer what is held of that name; the first answer counts."""
        for hold in list(self._held.values()):
            if hold.container_id == container_id:
                self._answer(hold, decision, now)

    def hurry(self) -> None:
        """The process is about to end: stop guarding what is killed already."""
        self._linger = LAST_LINGER

    def abandon(self, now: int) -> None:
        """Nobody will answer: the configured answer for all that wait."""
        for hold in list(self._held.values()):
            self._give_up(hold, now)

    def step(self, now: int) -> int | None:
        """Do what is due; returns when to be called next, None for not before something happens."""
        for hold in list(self._held.values()):
            if hold.due <= now:
                if hold.answer:
                    self._act(hold, now)
                else:
                    self._give_up(hold, now)
        return min((hold.due for hold in self._held.values()), default=None)

    def release(self, now: int) -> None:
        """Thaw everything, whatever is left to do: the last step before the process ends."""
        for hold in list(self._held.values()):
            hold.ends = now
            self._finish(hold, now)

    def _give_up(self, hold: Hold, now: int) -> None:
        if hold.answer:
            return
        hold.unanswered = True
        unsure = hold.leftover and self._unsure(hold.container_id)
        self._answer(hold, LEAVE if unsure else self._on_timeout, now)

    def _answer(self, hold: Hold, decision: str, now: int) -> None:
        if hold.answer:
            return
        hold.answer = decision
        hold.ends = now + (KILL_LIMIT if decision == KILL else 0)
        self._act(hold, now)

    def _act(self, hold: Hold, now: int) -> None:
        if hold.answer == LEAVE:
            self._end(hold, now)
        elif hold.answer == THAW or now >= hold.ends:
            self._finish(hold, now)
        else:
            self._kill(hold, now)

    def _finish(self, hold: Hold, now: int) -> None:
        """Thaw, look whether it took, and try again in a moment if it did not."""
        try:
            self._freezer.thaw(hold.path)
            thawed = self._freezer.is_thawed(hold.path)
        except OSError as error:
            thawed = is_gone(error)
            self.trouble = self.trouble if thawed else f"{hold.path} cannot be thawed: {error}"
        if thawed or now >= hold.ends + THAW_LIMIT:
            self._end(hold, now)
        else:
            hold.due = now + MS

    def _kill(self, hold: Hold, now: int) -> None:
        """Kill what is in it; an empty one stays frozen: the runtime's init may join late."""
        try:
            found = self._freezer.kill_step(hold.path)
        except OSError as error:
            if is_gone(error):
                self._end(hold, now)
                return
            self.trouble = f"{hold.path} cannot be killed: {error}"
            found = False
        if found:
            hold.killed, hold.emptied, hold.pause = True, 0, MS
        elif hold.killed and not hold.emptied:
            hold.emptied = now
            self._settle(hold, now)
        if hold.emptied and now - hold.emptied > self._linger:
            hold.ends = now
            self._finish(hold, now)
            return
        hold.due = now + hold.pause
        hold.pause = min(hold.pause * 2, LONGEST_PAUSE)

    def _end(self, hold: Hold, now: int) -> None:
        del self._held[hold.path]
        self._settle(hold, now)

    def _settle(self, hold: Hold, now: int) -> None:
        """Inform the agent once how it ended; one that vanished by itself was left."""
        if hold.hold_ended:
            return
        hold.hold_ended = True
        answer, unanswered = hold.answer or LEAVE, hold.unanswered or not hold.answer
        held_us = (now - hold.frozen) // 1000
        self._say(f"hold_ended {hold.container_id} {answer} {held_us} {unanswered:d}")
