"""Decides who is held as cgroups appear: by name, by what the agent said before, by policy.

Knows no clock and no socket; times are monotonic nanoseconds.
"""

from __future__ import annotations

import os

from agent.helpers.gate.container_names import EngineFiles, recognise
from agent.helpers.gate.hierarchy import Freezer, is_gone
from agent.helpers.gate.holds import KILL, THAW, Holds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_TRIES = 5
ALLOW, REPORT, DENY = "allow", "report", "deny"


class HoldPolicy:
    """Every container whose cgroup is known. `say(line)` reports to the agent."""

    def __init__(
        self,
        freezer: Freezer,
        engine: EngineFiles,
        holds: Holds,
        say: Callable[[str], None],
        *,
        freeze: bool = False,
        build_steps: str = REPORT,
    ) -> None:
        self._freezer, self._engine, self._holds, self._say = freezer, engine, holds, say
        self.configure(freeze=freeze, build_steps=build_steps)
        self._known: dict[str, str] = {}
        self._admitted: set[str] = set()
        self._refused: set[str] = set()
        self.trouble = ""

    def configure(self, *, freeze: bool, build_steps: str) -> None:
        """Whether the next containers, and build steps, are held."""
        self._freeze, self._build_steps = freeze, build_steps

    def found(self, path: str, existing: bool, now: int) -> None:
        """A directory appeared (or was there at the start): freeze first, talk later."""
        named = recognise(path)
        if named is None:
            return
        container_id, build_step = named
        if build_step:
            if self._build_steps == ALLOW and not existing:
                return
        elif not self._engine.knows(container_id):
            return
        if path in self._holds:
            self._catch(path)  # reported twice: another directory may have taken this one's place
            return
        held: bool | None
        leftover = False
        if existing:
            held, leftover = self._adopt(path, container_id)
        else:
            held = self._is_to_hold(container_id, build_step) and self._catch(path)
        if held is None or (not held and path in self._known):
            return
        self._known[path] = container_id
        self._say(f"created {container_id} {held:d} {build_step:d} {0 if existing else now} {path}")
        if held:
            self._holds.take(path, container_id, now, leftover=leftover)
            if container_id in self._refused:
                self._holds.rule(container_id, KILL, now)
            elif container_id in self._admitted:
                self._holds.rule(container_id, THAW, now)

    def gone(self, path: str, now: int) -> None:
        """A directory was removed."""
        container_id = self._known.pop(path, None)
        self._holds.vanished(path, now)
        if container_id is not None:
            self._say(f"gone {container_id} {path}")

    def admit(self, container_id: str, now: int) -> None:
        """It may run: not held when it appears, thawed if it is held."""
        self._refused.discard(container_id)
        self._admitted.add(container_id)
        self._holds.rule(container_id, THAW, now)

    def refuse(self, container_id: str, now: int) -> None:
        """It must not run: killed when it appears, killed if it is held."""
        self._admitted.discard(container_id)
        self._refused.add(container_id)
        self._holds.rule(container_id, KILL, now)

    def forget(self, container_id: str) -> None:
        """Drop what was said of one, or of all ("*")."""
        if container_id == "*":
            self._admitted.clear()
            self._refused.clear()
        self._admitted.discard(container_id)
        self._refused.discard(container_id)

    def _is_to_hold(self, container_id: str, build_step: bool) -> bool:
        if not self._freeze or container_id in self._admitted:
            return False
        return not build_step or self._build_steps == DENY

    def _catch(self, path: str) -> bool | None:
        """Freeze it; None when it vanished meanwhile, False when it could not be done."""
        for _ in range(_TRIES):
            try:
                self._freezer.freeze(path)
            except OSError as error:
                if is_gone(error):
                    if not os.path.isdir(path):  # noqa: PTH112 - no pathlib here
                        return None
                    continue  # another directory of the name took its place
                self.trouble = f"{path} cannot be frozen: {error.strerror}"
                return False
            self.trouble = ""
            return True
        self.trouble = f"{path} cannot be frozen: this kernel has no cgroup.freeze"
        return False

    def _adopt(self, path: str, container_id: str) -> tuple[bool | None, bool]:
        """One from before (held, left over): frozen, not paused by people: a gate died over it.

        One that was refused is caught even if it runs: it slipped in while no gate was up.
        """
        try:
            if self._freezer.is_frozen(path):
                return not self._engine.says_paused(container_id), True
        except OSError as error:
            return (None if is_gone(error) else False), False
        if self._freeze and container_id in self._refused:
            return self._catch(path), False
        return False, False
