"""daemon.json on real engines: they take the mirror, and are afterwards as they were."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.adapters.engine_config import EngineConfigLayer, RunningEngine
from agent.adapters.engine_config.mirror_tls import Lookup
from agent.adapters.processes import other_engines
from agent.errors import LayerFailed
from agent.files.backup import Backups
from agent.merging.merge_engine import EngineWish
from tests.lab.host import LabHost
from tests.patience import PATIENCE, until

MIRROR = "https://images.acme.test"
TEXT = b'{\r\n\t"debug": false,\r\n\t"labels": ["a=b"]\r\n}'
Hosts = Callable[..., LabHost]

ENGINES = pytest.mark.parametrize(
    ("engine", "cgroup"), [("20.10", "v1"), ("26.1", "v1"), ("newest", "v2")]
)


def layer_of(
    host: LabHost,
    mirror: str = MIRROR,
    *,
    timeout: float = PATIENCE,
    live_restore: bool = False,
    lookup: Lookup = lambda _name: (),
) -> EngineConfigLayer:
    """From outside the host: its socket has one path, its files another. `timeout` (seconds) is
    also how long a reload is waited for that an engine refuses."""
    return EngineConfigLayer(
        RunningEngine(str(host.docker_socket), timeout=timeout),
        Backups(host.work / "backup"),
        EngineWish(mirror, live_restore=live_restore),
        path=str(host.path("/etc/docker/daemon.json")),
        lookup=lookup,
    )


def mirrors(host: LabHost) -> list[str]:
    """As its own client reports it."""
    said = host.docker("info", "--format", "{{json .RegistryConfig.Mirrors}}").stdout
    return json.loads(said) or []


def files(host: LabHost) -> dict[str, bytes]:
    """What lies in /etc/docker."""
    found = Path(host.path("/etc/docker")).rglob("*")
    return {path.name: path.read_bytes() for path in found if path.is_file()}


@ENGINES
@pytest.mark.parametrize("before", [None, TEXT], ids=["absent", "present"])
def test_an_engine_takes_the_mirror_and_forgets_it_again(
    lab_host: Hosts, engine: str, cgroup: str, before: bytes | None
) -> None:
    host = lab_host(engine, cgroup=cgroup, start=False)
    path = Path(host.path("/etc/docker/daemon.json"))
    path.unlink(missing_ok=True)  # the lab's own
    if before is not None:
        path.write_bytes(before)
    host.start_engine()
    untouched = files(host)
    layer = layer_of(host, live_restore=True)
    assert not layer.drift().blocked
    layer.apply()
    assert mirrors(host) == [f"{MIRROR}/"]
    assert layer.drift().none
    host.restart_engine()
    assert mirrors(host) == [f"{MIRROR}/"], "it starts with the file"
    layer.restore()
    assert files(host) == untouched
    assert mirrors(host) == []
    assert RunningEngine(str(host.docker_socket)).word().live_restore is False
    host.restart_engine()
    assert mirrors(host) == []


INSECURE = [["https://images.acme.test"], ["images.acme.test:443", "10.9.0.0/16", "kept.test:5000"]]


@ENGINES
@pytest.mark.parametrize("entries", INSECURE, ids=["all", "some"])
def test_an_engine_asks_the_mirror_for_tls_again(
    lab_host: Hosts, engine: str, cgroup: str, entries: list[str]
) -> None:
    host = lab_host(engine, cgroup=cgroup, daemon_json={"insecure-registries": entries})
    untouched = files(host)
    word = RunningEngine(str(host.docker_socket)).word
    before = word().insecure
    assert len(before) == len(entries)
    layer = layer_of(host, lookup=lambda _name: ["10.9.8.7"])
    assert "insecure-registries" in layer.drift().differences[0].diff
    layer.apply()
    kept = tuple(entry for entry in entries if entry.startswith("kept"))
    assert word().insecure == kept
    assert layer.drift().none
    present = "insecure-registries" in json.loads(files(host)["daemon.json"])
    assert present is bool(kept), "an empty list would change the engine's default"
    host.restart_engine()
    assert word().insecure == kept
    assert layer.drift().none
    layer.restore()
    assert (files(host), word().insecure) == (untouched, before)


@ENGINES
def test_an_engine_keeps_the_mirrors_that_it_had(lab_host: Hosts, engine: str, cgroup: str) -> None:
    host = lab_host(engine, cgroup=cgroup, daemon_json={"registry-mirrors": ["https://old.test"]})
    untouched = files(host)
    layer_of(host).apply()
    assert mirrors(host) == [f"{MIRROR}/"]
    layer_of(host).restore()
    assert (files(host), mirrors(host)) == (untouched, ["https://old.test/"])


def test_an_old_engine_refuses_a_path_and_nothing_is_changed(lab_host: Hosts) -> None:
    host = lab_host("20.10", daemon_json={"debug": False})
    untouched = files(host)
    with pytest.raises(LayerFailed, match="did not accept"):
        layer_of(host, f"{MIRROR}/hub", timeout=5.0).apply()
    assert (files(host), mirrors(host)) == (untouched, [])
    host.restart_engine()


def test_the_engines_own_check_is_read(lab_host: Hosts) -> None:
    host = lab_host("newest", cgroup="v2")
    untouched = files(host)
    with pytest.raises(LayerFailed, match="would not start"):
        layer_of(host, "images.acme.test").apply()
    assert files(host) == untouched


def test_a_flag_blocks(lab_host: Hosts) -> None:
    host = lab_host("newest", cgroup="v2", dockerd_args=["--registry-mirror", "https://flag.test"])
    assert "--registry-mirror" in layer_of(host).drift().blocked
    untouched = files(host)
    with pytest.raises(LayerFailed):
        layer_of(host).apply()
    assert files(host) == untouched
    host.restart_engine()


def test_an_edit_by_hand_is_healed_and_the_engine_follows(lab_host: Hosts) -> None:
    host = lab_host("newest", cgroup="v2", daemon_json={"debug": False})
    layer = layer_of(host)
    layer.apply()
    path = Path(host.path("/etc/docker/daemon.json"))
    path.write_text('{"debug": true, "registry-mirrors": ["https://evil.test"]}')
    host.reload_engine()
    until(lambda: mirrors(host) == ["https://evil.test/"], "the edit's effect")
    drift = layer.apply()
    assert "evil.test" in drift.differences[0].diff
    assert mirrors(host) == [f"{MIRROR}/"]
    assert json.loads(path.read_text()) == {"debug": True, "registry-mirrors": [MIRROR]}
    layer.restore()
    assert json.loads(path.read_text()) == {"debug": True}
    assert mirrors(host) == []


def test_an_engine_that_is_down_is_met_by_its_file(lab_host: Hosts) -> None:
    host = lab_host("newest", cgroup="v2", daemon_json={"debug": False})
    untouched = files(host)
    host.stop_engine()
    layer_of(host).apply()
    host.start_engine()
    assert mirrors(host) == [f"{MIRROR}/"]
    host.stop_engine()
    layer_of(host).restore()
    assert files(host) == untouched


_WRITER = """
import sys
from agent.adapters.engine_config import EngineConfigLayer, RunningEngine
from agent.files.backup import Backups
from agent.merging.merge_engine import EngineWish
socket, backups, path = sys.argv[1:]
while True:
    for act in ("apply", "restore"):
        layer = EngineConfigLayer(
            RunningEngine(socket), Backups(backups), EngineWish("https://images.acme.test"),
            path=path,
        )
        getattr(layer, act)()
"""


def test_a_killed_agent_leaves_an_engine_that_starts_and_a_way_back(lab_host: Hosts) -> None:
    host = lab_host("newest", cgroup="v2", daemon_json={"debug": False})
    untouched = files(host)
    path = str(host.path("/etc/docker/daemon.json"))
    for run in range(10):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(host.docker_socket), host.work / "backup", path],
            cwd=os.getcwd(),  # noqa: PTH109
        )
        time.sleep(0.5 + run * 0.037)
        writer.kill()
        writer.wait()
        json.loads(Path(path).read_bytes())
        layer_of(host).restore()
        assert files(host) == untouched
        assert mirrors(host) == []


def test_a_second_engine_is_found(lab_host: Hosts) -> None:
    first, second = lab_host("newest", cgroup="v2"), lab_host("20.10")
    found = {other.pid: other for other in other_engines(first.engine_pid)}
    assert first.engine_pid not in found
    assert found[second.engine_pid].kind == "docker"
