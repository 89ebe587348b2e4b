"""The uplink's process and its supervisor against a real collector; enrolment; the verbs."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.adapters.spool import SqliteSpool
from agent.adapters.system_clock import SystemClock
from agent.adapters.uplink_helper import Uplink, UplinkState
from agent.helpers.uplink.uplink_order import Order, said, to_line
from agent.reporting.spooling import SpooledFindings
from tests.fakes.findings import a_finding
from tests.patience import PATIENCE, until
from tests.uplink.collector_process import ROOT, CollectorProcess, collector_process
from tests.uplink.crashing import of_image


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    with collector_process(tmp_path_factory.mktemp("collector")) as found:
        yield found


class Rig:
    """A spool and its uplink; `told_of` has the changes that it reported."""

    def __init__(self, folder: Path, url: str, secret: str = "") -> None:
        self.clock, self.token = SystemClock(), folder / "token.json"
        self.told: list[UplinkState] = []
        self.crashes: list[BaseException] = []
        self.spool = SqliteSpool(
            folder / "spool.db", self.clock, max_bytes=10_000_000, reserved=0.5
        )
        order = Order(str(self.spool.path), url, str(self.token), "web-1", secret=secret, pace=0.05)
        self.uplink = Uplink(
            order,
            self.clock,
            waiting=lambda: self.spool.state().records > 0,
            damaged=self.spool.check,
            changed=self.told.append,
            crashed=self.crashes.append,
        )
        self.sink = SpooledFindings(self.spool, self.clock, self.uplink.wake)

    def __enter__(self) -> Rig:
        self.uplink.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.uplink.close()
        assert self.crashes == []


def test_enrolled_by_its_secret_it_delivers_what_was_there_and_what_comes(
    tmp_path: Path, collector: CollectorProcess
) -> None:
    with Rig(tmp_path, collector.url, collector.secret()) as rig:
        rig.sink.record([of_image(a_finding(n), str(n)) for n in range(5)])
        until(lambda: rig.spool.state().records == 0, "the delivery")
        rig.sink.record([of_image(a_finding(9), "nine")])
        until(lambda: rig.spool.state().records == 0, "the second delivery")
        until(lambda: rig.uplink.state.sent == 6, "its count")
        assert rig.uplink.state.error == ""
    assert stat.S_IMODE(rig.token.stat().st_mode) == 0o600
    host = json.loads(rig.token.read_text())["host_id"]
    rows = collector.rows("SELECT host_id FROM events")
    assert [str(row[0]).replace("-", "") for row in rows].count(host.replace("-", "")) == 6


def test_it_reports_also_where_it_may_not_change_its_priority(tmp_path: Path) -> None:
    """As in the packaged service, whose filter refuses the call."""
    prefix = ["nice", "-n", "39"]  # whatever it was, now the last; it would have to rise
    if os.geteuid() == 0:
        prefix = ["setpriv", "--inh-caps=-sys_nice", "--bounding-set=-sys_nice", *prefix]
    order = Order(str(tmp_path / "spool.db"), "http://127.0.0.1:9", str(tmp_path / "none"), "web-1")
    done = subprocess.run(
        [*prefix, sys.executable, "-P", "-m", "agent.helpers.uplink"],
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        input=to_line(order),
        capture_output=True,
        timeout=PATIENCE,
    )
    assert said(done.stdout).refused, done.stderr.decode()


def test_a_refused_token_is_reported_and_never_exchanged(
    tmp_path: Path, collector: CollectorProcess
) -> None:
    rig = Rig(tmp_path, collector.url, collector.secret())
    kept = json.dumps({"url": collector.url, "host_id": "h", "token": "dwt_no_such"})
    rig.token.write_text(kept)
    before = collector.rows("SELECT count(*) FROM hosts")
    with rig:
        rig.sink.record([a_finding(1)])
        until(lambda: rig.uplink.state.refused, "the refusal")
        assert [state.refused for state in rig.told] == [True]
    assert rig.token.read_text() == kept
    assert collector.rows("SELECT count(*) FROM hosts") == before
    assert rig.spool.state().records == 1


def test_a_process_that_is_killed_is_started_again(
    tmp_path: Path, collector: CollectorProcess
) -> None:
    with Rig(tmp_path, collector.url, collector.secret()) as rig:
        rig.sink.record([a_finding(1)])
        until(lambda: rig.uplink.pid is not None, "its process")
        pid = rig.uplink.pid
        assert pid is not None
        os.kill(pid, 9)
        until(lambda: rig.spool.state().records == 0, "the delivery")
        until(lambda: rig.uplink.state.error == "", "its end without an error")
        assert rig.uplink.pid != pid


def test_the_verbs(tmp_path: Path, collector: CollectorProcess) -> None:
    config = tmp_path / "agent.toml"
    token = tmp_path / "token.json"
    config.write_text(
        f'[agent]\nstate_dir = "{tmp_path}"\n[collector]\nurl = "{collector.url}"\n'
        f'token_file = "{token}"\n'
    )

    def run(*words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "agent", *words, "--config", str(config)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )

    wrong = run("enrol", "--secret-file", "-", given="dwe_wrong")
    assert wrong.returncode == 1 and "hint:" in wrong.stderr
    secret = collector.secret()
    done = run("enrol", "--secret-file", "-", given=secret)
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert run("enrol", "--secret-file", "-", given=secret).returncode == 1
    assert run("spool", "show").returncode == 1  # there is none yet
    spool = SqliteSpool(tmp_path / "spool.db", SystemClock(), max_bytes=10**7, reserved=0.5)
    SpooledFindings(spool, SystemClock(), lambda: None).record([a_finding(1)])
    shown = run("spool", "show", "-o", "json")
    assert json.loads(shown.stdout)["records"] == 1, shown.stderr
    assert run("spool", "quarantine").stdout == "Nothing is quarantined.\n"
