"""The lab's promises on real engines: containers run, digests are known, v1 and v2 are true."""

from __future__ import annotations

import http
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab import archives
from tests.lab.errors import LabError
from tests.lab.flavours import Flavour
from tests.lab.host import LabHost
from tests.lab.images import BuiltImage
from tests.lab.probe import Probe
from tests.lab.registry import Registry
from tests.patience import until

Maker = Callable[..., BuiltImage]
Probes = Callable[[], Probe]
HERE = "linux/amd64"


def start(host: LabHost, image: BuiltImage, probe: Probe) -> str:
    """Run a container that holds its probe until it is killed; return its ID."""
    arguments = ("run", "-d", "-v", probe.volume, image.reference(), *probe.command)
    return host.docker(*arguments).stdout.strip()


def test_an_image_from_the_registry_runs(
    host: LabHost, push_image: Maker, make_probe: Probes
) -> None:
    probe = make_probe()
    before = time.monotonic_ns()
    start(host, push_image(), probe)
    reading = probe.wait()
    assert before < reading.first_ns < time.monotonic_ns()
    probe.wait_alive()


def test_a_probe_that_ends_at_once_has_still_run(
    host: LabHost, push_image: Maker, make_probe: Probes
) -> None:
    probe, image = make_probe(), push_image()
    host.docker("run", "--rm", "-v", probe.volume, image.reference(), *probe.command_once)
    reading = probe.read()
    assert reading is not None
    assert not probe.alive()


@pytest.mark.parametrize("media", ["docker", "oci"])
def test_the_digests_computed_are_the_engines(
    host: LabHost, push_image: Maker, make_probe: Probes, media: str
) -> None:
    image = push_image(media=media)
    container = host.inspect(start(host, image, make_probe()))
    described = json.loads(host.docker("image", "inspect", image.reference()).stdout)[0]
    assert described["RootFS"]["Layers"] == [one.diff_id for one in image.images[0].layers]
    assert described["RepoDigests"] == [image.pinned()]
    if host.store == "classic":
        assert container["Image"] == image.config_digests[HERE]
    else:
        assert container["Image"] == image.index_digest


def test_an_image_without_an_index_is_known_by_its_manifest(
    host: LabHost, push_image: Maker, make_probe: Probes
) -> None:
    image = push_image(platforms=(HERE,), index=False)
    container = host.inspect(start(host, image, make_probe()))
    expected = image.config_digests if host.store == "classic" else image.manifest_digests
    assert container["Image"] == expected[HERE]
    assert image.top_digest == image.manifest_digests[HERE]


def test_containers_sit_below_the_hosts_own_cgroup_and_freeze_there(
    host: LabHost, push_image: Maker, make_probe: Probes
) -> None:
    probe = make_probe()
    container = start(host, push_image(), probe)
    probe.wait()
    pid = host.inspect(container)["State"]["Pid"]
    procs = host.container_cgroup(container) / "cgroup.procs"
    assert pid in {int(line) for line in procs.read_text().split()}
    inside = host.containers_cgroup_inside / container / "cgroup.procs"
    assert str(pid) in host.run(["cat", str(inside)]).stdout.split()
    host.freeze(container)
    until(lambda: not probe.alive(), "the freeze")
    host.freeze(container, frozen=False)
    probe.wait_alive()


def test_the_engine_sees_the_cgroup_version_and_store_of_the_flavour(
    host: LabHost, flavour: Flavour
) -> None:
    _, information = host.api("GET", "/info")
    assert information["CgroupVersion"] == flavour.cgroup.removeprefix("v")
    classic = information["Driver"] == "overlay2"
    assert classic is (flavour.store == "classic")
    assert host.engine_pid in {
        int(pid) for pid in (host.engine_cgroup / "cgroup.procs").read_text().split()
    }


def test_containers_reach_one_another_and_nothing_else(
    host: LabHost, push_image: Maker, make_probe: Probes
) -> None:
    image = push_image()
    other = host.inspect(start(host, image, make_probe()))["NetworkSettings"]["Networks"]
    address = other["bridge"]["IPAddress"]
    ping = ("run", "--rm", image.reference(), "ping", "-c1", "-W1")
    assert host.docker(*ping, address).returncode == 0
    assert host.docker(*ping, "192.0.2.1", check=False).returncode != 0
    pull = host.docker("pull", "docker.io/library/alpine", check=False)
    assert pull.returncode != 0


