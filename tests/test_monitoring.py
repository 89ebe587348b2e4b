"""The alert rules and the dashboard, checked by Prometheus' own tool against real metrics."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.control.test_metrics import a_text

MONITORING = Path(__file__).resolve().parents[1] / "monitoring"
DASHBOARD = MONITORING / "grafana-dashboard.json"
ALERTS = MONITORING / "alerts.yml"
_METRIC = re.compile(r"dockwarden_[a-z_]+")


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is missing; scripts/test fetches it")
    return found


def _run(*command: str | Path, text: str = "") -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _expressions() -> list[str]:
    panels: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def _alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_prometheus_reads_the_metrics(promtool: str) -> None:
    _run(promtool, "check", "metrics", text=a_text())


def test_prometheus_takes_the_alerts(promtool: str) -> None:
    assert f"{len(_alerts())} rules found" in _run(promtool, "check", "rules", ALERTS)


def test_alerts_fire_when_they_should(promtool: str) -> None:
    _run(promtool, "test", "rules", MONITORING / "alerts_test.yml")


def test_prometheus_takes_the_dashboards_expressions(promtool: str, tmp_path: Path) -> None:
    rules = [
        {
            "record": f"panel:{number}",
            "expr": expression.replace("$__rate_interval", "5m").replace("$instance", ".*"),
        }
        for number, expression in enumerate(_expressions())
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(rules)} rules found" in _run(promtool, "check", "rules", file)


def test_alerts_and_dashboard_ask_for_what_is_measured() -> None:
    measured = set(re.findall(r"^(dockwarden_[a-z_]+)", a_text(), re.MULTILINE))
    asked = set(_METRIC.findall(" ".join([*_expressions(), *(r["expr"] for r in _alerts())])))
    assert asked and asked <= measured


def test_every_alert_says_what_to_do() -> None:
    for rule in _alerts():
        assert rule["annotations"]["summary"] and rule["annotations"]["fix"], rule["alert"]
