"""What a benchmark reports: named figures, as a table for people and as JSON for machines."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. `goal` says in words what is wanted (`>= 100000`); `baseline` is the
    same measured on what one would use otherwise, in the same run."""

    value: float
    unit: str
    goal: str = ""
    baseline: float | None = None


def show(figures: Mapping[str, Figure]) -> str:
    """A table, one figure a line."""
    rows = [("figure", "value", "unit", "goal", "baseline")]
    for name, figure in figures.items():
        baseline = "" if figure.baseline is None else f"{figure.baseline:,.2f}"
        rows.append((name, f"{figure.value:,.2f}", figure.unit, figure.goal, baseline))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def write(figures: Mapping[str, Figure], path: Path) -> None:
    """The same as JSON: figure -> {value, unit, goal, baseline}."""
    document = {name: asdict(figure) for name, figure in figures.items()}
    path.write_text(json.dumps(document, indent=2) + "\n")


def read(path: Path) -> dict[str, Figure]:
    """Figures as `write` wrote them."""
    return {name: Figure(**entry) for name, entry in json.loads(path.read_text()).items()}