def test_a_loaded_archive_keeps_its_digests(
    host: LabHost, make_image: Maker, tmp_path: Path
) -> None:
    image = make_image()
    host.docker("load", "-i", str(archives.docker_archive(image, tmp_path / "image.tar")))
    described = json.loads(host.docker("image", "inspect", image.reference()).stdout)[0]
    assert described["RootFS"]["Layers"] == [one.diff_id for one in image.images[0].layers]
    if host.store == "classic":
        assert described["Id"] == image.config_digests[HERE]
        assert described["RepoDigests"] == []


def test_a_containerd_store_believes_a_forged_name_and_a_classic_one_does_not(
    host: LabHost, push_image: Maker, make_image: Maker, tmp_path: Path
) -> None:
    """The reason why no verdict may rest on RepoDigests: only the image ID cannot be forged."""
    approved, evil = push_image(), make_image()
    archive = archives.forged_archive(evil, approved, tmp_path / "forged.tar")
    loaded = host.docker("load", "-i", str(archive), check=False)
    if host.store == "classic":
        _, images = host.api("GET", "/images/json")
        assert not any(approved.pinned() in (one["RepoDigests"] or []) for one in images)
        return
    assert loaded.returncode == 0
    _, described = host.api("GET", f"/images/{evil.index_digest}/json")
    assert approved.pinned() in described["RepoDigests"]
    created = host.docker("create", str(evil.index_digest)).stdout.strip()
    assert host.inspect(created)["Image"] == evil.index_digest


def test_an_image_is_built_on_the_host_without_any_network(
    host: LabHost, push_image: Maker, tmp_path: Path
) -> None:
    image = push_image()
    host.docker("pull", image.reference())
    (tmp_path / "Dockerfile").write_text(f"FROM {image.reference()}\nRUN echo built > /built\n")
    buildkit = {"DOCKER_BUILDKIT": "1"}
    host.docker("build", "-t", "built", str(tmp_path), environment=buildkit)
    assert host.docker("run", "--rm", "built", "cat", "/built").stdout == "built\n"
    described = json.loads(host.docker("image", "inspect", "built").stdout)[0]
    own = [one.diff_id for one in image.images[0].layers]
    assert described["RootFS"]["Layers"][: len(own)] == own


def test_a_derived_image_begins_with_its_bases_layers(make_image: Maker) -> None:
    base = make_image()
    derived = make_image(base=base, files={"opt/added": b"x"})
    layers = [one.diff_id for one in derived.images[0].layers]
    assert layers[:-1] == [one.diff_id for one in base.images[0].layers]
    assert derived.chain_ids[HERE] != base.chain_ids[HERE]


def test_the_registry_serves_what_was_pushed_by_digest(
    registry: Registry, push_image: Maker
) -> None:
    image = push_image()
    for name, content in ((image.index_digest, image.index), (image.tag, image.index)):
        accepted = {"Accept": image.media_type("index")}
        answer = registry.request(
            "GET", f"/v2/{image.repository}/manifests/{name}", headers=accepted
        )
        assert answer.status == http.HTTPStatus.OK
        assert answer.body == content
        assert answer.headers["docker-content-digest"] == image.index_digest
    assert registry.tags(image.repository) == ["1"]


def test_a_paused_engine_does_not_answer_and_then_goes_on(host: LabHost) -> None:
    host.pause_engine()
    with pytest.raises(OSError, match="timed out"):
        host.api("GET", "/_ping", timeout_s=0.3)
    host.resume_engine()
    host.wait_ready()


def test_containers_survive_the_death_of_a_live_restore_engine(
    lab_host: Callable[..., LabHost], flavour: Flavour, make_image: Maker, make_probe: Probes
) -> None:
    host = lab_host(flavour.engine, cgroup=flavour.cgroup, store=flavour.store, live_restore=True)
    image, probe = make_image(), make_probe()
    with Registry(host) as registry:
        registry.push(image)
        container = start(host, image, probe)
    probe.wait()
    host.kill_engine()
    assert not host.running
    probe.wait_alive()
    host.start_engine()
    assert host.inspect(container)["State"]["Running"]


def test_an_engine_without_a_containerd_store_is_not_given_one() -> None:
    with pytest.raises(LabError, match="no containerd image store"):
        LabHost("20.10", store="containerd")
