"""The vocabulary and the size of the rooms: limits that keep the code readable for strangers.

Words that only insiders understood stay out of code, docs and file names.

Each pattern is an identifier, a file name or a phrase that was replaced by the field's own word;
CHANGELOG.md lists old → new and is the only place where the old ones may stand.
"""

import re
import subprocess
import tokenize
from pathlib import Path

import pytest

from tests import house

ROOT = Path(__file__).parent.parent

# Identifiers, with what they are called now. Left out, since they also have a plain meaning:
# `words` (of a line), `answer`, `floor` (of a time), `wanted` (in a search), `Trail` (a field of
# the list format), `cell` (of a table) and `judge`, `tell`, `look` in prose.
NAMES = {
    "break_glass": "Glass glass GlassState GlassFile breakglass",
    "chain_gaps, enrolment_store, request_context": "EnrolmentDesk desk at_desk Visit visit",
    "CircuitBreaker, BreakerGuard": "Brake BrakeLimits brake braked Restraint restraint",
    "ContainerTable, tombstones": "Casebook casebook buried BURIED bury",
    "ContainerAction, ActionResult, PendingAction": "Acts Deed deed Sentence",
    "EgressDenials, ForeignEngines": "TurnedAway turned_away Neighbour Neighbours neighbours",
    "EnforcementPoint": "Net Nets net nets SWEEP",
    "Evaluator": "Judge judge_known judge_again",
    "Exporter, BatchExporter": "Outlet outlet outlets",
    "FindingFactory, Deduplicator, counters": "Composer composer Coalescer coalescer Tally tally",
    "FreshnessMonitor, ListFreshness": "AgeWatch ageing Standing standings",
    "GateDecision, CgroupCreated, HoldEnded": "Ruling ruling rulings Birth birth births Settled",
    "GateHandler, HoldPolicy, recover": "Gatehouse gatehouse Ward ward rescue",
    "PendingCommands, access, eviction, desired": "Ledger ledger Door door make_room Wanted",
    "registry session, batch resolution": "Conversation resolve_many",
    "Rescanner": "Sweeper sweeper sweep sweep_seconds",
    "RevertBackoff": "Fight FightLimits fight truce",
    "RollbackFloor": "Floor load_floor save_floor",
    "StatusView, ControlApi, Services": "Answers Verbs Tools",
    "SyncReport, HttpError, SimulationResult, Response": "Answer answer_of",
    "tests: FakeHost, LocalCollector, AdminFolder, FakeContainers": (
        "Yard yard Station station Office office Cells"
    ),
}
RETIRED = {old: new for new, names in NAMES.items() for old in names.split()}

# Stems of module names.
MODULES = {
    "acts",
    "ageing",
    "answers",
    "brake",
    "breakglass",
    "case",
    "casebook",
    "cells",
    "coalesce",
    "compose",
    "conversation",
    "desk",
    "desk_pages",
    "door",
    "floor",
    "flow",
    "gatehouse",
    "glass",
    "installed",
    "judge",
    "ledger",
    "links",
    "many",
    "neighbours",
    "office",
    "outlets",
    "rescue",
    "restraint",
    "room",
    "spans",
    "standing",
    "station",
    "sweep",
    "tally",
    "tools",
    "trail",
    "turned_away",
    "verbs",
    "visit",
    "waiting",
    "wanted",
    "ward",
    "words",
    "yard",
}
LEGITIMATE_MODULES = {"tests/lab/tools.py"}  # the lab's command-line tools

# What documentation, configuration and messages must not say.
PHRASES = (
    r"\b[Dd]oes the guard stand\b",
    r"\bguard does not stand\b",
    r"\bheals? (it|by) ?(self|itself)\b",
    r"\bgives? in to a fight\b",
    r"\bas ever\b",
    r"\btells\b",
    r"\bkill-rate brake\b",
    r"\b[Tt]urned away\b",
    r"\b(first|second|third|which|other|all|three) nets?\b",
    r"\b[Nn]et [123]\b",
    r"\[brake\]",
    r"dockwarden brake\b",
    r"`(nets?|sweep|sweep_seconds|braked|ruling|birth)`",
    r'"(net|nets|sweep|sweep_seconds|braked|brake)"',
    r"^(nets|sweep_seconds) *=",
    r"dockwarden_(brake|gate_standing)",
    r"\bDOCKWARDEN_(NET|BRAKE)\b",
    r"\bfloor\.json(?<!rollback_floor\.json)",
)
TEXT = (".md", ".py", ".html", ".toml", ".json", ".yml")

# Larger than the limit until they are divided; they may not grow.
LARGER = {"agent/app/daemon.py": 430, "agent/helpers/firewall/firewall_process.py": 302}


def files(*endings: str) -> list[str]:
    """What git has, without recorded data and the lists of old words themselves."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    left_out = ("tests/data/", "benchmarks/recorded/", "CHANGELOG.md", "tests/test_house.py")
    return [
        name
        for name in listed
        if name.endswith(endings) and not name.startswith(left_out) and (ROOT / name).exists()
    ]


@pytest.fixture(scope="module", autouse=True)
def _needs_git() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("git says which files are ours")


def test_no_retired_identifier_is_left() -> None:
    found = []
    for name in files(".py"):
        with tokenize.open(ROOT / name) as source:
            for token in tokenize.generate_tokens(source.readline):
                if token.type == tokenize.NAME and token.string in RETIRED:
                    line = f"{name}:{token.start[0]}"
                    found.append(f"{line}: {token.string} → {RETIRED[token.string]}")
    assert not found, "\n".join(found)


def test_no_retired_module_name_is_left() -> None:
    found = {name for name in files(".py") if Path(name).stem in MODULES}
    assert found <= LEGITIMATE_MODULES


def test_no_retired_phrase_is_left() -> None:
    pattern = re.compile("|".join(PHRASES), re.MULTILINE)
    found = []
    for name in files(*TEXT):
        text = (ROOT / name).read_text(encoding="utf-8")
        for match in pattern.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append(f"{name}:{line}: {match.group()}")
    assert not found, "\n".join(found)


def test_module_names_are_unique_enough_to_search_for() -> None:
    assert not house.duplicates({name: house.look(name) for name in house.PROGRAMS})


@pytest.mark.parametrize("package", house.PROGRAMS)
def test_no_room_is_larger_than_a_newcomer_can_survey(package: str) -> None:
    found = house.look(package)
    assert not [f"{f}: {n}" for f, n in found.modules.items() if n > house.LARGEST_FOLDER]
    limit = house.LARGEST_FILE
    assert not [f"{f}: {n}" for f, n in found.lines.items() if n > LARGER.get(f, limit)]
    assert not found.undocumented


def test_the_figures_of_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop" / "till").mkdir(parents=True)
    (tmp_path / "shop" / "__init__.py").write_text("")
    (tmp_path / "shop" / "till" / "money.py").write_text(
        '"""Coins."""\n\n\nclass Coin:\n    def value(self): ...\n    def _weight(self): ...\n'
    )
    (tmp_path / "shop" / "money.py").write_text("def pay(): ...\n")
    monkeypatch.setattr(house, "ROOT", tmp_path)
    found = house.look("shop")
    assert found.largest_file == ("shop/till/money.py", 6)
    assert found.modules == {"shop": 1, "shop/till": 1}
    assert found.undocumented == (
        "shop/money.py:1 the module",
        "shop/money.py:1 pay",
        "shop/till/money.py:4 Coin",
        "shop/till/money.py:5 value",
    )
    assert house.duplicates({"shop": found}) == {
        "money.py": ["shop/money.py", "shop/till/money.py"]
    }
