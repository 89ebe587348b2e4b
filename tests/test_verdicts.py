"""Every place that has to know all verdicts; a new one fails here until each of them does."""

import json
import re
from collections.abc import Iterator

import pytest

from agent.config.model import known_keys
from core.decision.verdict import DEFAULT_ENFORCE, Verdict
from core.terminal.printing import COLOURS
from tests.house import ROOT


def _listed(file: str, row: str) -> set[str]:
    """The words in backquotes in a row of a table, without its first cell."""
    (cells,) = re.findall(rf"(?m)^\| {re.escape(row)} \|(.*)$", (ROOT / file).read_text())
    return set(re.findall(r"`(\w+)`", cells))


def _places() -> Iterator[tuple[str, set[str]]]:
    yield "core.decision.verdict.DEFAULT_ENFORCE", {str(verdict) for verdict in DEFAULT_ENFORCE}
    yield "core.terminal.printing.COLOURS", set(COLOURS)
    schema = json.loads((ROOT / "core/schemas/finding-1.schema.json").read_text())
    shape = schema["$defs"]["decision"]["properties"]["verdict"]
    yield "core/schemas/finding-1.schema.json", set(shape["enum"])
    actions = {path[2] for path, _ in known_keys() if path[:2] == ("enforcement", "actions")}
    yield "the keys of [enforcement.actions]", actions | {"approved"}
    yield "docs/reference/findings.md", _listed("docs/reference/findings.md", "`verdict`")
    yield "docs/glossary.md", _listed("docs/glossary.md", "verdict")


@pytest.mark.parametrize("verdict", Verdict)
def test_every_place_knows_the_verdict(verdict: Verdict) -> None:
    assert not [place for place, known in _places() if verdict not in known]
