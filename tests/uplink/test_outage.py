"""A small outage of the collector; `python -m benchmarks.outage` is the large one."""

from pathlib import Path

from benchmarks.outage import outage


def test_after_an_outage_everything_is_there_once_and_in_order(tmp_path: Path) -> None:
    found = {name: figure.value for name, figure in outage(1500, tmp_path).items()}
    assert found["records_kept"] == found["spooled"] == 1500
    assert [found[name] for name in ("lost", "double", "gaps", "out_of_order")] == [0, 0, 0, 0]
    assert found["memory_growth"] <= 10
    assert found["requests_in_any_second"] <= 1
