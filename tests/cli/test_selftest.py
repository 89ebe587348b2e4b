"""The selftest's own image, its program run for real, and what it says without an agent."""

import io
import json
import os
import platform
import subprocess
import tarfile
from pathlib import Path

import pytest

from agent.doctor import State
from agent.doctor.selftest_image import ARCHITECTURES, EXIT_CODE, archive, program
from tests.cli.conftest import Host


@pytest.mark.skipif(platform.machine() not in ARCHITECTURES, reason="no program for this machine")
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: chroot")
def test_the_program_leaves_its_proof(tmp_path: Path) -> None:
    (tmp_path / "proof").mkdir()
    file = tmp_path / "selftest"
    file.write_bytes(program(ARCHITECTURES[platform.machine()]))
    file.chmod(0o755)
    done = subprocess.run(["chroot", tmp_path, "/selftest"], check=False)
    assert done.returncode == EXIT_CODE
    assert (tmp_path / "proof" / "ran").is_dir()


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_the_image_is_another_one_each_time(architecture: str) -> None:
    one, other = (archive("x:1", architecture, nonce) for nonce in (b"1", b"2"))
    with tarfile.open(fileobj=io.BytesIO(one)) as a, tarfile.open(fileobj=io.BytesIO(other)) as b:
        assert a.getnames()[0] != b.getnames()[0]  # the config's digest is the image ID


def test_without_an_agent_it_fails(host: Host) -> None:
    result = host.run("selftest", "-o", "json")
    assert result.exit_code == 3
    answer = json.loads(result.stdout)
    assert [check["check"] for check in answer["checks"]] == ["agent"]


def test_in_observe_mode_nothing_is_started(host: Host) -> None:
    told = {"mode": "observe", "allowlist": {"sequence": 1, "freshness": "fresh"}}
    results: list[object] = []
    host.serve({"status": lambda _: told, "selftest-result": results.append})
    answer = json.loads(host.run("selftest", "-o", "json").stdout)
    states = {check["check"]: check["state"] for check in answer["checks"]}
    assert states["unlisted image"] == State.SKIPPED
    assert answer["ok"] and results == [{"failures": []}]


def test_an_engine_without_the_mirror_cannot_be_asked(host: Host) -> None:
    told = {"mode": "enforce", "allowlist": {"sequence": 1, "freshness": "fresh"}}
    host.serve({"status": lambda _: told})
    host.configure('[registry]\nmirror = "https://images.acme.test"\n')
    answer = json.loads(host.run("selftest", "-o", "json").stdout)
    states = {check["check"]: check["state"] for check in answer["checks"]}
    assert states["mirror"] == "failed"
