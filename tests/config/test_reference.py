"""The reference names every key with its default, and no other; docs/sinks.md those of sinks."""

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

from agent.config.config_values import Config
from agent.config.load import Loaded
from agent.config.model import ExemptionTable
from agent.config.show import as_tree
from agent.config.sinks_config import SinksConfig

DOCS = Path(__file__).resolve().parents[2] / "docs"
REFERENCES = (DOCS / "reference" / "configuration.md", DOCS / "sinks.md")


def _documented() -> dict[str, dict[str, str]]:
    tables: dict[str, dict[str, str]] = {}
    for line in "\n".join(file.read_text() for file in REFERENCES).splitlines():
        if heading := re.fullmatch(r"##+ `\[+([a-z._]+)\]+`", line):
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


def test_the_overview_of_sinks_names_what_switches_each_on() -> None:
    overview = (DOCS / "sinks.md").read_text()
    for name, table in SinksConfig().tables():
        first = fields(cast(Any, table))[0].name
        assert f"| `[sinks.{name}] {first}` |" in overview
