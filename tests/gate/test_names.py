"""Which cgroups are containers' and which are not; where the hierarchies are found."""

from pathlib import Path

import pytest

from agent.helpers.gate.container_names import EngineFiles, recognise
from agent.helpers.gate.mounts import below, hierarchies, locate

HEX = "0123456789abcdef" * 4
STEP = "rh08j0gzv9vjzrd0w6vcqz2xb"


@pytest.mark.parametrize(
    ("path", "named"),
    [
        (f"/docker/{HEX}", (HEX, False)),
        (f"/{HEX}", (HEX, False)),
        (f"/a/b/c/{HEX}", (HEX, False)),
        (f"/system.slice/docker-{HEX}.scope", (HEX, False)),
        (f"/docker/{HEX}/inner/{HEX}", (HEX, False)),
        (f"/docker/buildkit/{STEP}", (STEP, True)),
        (f"/system.slice/docker-{STEP}.scope", (STEP, True)),
        ("/docker", None),
        ("/", None),
        (f"/docker/{HEX[:-1]}", None),
        (f"/docker/{HEX}0", None),
        (f"/docker/{HEX.upper()}", None),
        (f"/machine.slice/libpod-{HEX}.scope", None),
        (f"/system.slice/cri-containerd-{HEX}.scope", None),
        (f"/system.slice/docker-{HEX}", None),
        (f"/system.slice/{STEP}.scope", None),
        (f"/docker/{STEP}", None),
        ("/system.slice/docker-.scope", None),
        ("/system.slice/docker-0.scope", None),
    ],
)
def test_names(path: str, named: tuple[str, bool] | None) -> None:
    assert recognise(path) == named


def test_only_the_engines_own_count(tmp_path: Path) -> None:
    (tmp_path / "containers" / HEX).mkdir(parents=True)
    assert EngineFiles(str(tmp_path)).knows(HEX)
    assert not EngineFiles(str(tmp_path)).knows(HEX[::-1])
    assert EngineFiles("").knows(HEX[::-1])


def test_paused_is_what_the_engine_wrote_and_not_what_users_typed(tmp_path: Path) -> None:
    folder = tmp_path / "containers" / HEX
    folder.mkdir(parents=True)
    engine = EngineFiles(str(tmp_path))
    assert not engine.says_paused(HEX)
    (folder / "config.v2.json").write_text(r'{"State":{"Paused":false},"A":"\"Paused\":true"}')
    assert not engine.says_paused(HEX)
    (folder / "config.v2.json").write_text('{"State":{"Running":true,"Paused":true}}')
    assert engine.says_paused(HEX)
    assert EngineFiles("").may_be_paused(HEX)


V1 = "37 31 0:34 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer"
HYBRID = "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate"
V2 = "25 24 0:22 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw"


@pytest.mark.parametrize(
    ("mountinfo", "asked", "found"),
    [
        ([V1, HYBRID], "", ("1", "/sys/fs/cgroup/freezer")),
        ([V1, HYBRID], "2", ("2", "/sys/fs/cgroup/unified")),
        ([V2], "", ("2", "/sys/fs/cgroup")),
        (
            [V2.replace("/sys/fs/cgroup", "/mnt/some\\040where/else"), V2],
            "2",
            ("2", "/sys/fs/cgroup"),
        ),
        ([V2.replace("/sys/fs/cgroup", "/a\\040b")], "2", ("2", "/a b")),
    ],
)
def test_hierarchies(mountinfo: list[str], asked: str, found: tuple[str, str]) -> None:
    assert locate(asked, mountinfo="\n".join(mountinfo)) == found


def test_part_of_a_hierarchy_does_not_count() -> None:
    assert hierarchies(V2.replace("0:22 /", "0:22 /docker/x")) == {}
    assert hierarchies("garbage\n\n1 2 3 - \n") == {}


@pytest.mark.parametrize("asked", ["", "1", "2"])
def test_no_hierarchy_says_what_to_do(asked: str) -> None:
    with pytest.raises(LookupError, match="mount it, or switch the cgroup gate off"):
        locate(asked, mountinfo="")


def test_explicit_mount_is_believed() -> None:
    assert locate("2", "/elsewhere", mountinfo="") == ("2", "/elsewhere")


def test_roots() -> None:
    assert below("/m", ["/", "a", "/b/c/"]) == ["/m", "/m/a", "/m/b/c"]
