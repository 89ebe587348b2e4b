"""The cgroup gate on real engines, with the test in the place of the agent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from agent.gate.mounts import locate
from agent.ports import Birth, Ruling
from tests.gate.guarded import Guarded
from tests.lab.host import LabHost
from tests.lab.images import BuiltImage
from tests.lab.probe import Probe

Probes = Callable[[], Probe]
Guard = Callable[..., Guarded]
SIDE_BY_SIDE = 10


@pytest.fixture
def guard(host: LabHost) -> Iterator[Guard]:
    """Makes gates over the host's cgroups; at the end nothing may be left frozen."""
    version, mount = locate(host.cgroup.removeprefix("v"))
    place = {
        "roots": [host.name],
        "engine_root": str(host.data_root),
        "cgroup_version": version,
        "mount": mount,
    }
    made: list[Guarded] = []

    def make(**settings: Any) -> Guarded:
        made.append(Guarded(place, **settings))
        return made[-1].start()

    yield make
    for each in made:
        each.close()


def create(host: LabHost, image: BuiltImage, probe: Probe, *options: str) -> str:
    made = host.docker("create", "-v", probe.volume, *options, image.reference(), *probe.command)
    return made.stdout.strip()


def start(host: LabHost, container_id: str) -> int:
    return host.docker("start", container_id, check=False).returncode


@pytest.mark.parametrize("ruling", [Ruling.THAW, Ruling.KILL])
def test_held_before_its_first_instruction_until_ruled(
    host: LabHost, good: BuiltImage, guard: Guard, make_probe: Probes, ruling: Ruling
) -> None:
    guarded, probe = guard(), make_probe()
    container_id = create(host, good, probe)
    with ThreadPoolExecutor(1) as client:
        started = client.submit(start, host, container_id)
        birth = guarded.birth(container_id)
        assert birth.held and birth.cgroup == str(host.container_cgroup(container_id))
        assert not probe.ran and not started.done()
        guarded.gate.rule(container_id, ruling)
        assert guarded.settled(container_id).ruling is ruling
        assert (started.result() == 0) == (ruling is Ruling.THAW)
    assert probe.wait() if ruling is Ruling.THAW else not probe.ran


def test_admitted_starts_and_refused_does_not(
    host: LabHost, good: BuiltImage, guard: Guard, make_probe: Probes
) -> None:
    guarded, probes = guard(), [make_probe(), make_probe()]
    admitted, refused = (create(host, good, probe) for probe in probes)
    guarded.gate.admit(admitted)
    guarded.gate.refuse(refused)
    assert start(host, refused) != 0
    assert start(host, admitted) == 0
    assert not guarded.birth(admitted).held
    assert probes[0].wait() and not probes[1].ran


@pytest.mark.parametrize("below", ["elsewhere/deep"])
def test_another_parent_hides_nothing(
    host: LabHost, good: BuiltImage, guard: Guard, make_probe: Probes, below: str
) -> None:
    guarded, probe = guard(), make_probe()
    container_id = create(host, good, probe, "--cgroup-parent", f"/{host.name}/{below}")
    guarded.gate.refuse(container_id)
    assert start(host, container_id) != 0
    assert f"/{below}/" in guarded.birth(container_id).cgroup
    assert not probe.ran


def test_ten_side_by_side(
    host: LabHost, good: BuiltImage, guard: Guard, make_probe: Probes
) -> None:
    guarded = guard()
    probes = {create(host, good, probe): probe for probe in (make_probe() for _ in range(10))}
    ids = list(probes)
    with ThreadPoolExecutor(SIDE_BY_SIDE) as clients:
        codes = clients.map(lambda each: start(host, each), ids)
        for _ in ids:
            birth = guarded.await_(Birth, lambda birth: birth.held)
            killed = ids.index(birth.container_id) % 2
            guarded.gate.rule(birth.container_id, Ruling.KILL if killed else Ruling.THAW)
        assert [code != 0 for code in codes] == [bool(number % 2) for number in range(len(ids))]
    for number, each in enumerate(ids):
        assert not probes[each].ran if number % 2 else probes[each].wait()


def test_paused_by_people_is_left_alone(
    host: LabHost, good: BuiltImage, guard: Guard, make_probe: Probes
) -> None:
    container_id = create(host, good, make_probe())
    start(host, container_id)
    host.docker("pause", container_id)
    guarded = guard()
    assert [m.held for m in guarded.messages if isinstance(m, Birth)] == [False]
    assert host.freezer_file(container_id).read_text().strip() in ("FROZEN", "1")
    host.docker("unpause", container_id)


@pytest.mark.parametrize("policy", ["deny", "report"])
def test_buildkit_steps_are_recognised(
    host: LabHost, good: BuiltImage, guard: Guard, tmp_path: Path, policy: str
) -> None:
    guarded = guard(build_steps=policy)
    (tmp_path / "Dockerfile").write_text(f"FROM {good.reference()}\nRUN echo {policy} > /ran\n")
    environment = {"DOCKER_BUILDKIT": "1"}

    def build() -> int:
        told = host.docker(
            "build", "--no-cache", str(tmp_path), environment=environment, check=False
        )
        return told.returncode

    with ThreadPoolExecutor(1) as client:
        built = client.submit(build)
        birth = guarded.await_(Birth, lambda birth: birth.build_step)
        assert birth.held == (policy == "deny")
        guarded.gate.rule(birth.container_id, Ruling.KILL)
        assert (built.result() == 0) == (policy == "report")


def test_the_gates_death_in_the_middle(
    host: LabHost, good: BuiltImage, guard: Guard, make_probe: Probes
) -> None:
    guarded, probe = guard(), make_probe()
    container_id = create(host, good, probe)
    with ThreadPoolExecutor(1) as client:
        started = client.submit(start, host, container_id)
        guarded.birth(container_id)
        assert guarded.gate.pid is not None
        host.run(["kill", "-9", str(guarded.gate.pid)])
        assert guarded.birth(container_id).held
        guarded.gate.rule(container_id, Ruling.THAW)
        assert started.result() == 0
    assert probe.wait()
