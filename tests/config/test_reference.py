"""The reference names every key with its default, and no other."""

import json
import re
from pathlib import Path
from typing import Any

from agent.config.config_values import Config
from agent.config.load import Loaded
from agent.config.model import ExemptionTable
from agent.config.show import as_tree

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "configuration.md"


def _documented() -> dict[str, dict[str, str]]:
    tables: dict[str, dict[str, str]] = {}
    for line in REFERENCE.read_text().splitlines():
        if heading := re.fullmatch(r"## `\[+([a-z._]+)\]+`", line):
            table = tables.setdefault(heading[1], {})
        elif row := re.match(r"\| `([a-z_]+)` \| (?:`(.+?)` \|)?", line):
            table[row[1]] = row[2] or ""
    return tables


def test_every_key_and_default_is_documented() -> None:
    tree: dict[str, Any] = as_tree(Loaded(Config(), {}, frozenset(), ()), origin=False)
    tree["enforcement.actions"] = tree["enforcement"].pop("actions")
    del tree["enforcement"]["exemptions"]
    for name in [key for key, value in tree["sinks"].items() if isinstance(value, dict)]:
        tree[f"sinks.{name}"] = tree["sinks"].pop(name)
    documented = _documented()
    exemption = documented.pop("enforcement.exemptions")
    assert set(exemption) == set(ExemptionTable.model_fields)
    assert documented == {
        table: {key: json.dumps(value) for key, value in keys.items()}
        for table, keys in tree.items()
    }
