"""Settles frozen containers when no gate works: after a crash, by hand, for the agent."""

from __future__ import annotations

import time

from agent.helpers.gate.container_names import EngineFiles
from agent.helpers.gate.hierarchy import Freezer, walk
from agent.helpers.gate.hold_policy import ALLOW, HoldPolicy
from agent.helpers.gate.holds import MS, Holds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_LIMIT = 5_000 * MS


def recover(
    freezer: Freezer,
    engine: EngineFiles,
    tops: Iterable[str],
    *,
    answer: str,
    decisions: Mapping[str, str],
    say: Callable[[str], None],
) -> None:
    """Answer every frozen container below the directories `tops` that people did not pause.

    `decisions` (container ID to thaw, kill or leave) goes before `answer`. Takes up to 5 s, if
    something has to be killed; returns with nothing frozen that was not paused.
    """
    holds = Holds(freezer, say, engine.may_be_paused, hold=0, on_timeout=answer)
    hold_policy = HoldPolicy(freezer, engine, holds, say, freeze=False, build_steps=ALLOW)
    now = time.monotonic_ns()
    for top in tops:
        for path in walk(top):
            hold_policy.found(path, True, now)
    for container_id, decision in decisions.items():
        holds.rule(container_id, decision, now)
    holds.hurry()
    holds.abandon(now)
    limit = now + _LIMIT
    while holds.busy and now < limit:
        time.sleep(0.001)
        now = time.monotonic_ns()
        holds.step(now)
    holds.release(now)
