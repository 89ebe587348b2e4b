"""The benchmark runs and counts what it sent; no timing is asserted."""

import pytest

from benchmarks.collector import HOSTS, measure


@pytest.mark.parametrize("store", ["null", "sqlite"])
def test_quick(store: str) -> None:
    cell = measure(store, 1, 10, HOSTS * 10, "")
    assert cell.reports == HOSTS * 10
    assert cell.per_second > 0
    assert 0 < cell.p50_ms <= cell.p99_ms
