"""The one agent of each shared host: kept running from test to test while its settings fit."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

from tests.lab.agent import LabAgent
from tests.lab.host import LabHost
from tests.lab.images import BuiltImage

STATE = ("/etc/dockwarden", "/var/lib/dockwarden", "/var/log/dockwarden")

_agents: dict[str, LabAgent] = {}


def running(host: LabHost, good: BuiltImage, tables: Mapping[str, Mapping[str, Any]]) -> LabAgent:
    """An agent with these settings that approves `good` alone; a new one begins with no state."""
    agent = _agents.get(host.name)
    wanted = {table: dict(keys) for table, keys in tables.items()}
    if agent is None or agent.settings != wanted or not agent.running or not agent.stands():
        end(host)
        _wipe(host)
        agent = LabAgent(host, tables)
        _agents[host.name] = agent
        agent.configure()
        agent.allow(good)
        agent.start()
    elif agent.published != ((good,), (), ()):
        agent.allow(good)
    return agent


def end(host: LabHost) -> None:
    """Stop the host's agent, if it has one."""
    agent = _agents.pop(host.name, None)
    if agent is not None and agent.running:
        agent.stop()


def check(host: LabHost) -> None:
    """The host's agent met nothing that it had no name for."""
    agent = _agents.get(host.name)
    if agent is not None:
        assert "Traceback" not in agent.words(), agent.words()


def _wipe(host: LabHost) -> None:
    for folder in STATE:
        for entry in host.path(folder).iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
