"""Each sink's declaration leads to its transport, and loads nothing before the sink is used."""

import json
import subprocess
import sys
from dataclasses import fields, replace
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, cast, get_type_hints

import pytest

from agent.config.config_values import Config
from agent.config.handover import from_bytes, to_bytes
from agent.config.sinks_config import SinksConfig, SinkTable

SINKS = dict(SinksConfig().tables())
WHERE = {"url": "https://logs.acme.test/x", "address": "[::1]:6514", "file": "/tmp/events"}

USES_NOTHING = """
import sys
from agent.app.exporter_wiring import exporters
from agent.config.config_values import Config
from agent.config.handover import from_bytes
config = from_bytes(sys.stdin.buffer.read())
made = exporters(config, now=None, crashed=print)
assert [one.state().name for one in made] == [name for name, _ in config.sinks.tables()]
print(*(module for module in sys.modules if module.startswith("agent.adapters.sinks.")))
for one in made:
    one.close(0)
"""


def _on(table: SinkTable) -> SinkTable:
    first = fields(cast(Any, table))[0].name
    changed: SinkTable = replace(cast(Any, table), **{first: WHERE[first]})
    return changed


def _all_on() -> Config:
    given: Any = {name: _on(table) for name, table in SINKS.items()}
    return Config(sinks=SinksConfig(**given))


@pytest.mark.parametrize("name", SINKS)
def test_the_first_key_switches_a_sink_on(name: str) -> None:
    assert not SINKS[name].on
    assert _on(SINKS[name]).on


@pytest.mark.parametrize("name", SINKS)
def test_the_transport_of_a_sink_takes_its_table(name: str) -> None:
    """What mypy cannot see behind the name of a module."""
    module, _, function = SINKS[name].transport.partition(":")
    make = getattr(import_module(module), function)
    assert get_type_hints(make)["table"] is type(SINKS[name])
    made = make(_on(SINKS[name]), lambda: datetime(2026, 1, 1, tzinfo=UTC))
    assert callable(made.send)
    made.close()


def test_sinks_survive_the_hand_over() -> None:
    assert from_bytes(to_bytes(_all_on())) == _all_on()
    assert "transport" not in json.loads(to_bytes(_all_on()))["sinks"]["otlp"]


def test_a_sink_that_has_sent_nothing_has_loaded_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", USES_NOTHING],
        input=to_bytes(_all_on()),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, b"", b"")
