"""scripts/demo as a first-time user runs it: what it reports has happened, and nothing stays."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.lab import leftovers
from tests.lab.agent import ROOT
from tests.patience import PATIENCE

pytestmark = pytest.mark.lab

DEMO = str(ROOT / "scripts/demo")
PREPARED_S = 1200  # the first run of a checkout downloads


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [DEMO, *arguments], capture_output=True, text=True, timeout=PREPARED_S, check=False
    )


def host_of(text: str) -> str:
    found = re.search(r"dwlab-[0-9a-f]{6}", text)
    assert found, text
    return found[0]


@contextmanager
def started() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A demo that has begun to act on its host, and the host's name."""
    process = subprocess.Popen([DEMO], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        seen = ""
        for line in process.stdout:
            seen += line
            if "docker run -d --name web" in line:
                break
        yield process, host_of(seen)
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)


def test_it_shows_what_it_promises_and_leaves_nothing() -> None:
    done = run()
    assert done.returncode == 0, done.stdout + done.stderr
    told = done.stdout
    assert told.count("STOPPED: before its first instruction") == 2
    assert re.search(r"STOPPED: web, \d+\.\d s after the new list was published", told)
    assert "ok: it runs as if nobody watched" in told
    for verdict in ("unlisted", "revoked"):
        assert re.search(rf"\| verdict +{verdict}", told)
    assert "web:1.4@sha256:" in told  # what to use instead of what was refused
    assert "web:1.4.1@sha256:" in told  # and instead of what was revoked
    assert re.search(r"web +\S+ +running +approved +allow", told)
    assert re.search(r"2 +disguised +\S+:stable +unlisted +kill +\S+ +never", told)
    assert re.search(r"web +\S+ +Exited \(137\)", told)
    assert "unapproved code runs" not in told
    assert "2 of 2 starts refused before the first instruction" in " ".join(told.split())
    assert leftovers.traces(host_of(told)).none


def test_piped_output_is_plain_text_of_readable_width() -> None:
    told = run().stdout
    assert "\x1b" not in told and "\r" not in told
    prose = [line for line in told.splitlines() if "sha256:" not in line and "  " not in line[7:]]
    assert max(map(len, prose)) <= 110


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing(number: signal.Signals) -> None:
    with started() as (process, name):
        assert not leftovers.traces(name).none
        process.send_signal(number)
        rest = process.communicate(timeout=PATIENCE)[0]
        assert process.returncode == 128 + number
        assert "Interrupted: everything is being removed." in rest
        assert leftovers.traces(name).none


def test_a_reader_that_goes_away_leaves_nothing() -> None:
    with started() as (process, name):
        assert process.stdout
        process.stdout.close()
        process.wait(timeout=PATIENCE)
        assert leftovers.traces(name).none


def test_a_kept_host_can_be_entered_and_removed() -> None:
    done = run("--keep")
    assert done.returncode == 0, done.stdout + done.stderr
    name = host_of(done.stdout)
    try:
        entrance = re.search(r"Enter it: +sudo (\S+)", done.stdout)
        assert entrance and "(approved)" in done.stdout
        assert leftovers.owned(name)  # so that no other run takes it for left over
        good = _inside(entrance[1], "docker", "run", "--rm", _image("1.4"), "echo", "hello")
        assert (good.returncode, good.stdout) == (0, "hello\n")
        bad = _inside(entrance[1], "docker", "run", "--name", "mine", _image("2.0-rc1"))
        assert bad.returncode != 0 and "unapproved code runs" not in bad.stdout
        assert "1 waived" in _inside(entrance[1], "dockwarden", "status").stdout
    finally:
        removed = run("--remove", name)
    assert removed.returncode == 0, removed.stderr
    assert leftovers.traces(name).none


def test_it_removes_only_what_a_demo_left() -> None:
    done = run("--remove", "dwlab-000000")
    assert done.returncode == 1
    assert "no demo left a host called dwlab-000000" in done.stderr and "fix:" in done.stderr


@pytest.mark.parametrize("wrong", [("--speed",), ("--engine",), ("--engine", "17.03")])
def test_wrong_usage_is_reported(wrong: tuple[str, ...]) -> None:
    done = run(*wrong)
    assert done.returncode == 2
    assert "usage:" in done.stderr


def test_help_needs_neither_root_nor_anything_installed() -> None:
    nobody = ["unshare", "--user", "bash", DEMO]  # an unmapped user reads what root may
    assert "--keep" in run("--help").stdout
    done = subprocess.run(nobody, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 1
    assert "needs root" in done.stderr and "fix: sudo" in done.stderr


def _image(tag: str) -> str:
    return f"127.0.0.1:5000/acme/web:{tag}"


def _inside(entrance: str, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [entrance, *command], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
