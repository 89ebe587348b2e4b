"""The approval benchmark runs and writes well-formed figures; no time is asserted."""

from pathlib import Path

from benchmarks import approval
from benchmarks.figures import read
from registrar.evaluation.check_values import CheckState
from registrar.evaluation.image_evaluation import evaluate
from registrar.evaluation.os_support import our_table


def test_a_few_images(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    assert approval.main(["--sizes", "20", "--json", str(file)]) == 0
    assert read(file)["20: read and checked"].baseline is not None


def test_what_is_measured_is_a_whole_evaluation() -> None:
    result = evaluate(approval.evidence(1), approval.POLICY, support=our_table(), now=approval.NOW)
    assert len(result.findings) == approval.FLAWS + 1
    assert result.state is CheckState.FAIL
