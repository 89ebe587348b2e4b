"""Other engines are found by what runs; real processes of ours wear the names."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.adapters.processes import OtherEngine, other_engines

Start = Callable[..., int]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a sleeping process under a name, with arguments that sleep does not mind."""
    started: list[subprocess.Popen[bytes]] = []

    def run(name: str, *arguments: str) -> int:
        program = tmp_path / name
        if not program.exists():
            shutil.copy("/bin/sh", program)
        # exec -a does not help: the kernel names a process by its file.
        argv = [str(program), "-c", "read x", name, *arguments]
        started.append(subprocess.Popen(argv, stdin=subprocess.PIPE))
        return started[-1].pid

    yield run
    for process in started:
        process.kill()
        process.wait()
        assert process.stdin
        process.stdin.close()


def found(pid: int, engine: int = 0) -> OtherEngine | None:
    return next((other for other in other_engines(engine) if other.pid == pid), None)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("podman", "podman"), ("buildkitd", "buildkit"), ("k3s-server", "k3s"), ("crio", "cri-o")],
)
def test_names_kind_and_owner(start: Start, name: str, kind: str) -> None:
    other = found(start(name))
    assert other is not None
    assert (other.kind, other.uid, other.container) == (kind, os.geteuid(), "")
    assert name in other.command
    assert other.user


def test_credentials_are_not_reported(start: Start) -> None:
    other = found(
        start("skopeo", "https://joe:s3cret@x.test", "--password", "s3cret", "--creds=s3cret")
    )
    assert other is not None
    assert "s3cret" not in other.command
    assert "https://***@x.test" in other.command


def test_the_guarded_engine_is_not_another_one(start: Start) -> None:
    guarded, second = start("dockerd"), start("dockerd")
    assert found(guarded, guarded) is None
    other = found(second, guarded)
    assert other is not None
    assert other.kind == "docker"


def test_shims_show_who_uses_containerd(start: Start) -> None:
    dockers = start("containerd-shim-runc-v2", "-namespace", "moby", "-id", "x")
    others = start("containerd-shim-runc-v2", "-namespace", "k8s.io", "-id", "x")
    assert found(dockers) is None
    other = found(others)
    assert other is not None
    assert other.kind == "containerd"


def test_a_containerd_that_is_nobodys_is_reported(start: Start) -> None:
    other = found(start("containerd"), start("dockerd"))
    assert other is not None
    assert other.kind == "containerd"
