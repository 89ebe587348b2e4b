"""The cgroup gate on real engines, with the test in the place of the agent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from agent.helpers.gate.mounts import locate
from agent.ports import CgroupCreated, GateDecision
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


@pytest.mark.parametrize("decision", [GateDecision.THAW, GateDecision.KILL])
def test_held_before_its_first_instruction_until_ruled(
    host: LabHost, good: BuiltImage, guard: Guard, make_probe: Probes, decision: GateDecision
) -> None:
    guarded, probe = guard(), make_probe()
    container_id = create(host, good, probe)
    with ThreadPoolExecutor(1) as client:
        started = client.submit(start, host, container_id)
        created = guarded.created(container_id)
        assert created.held and created.cgroup == str(host.container_cgroup(container_id))
        assert not probe.ran and not started.done()
        guarded.gate.rule(container_id, decision)
        assert guarded.hold_ended(container_id).decision is decision
        assert (started.result() == 0) == (decision is GateDecision.THAW)
    assert probe.wait() if decision is GateDecision.THAW else not probe.ran


def test_admitted_starts_and_refused_does_not(
    host: LabHost, good: BuiltImage, guard: Guard, make_probe: Probes
) -> None:
    guarded, probes = guard(), [make_probe(), make_probe()]
    admitted, refused = (create(host, good, probe) for probe in probes)
    guarded.gate.admit(admitted)
    guarded.gate.refuse(refused)
    assert start(host, refused) != 0
    assert start(host, admitted) == 0
    assert not guarded.created(admitted).held
    assert probes[0].wait() and not probes[1].ran


@pytest.mark.parametrize("below", ["elsewhere/deep"])
def test_another_parent_hides_nothing(
    host: LabHost, good: BuiltImage, guard: Guard, make_probe: Probes, below: str
) -> None:
    guarded, probe = guard(), make_probe()
    container_id = create(host, good, probe, "--cgroup-parent", f"/{host.name}/{below}")
    guarded.gate.refuse(container_id)
    assert start(host, container_id) != 0
    assert f"/{below}/" in guarded.created(container_id).cgroup
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
            created = guarded.await_(CgroupCreated, lambda created: created.held)
            killed = ids.index(created.container_id) % 2
            guarded.gate.rule(
                created.container_id, GateDecision.KILL if killed else GateDecision.THAW
            )
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
    assert [m.held for m in guarded.messages if isinstance(m, CgroupCreated)] == [False]
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
        created = guarded.await_(CgroupCreated, lambda created: created.build_step)
        assert created.held == (policy == "deny")
        guarded.gate.rule(created.container_id, GateDecision.KILL)
        assert (built.result() == 0) == (policy == "report")


def test_the_gates_death_in_the_middle(
    host: LabHost, good: BuiltImage, guard: Guard, make_probe: Probes
) -> None:
    guarded, probe = guard(), make_probe()
    container_id = create(host, good, probe)
    with ThreadPoolExecutor(1) as client:
        started = client.submit(start, host, container_id)
        guarded.created(container_id)
        assert guarded.gate.pid is not None
        host.run(["kill", "-9", str(guarded.gate.pid)])
        assert guarded.created(container_id).held
        guarded.gate.rule(container_id, GateDecision.THAW)
        assert started.result() == 0
    assert probe.wait()
