"""The list benchmark's quick path runs and writes well-formed figures; no time is asserted."""

from pathlib import Path

from benchmarks import allowlist
from benchmarks.figures import read


def test_a_short_list(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    assert allowlist.main(["--sizes", "300", "--json", str(file)]) == 0
    figures = read(file)
    assert figures["300: look-up, p50"].unit == "us"
    assert figures["300: look-up, p50"].baseline is not None
    assert 3_000 < figures["300: update of 10, on the wire"].value <= 5 * 1024
