"""Each benchmark's quick path runs and writes well-formed figures; no timing is asserted."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from benchmarks import events, time_to_kill
from benchmarks.figures import read
from benchmarks.kills import plan
from benchmarks.stats import median_interval, percentile
from benchmarks.tables import markdown
from tests.lab import flavours
from tests.lab.flavours import Flavour

needs_lab = pytest.mark.lab
POSSIBLE = flavours.parse("")


def figures(file: Path) -> dict[str, dict[str, Any]]:
    """The file's figures, once each is seen to have the agreed form."""
    document: dict[str, dict[str, Any]] = json.loads(file.read_text())
    for name, figure in document.items():
        assert set(figure) == {"value", "unit", "goal", "baseline"}, name
        assert isinstance(figure["value"], int | float), name
        assert isinstance(figure["unit"], str) and figure["unit"], name
        assert isinstance(figure["goal"], str), name
        assert figure["baseline"] is None or isinstance(figure["baseline"], int | float), name
    return document


@needs_lab
@pytest.mark.parametrize("chosen", (POSSIBLE[0], POSSIBLE[-1]), ids=str)
def test_time_to_kill(tmp_path: Path, chosen: Flavour) -> None:
    """All guards, one way of starting; what ran, what was reported and what approved runs paid."""
    file = tmp_path / "figures.json"
    where = f"{chosen.engine}/{chosen.cgroup}/{chosen.store}"
    command = ["--quick", "-n", "2", "--ways", "cli", "--engines", where, "--json", str(file)]
    assert time_to_kill.main(command) == 0
    found = figures(file)
    for chapter in (f"{chosen}/cli/alone", f"{chosen}/cli/x10"):
        assert found[f"{chapter}/dockwarden/ran"]["value"] == 0
        assert found[f"{chapter}/dockwarden/unreported"]["value"] == 0
        assert found[f"{chapter}/start-point/unreported"]["value"] == 0
        assert found[f"{chapter}/start-point/belittled"]["value"] == 0
        assert found[f"{chapter}/shell-loop/ran"]["value"] == 100
    assert found[f"{chosen}/approved/overhead"]["unit"] == "% of 4 pairs"
    assert str(chosen) in markdown(read(file))

    before = file.read_bytes()
    assert time_to_kill.main([*command, "--resume"]) == 0
    assert file.read_bytes() == before


@needs_lab
def test_events(tmp_path: Path) -> None:
    """The stream loses nothing; the idle agent is weighed."""
    file = tmp_path / "figures.json"
    assert events.main(["--quick", "--json", str(file)]) == 0
    found = figures(file)
    assert found["stream.lost"]["value"] == 0
    for name in ("rss_fresh", "rss", "rss_main", "rss_gate", "pss", "cpu"):
        assert found[f"idle.{name}"]["value"] > 0
    parts = found["idle.rss_main"]["value"] + found["idle.rss_gate"]["value"]
    assert parts == pytest.approx(found["idle.rss"]["value"])


def test_it_says_that_it_needs_root(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without root nothing is begun."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert time_to_kill.main(["--quick"]) == 2
    assert "sudo" in capsys.readouterr().err


def test_it_refuses_ways_that_it_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt way of starting would otherwise measure nothing, successfully."""
    with pytest.raises(SystemExit):
        time_to_kill.main(["--ways", "podman"])
    assert "podman" in capsys.readouterr().err


@pytest.mark.parametrize("n", [1, 10, 300, 305])
@pytest.mark.parametrize("at_once", [1, 10])
def test_a_plan_starts_no_fewer_than_asked_for(n: int, at_once: int) -> None:
    """Rounding is always up, for the slow baselines too."""
    what = plan(n, -(-n // 3), at_once=at_once)
    assert what.rounds * what.waves("dockwarden") * what.size >= n
    assert what.rounds * what.waves("shell-loop") * what.size >= n / 3


def test_percentiles_are_interpolated() -> None:
    """The ends are the extremes; between two values it is the share of the way."""
    assert percentile([3.0, 1.0], 0.0) == 1.0
    assert percentile([3.0, 1.0], 1.0) == 3.0
    assert percentile([3.0, 1.0], 0.25) == 1.5
    assert percentile([7.0], 0.99) == 7.0


def test_the_interval_of_a_median_holds_it_and_is_repeatable() -> None:
    """Of 1 to 99 the median is 50; the interval is around it, and narrower than the data."""
    values = [float(value) for value in range(1, 100)]
    low, high = median_interval(values)
    assert 30 < low < 50 < high < 70
    assert median_interval(values) == (low, high)
