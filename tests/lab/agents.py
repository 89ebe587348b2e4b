"""The one agent of each shared host: kept running from test to test while its settings fit."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

from tests.lab.agent import LabAgent
from tests.lab.host import LabHost
from tests.lab.images import BuiltImage

STATE = ("/etc/dockwarden", "/var/lib/dockwarden", "/var/log/dockwarden")

_agents: dict[str, tuple[str, LabAgent]] = {}


def running(host: LabHost, good: BuiltImage, tables: Mapping[str, Mapping[str, Any]]) -> LabAgent:
    """An agent with these settings that approves `good` alone; a new one begins with no state."""
    key = repr(sorted((table, sorted(keys.items())) for table, keys in tables.items()))
    known, agent = _agents.get(host.name, ("", None))
    if agent is None or known != key or not agent.running or not agent.stands():
        end(host)
        _wipe(host)
        agent = LabAgent(host, tables)
        _agents[host.name] = (key, agent)
        agent.configure()
        agent.allow(good)
        agent.start()
    elif agent.published != ((good,), (), ()):
        agent.allow(good)
    return agent


def end(host: LabHost) -> None:
    """Stop the host's agent, if it has one."""
    _, agent = _agents.pop(host.name, ("", None))
    if agent is not None and agent.running:
        agent.stop()


def check(host: LabHost) -> None:
    """The host's agent met nothing that it had no name for."""
    _, agent = _agents.get(host.name, ("", None))
    if agent is not None:
        assert "Traceback" not in agent.words(), agent.words()


def _wipe(host: LabHost) -> None:
    for folder in STATE:
        for entry in host.path(folder).iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
