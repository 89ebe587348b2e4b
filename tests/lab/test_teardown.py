"""Nothing of a host outlives it, and nothing of the machine's own is touched."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lab import __main__ as command
from tests.lab import cgroups, images, leftovers
from tests.lab.apt import run_checked
from tests.lab.built import BuiltImage
from tests.lab.flavours import Flavour
from tests.lab.host import LabHost
from tests.lab.probe import Probe
from tests.lab.registry import Registry
from tests.patience import PATIENCE

NETLINK_NETFILTER = 12
NFT_MSG_GETGEN = 10 << 8 | 16

SCRIPT = """\
import sys
from tests.lab.host import LabHost
with LabHost(start=False) as host:
    host.popen(["sleep", "1000"])
    print(host.name, flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def other_process() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Start another process that makes a host; yield the host's name and the process."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip(), process
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(timeout=PATIENCE)


def machine() -> tuple[str, str, bytes]:
    """Return the machine's own addresses and routes, and its firewall's generation.

    The kernel counts every change of a network's rules; the answer to NFT_MSG_GETGEN holds the
    count behind two headers (linux/netfilter/nf_tables.h). Asking changes nothing.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as kernel:
        kernel.send(struct.pack("=IHHIIBBH", 20, NFT_MSG_GETGEN, 1, 1, 0, 0, 0, 0))
        generation = kernel.recv(4096)[20:28]
    addresses, routes = (run_checked(["ip", *words]) for words in (["-br", "addr"], ["route"]))
    return addresses, routes, generation


def test_nothing_is_left_of_a_host_whatever_state_it_was_in(
    flavour: Flavour, make_image: Callable[..., BuiltImage], make_probe: Callable[[], Probe]
) -> None:
    before, probes = machine(), [make_probe() for _ in range(3)]
    make = LabHost(flavour.engine, cgroup=flavour.cgroup, store=flavour.store)
    with make as host, Registry(host) as registry:
        image = registry.push(make_image())
        placed = [(), ("--restart=always",), ("--cgroup-parent", f"/{host.name}/elsewhere")]
        containers = [
            host.docker(
                "run", "-d", *place, "-v", one.volume, image.reference(), *one.command
            ).stdout.strip()
            for one, place in zip(probes, placed, strict=True)
        ]
        for one in probes:
            one.wait()
        host.freeze(containers[0])
        host.pause_engine()
    assert leftovers.traces(host.name).none
    assert not any(one.alive() for one in probes)
    assert machine() == before


def test_a_container_that_left_the_hosts_cgroup_is_found_too(
    flavour: Flavour, make_image: Callable[..., BuiltImage], make_probe: Callable[[], Probe]
) -> None:
    probe, image = make_probe(), make_image()
    make = LabHost(flavour.engine, cgroup=flavour.cgroup, store=flavour.store)
    with make as host, Registry(host) as registry:
        registry.push(image)
        elsewhere = ("--cgroup-parent", f"/{host.name}-outside")
        host.docker(
            *("run", "-d", *elsewhere, "-v", probe.volume, image.reference(), *probe.command)
        )
        probe.wait()
    assert not probe.alive()
    assert leftovers.traces(host.name).none


def test_a_process_that_left_all_of_the_hosts_cgroups_is_found_by_its_mounts(
    lab_host: Callable[..., LabHost],
) -> None:
    host = lab_host(start=False)
    stray = host.popen(["sh", "-c", "echo inside; exec sleep 1000"], stdout=subprocess.PIPE)
    assert stray.stdout is not None
    with stray.stdout as said:
        assert said.readline() == b"inside\n"
    for hierarchy in cgroups.hierarchies():
        (hierarchy.mount / "cgroup.procs").write_text(str(stray.pid))
    assert stray.pid not in cgroups.processes(host.name)
    host.close()
    assert stray.wait(timeout=PATIENCE) == -signal.SIGKILL
    assert leftovers.traces(host.name).none


def test_a_host_that_fails_to_start_leaves_nothing() -> None:
    host = LabHost(daemon_json={"no-such-key": True})
    with pytest.raises(Exception, match="no-such-key"), host:
        pass
    assert leftovers.traces(host.name).none


@pytest.mark.lab
def test_clean_removes_what_a_crashed_run_left_and_spares_the_living(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with other_process() as (living, _), other_process() as (dead, crashed):
        os.kill(crashed.pid, signal.SIGKILL)
        crashed.wait(timeout=PATIENCE)
        assert not leftovers.traces(dead).none
        assert command.main(["clean"]) == 0
        assert f"removed {dead}" in capsys.readouterr().out
        assert leftovers.traces(dead).none
        assert leftovers.traces(living).processes
    assert leftovers.traces(living).none


def test_what_is_written_inside_stays_inside(lab_host: Callable[..., LabHost]) -> None:
    host = lab_host(start=False)
    host.run(["sh", "-c", "echo mine > /etc/dockwarden-lab-mark; mkdir /var/lib/dockwarden/x"])
    host.path("/etc/docker/daemon.json").write_text('{"labels": ["a=b"]}')
    host.start_engine()
    assert host.api("GET", "/info")[1]["Labels"] == ["a=b"]
    assert host.path("/etc/dockwarden-lab-mark").read_text() == "mine\n"
    assert not Path("/etc/dockwarden-lab-mark").exists()
    assert not Path("/var/lib/dockwarden/x").exists()


def test_hosts_run_side_by_side(lab_host: Callable[..., LabHost]) -> None:
    hosts = [lab_host("20.10"), lab_host("newest", cgroup="v2")]
    for host in hosts:
        with Registry(host) as registry:
            registry.push(images.build("lab/side", "1"))
            host.docker("pull", "127.0.0.1:5000/lab/side:1")
    listed = [json.loads(json.dumps(host.api("GET", "/images/json")[1])) for host in hosts]
    assert [len(one) for one in listed] == [1, 1]
