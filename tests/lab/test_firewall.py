"""A locked-down host with a real engine: what arrives, what does not, and what goes on unharmed."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from agent.adapters.egress import EgressFirewall, EgressSettings, Launch
from agent.adapters.system_clock import SystemClock
from agent.config.lockdown_config import EgressConfig
from agent.ports.lockdown_values import Disturbance, Refusal
from tests.lab import images
from tests.lab.flavours import Flavour
from tests.lab.host import LabHost
from tests.lab.internet import HOST4, Internet
from tests.lab.namespaces import NETWORKS
from tests.lab.registry import Registry
from tests.patience import PATIENCE, until

PRIVATE, QUAY4, QUAY6 = "10.9.9.9", "198.51.100.10", "2001:db8:1::10"
OTHER4, OTHER6 = "198.51.100.20", "2001:db8:1::20"
NAMES = {
    "images.acme.test": [PRIVATE],
    "quay.test": [QUAY4, QUAY6],
    "quay4.test": [QUAY4],
    "quay6.test": [QUAY6],
    "other.test": [OTHER4],
    "other6.test": [OTHER6],
}
IMAGE = "acme/web:1"
NOWHERE = [
    f"quay4.test/{IMAGE}",
    f"quay6.test/{IMAGE}",
    f"quay.test:5001/{IMAGE}",
    f"other.test/{IMAGE}",
    f"other6.test/{IMAGE}",
    f"{OTHER4}/{IMAGE}",
    f"{OTHER4}:5001/{IMAGE}",
]
FLAVOURS = [Flavour("20.10", "v1", "classic"), Flavour("newest", "v2", "containerd")]

pytestmark = pytest.mark.lab


class Street:
    """The host, its internet and its firewall."""

    def __init__(self, flavour: Flavour, stack: ExitStack) -> None:
        insecure = [*NAMES, "quay.test:5001", f"{OTHER4}:5001", "other.test:8080", OTHER4]
        self.host = stack.enter_context(
            LabHost(
                flavour.engine,
                cgroup=flavour.cgroup,
                store=flavour.store,
                daemon_json={
                    "registry-mirrors": ["http://images.acme.test"],
                    "insecure-registries": insecure,
                    "max-download-attempts": 1,
                },
                start=False,
            )
        )
        with self.host.path("/etc/hosts").open("a") as hosts:
            for name, addresses in NAMES.items():
                hosts.writelines(f"{address} {name}\n" for address in addresses)
        with Registry(self.host) as registry:
            registry.push(images.build("acme/web", platforms=("linux/amd64",)))
            short = images.build("library/short", platforms=("linux/amd64",))
            registry.push(short)
            noise = {"noise": b"".join(_noise(n) for n in range(65536))}  # 2 MiB, incompressible
            registry.push(images.build("acme/large", platforms=("linux/amd64",), files=noise))
        addresses = [PRIVATE, QUAY4, QUAY6, OTHER4, OTHER6]
        self.internet = stack.enter_context(Internet(self.host, registry.directory, addresses))
        self.host.start_engine()
        self.messages: list[Refusal | Disturbance] = []
        self.firewall = self.make_firewall()
        stack.callback(self.firewall.close)

    def make_firewall(self, *, own: bool = True) -> EgressFirewall:
        """One over this host."""
        resolv = self.host.path("/etc/resolv.conf")
        return EgressFirewall(
            self.messages.append,
            settings=EgressSettings(
                mirror="http://images.acme.test",
                egress=EgressConfig(known_registries=("quay.test", "gone.test")),
                state_file=self.host.work / f"names-{own}.json",
                socket=str(self.host.docker_socket),
                resolv_conf=resolv,
                launch=Launch(
                    enter=self.host.enter,
                    netns=(NETWORKS / self.host.name).stat().st_ino,
                    own=own,
                ),
            ),
            clock=SystemClock(),
            lookup=_lookup,
            container_at=lambda address: "web" if address.startswith("172.") else "",
        )

    def pull(self, reference: str) -> subprocess.CompletedProcess[str]:
        """Pull as people do; nothing of an earlier pull is left."""
        self.host.docker("rmi", "--force", reference, check=False)
        self.host.docker("image", "prune", "--all", "--force", check=False)
        return self.host.docker("pull", reference, check=False)

    def busybox(self, *command: str) -> list[str]:
        """`docker run` arguments for a container that runs this."""
        return ["--rm", f"images.acme.test/{IMAGE}", *command]

    def await_refusal(self, such: Callable[[Refusal], bool]) -> Refusal:
        """The first refusal such that."""
        end = time.monotonic() + PATIENCE
        while True:
            for message in list(self.messages):
                if isinstance(message, Refusal) and such(message):
                    return message
            assert time.monotonic() < end, f"no such refusal in {self.messages}"
            time.sleep(0.05)


def _noise(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def _lookup(name: str) -> list[str]:
    if name not in NAMES:
        raise OSError(f"{name}: name not known")
    return NAMES[name]


@pytest.fixture(scope="module", params=FLAVOURS, ids=str)
def street(request: pytest.FixtureRequest) -> Iterator[Street]:
    with ExitStack() as stack:
        yield Street(request.param, stack)


@pytest.fixture
def locked(street: Street) -> Street:
    """With the firewall in place."""
    if not street.host.running:
        street.host.start_engine()
    street.firewall.apply()
    return street


def test_without_the_firewall_everything_arrives_and_with_it_the_approved_only(
    street: Street,
) -> None:
    street.firewall.restore()
    for reference in NOWHERE:
        assert street.pull(reference).returncode == 0, reference
    before = street.firewall.drift()
    assert "table inet dockwarden is missing" in [d.words for d in before.differences]
    assert street.firewall.apply() == before
    assert street.firewall.drift().none
    street.messages.clear()
    for reference in NOWHERE:
        done = street.pull(reference)
        assert done.returncode != 0, reference
        assert "refused" in done.stderr, done.stderr
    for reference in ("short:1", f"images.acme.test/{IMAGE}"):
        done = street.pull(reference)
        assert done.returncode == 0, done.stderr
    known = street.await_refusal(lambda refusal: refusal.registry == "quay.test")
    assert known.source == "engine"
    street.await_refusal(lambda refusal: refusal.destination.startswith(f"{OTHER4}:80/"))


def test_a_pull_under_way_is_cut_when_the_rules_arrive(street: Street) -> None:
    street.firewall.restore()
    street.host.docker("image", "prune", "--all", "--force")
    log = street.host.work / "large.log"
    with log.open("wb") as output:
        pull = street.host.popen(
            [street.host.engine.program("docker"), "pull", "other.test:8080/acme/large:1"],
            stdout=output,
            stderr=output,
        )
    until(lambda: "Pulling fs layer" in log.read_text(), log.read_text)
    assert pull.poll() is None
    street.firewall.apply()
    assert pull.wait(PATIENCE) != 0, log.read_text()


def test_a_restarted_engine_is_bound_again(locked: Street) -> None:
    locked.host.stop_engine()
    locked.host.remove_engine_cgroup()
    locked.host.start_engine()
    assert locked.pull(f"other.test/{IMAGE}").returncode != 0
    assert locked.pull(f"images.acme.test/{IMAGE}").returncode == 0
    assert locked.firewall.drift().none


def test_the_engines_proxy_is_no_way_out(locked: Street) -> None:
    if locked.host.engine.name == "20.10":
        pytest.skip("this engine takes a proxy from its environment only")
    path = locked.host.path("/etc/docker/daemon.json")
    kept = path.read_text()
    proxy = f"http://{OTHER4}:8080"
    path.write_text(json.dumps({**json.loads(kept), "proxies": {"http-proxy": proxy}}))
    locked.internet.slow_log.write_text("")
    try:
        locked.host.restart_engine()
        assert locked.pull(f"other.test/{IMAGE}").returncode != 0
        assert locked.internet.slow_log.read_text() == ""
        locked.firewall.restore()
        locked.pull(f"other.test/{IMAGE}")
        assert f"from ::ffff:{HOST4}" in locked.internet.slow_log.read_text()
    finally:
        path.write_text(kept)
        locked.host.restart_engine()


def test_containers_reach_the_world_but_no_known_registry(locked: Street) -> None:
    assert locked.pull(f"images.acme.test/{IMAGE}").returncode == 0
    docker = locked.host.docker

    def fetch(address: str) -> subprocess.CompletedProcess[str]:
        talk = f"printf 'GET /v2/ HTTP/1.0\\r\\n\\r\\n' | /bin/busybox nc -w 10 {address} 80"
        return docker("run", *locked.busybox("/bin/sh", "-c", talk), check=False)

    assert "200 OK" in fetch(OTHER4).stdout
    locked.messages.clear()
    done = fetch(QUAY4)
    assert "refused" in done.stderr, done.stderr
    refusal = locked.await_refusal(lambda refusal: refusal.registry == "quay.test")
    assert refusal.source == "container web"


def test_published_ports_work_from_outside_and_on_loopback(locked: Street) -> None:
    assert locked.pull(f"images.acme.test/{IMAGE}").returncode == 0
    serve = ["/bin/busybox", "nc", "-ll", "-p", "80", "-e", "/bin/busybox", "echo", "served"]
    locked.host.docker("run", "-d", "--name", "web", "-p", "7777:80", *locked.busybox(*serve))
    read = (
        "import socket,sys\ns = socket.create_connection((sys.argv[1], 7777), 10)\n"
        "print(s.recv(99).decode(), end='')"
    )
    try:
        ask = [sys.executable, "-c", read]
        until(
            lambda: locked.host.run([*ask, "127.0.0.1"], check=False).stdout == "served\n",
            "an answer on loopback",
        )
        assert locked.internet.run(*ask, HOST4).stdout == "served\n"
        assert locked.host.run([*ask, "::1"]).stdout == "served\n"
    finally:
        locked.host.docker("rm", "--force", "web", check=False)


def test_dockers_own_rules_are_as_before_after_apply_and_restore(street: Street) -> None:
    street.firewall.restore()
    list_all = ["nft", "--stateless", "list", "ruleset"]
    before = street.host.run(list_all).stdout
    street.firewall.apply()
    assert street.host.run(list_all).stdout.startswith(before)
    assert [d.words for d in street.firewall.restore().differences] == [
        "the tables dockwarden were removed"
    ]
    assert street.host.run(list_all).stdout == before


def test_a_flushed_ruleset_comes_back_and_names_who_flushed_it(street: Street) -> None:
    street.firewall.restore()
    firewall = street.make_firewall(own=False)
    try:
        firewall.apply()
        for command in ("flush ruleset", "delete table inet dockwarden"):
            if command == "flush ruleset" and street.host.engine.name != "20.10":
                continue  # it also flushes what the newest engine needs for its networks
            street.messages.clear()
            street.host.run(["nft", *command.split()])
            until(
                lambda: any(isinstance(m, Disturbance) for m in list(street.messages)),
                "news of the disturbance",
            )
            told = next(m for m in street.messages if isinstance(m, Disturbance))
            assert told.culprit.startswith("nft[")
            assert street.pull(f"other.test/{IMAGE}").returncode != 0
            assert firewall.drift().none
    finally:
        firewall.restore()
        firewall.close()


def test_the_helper_is_replaced_when_it_dies_and_the_table_stands_meanwhile(
    locked: Street,
) -> None:
    pid = locked.firewall.pid
    assert pid is not None
    assert Path(f"/proc/{pid}/comm").read_text().startswith("python3")
    os.kill(pid, signal.SIGKILL)
    assert locked.pull(f"other.test/{IMAGE}").returncode != 0
    until(lambda: locked.firewall.pid not in (None, pid), "another helper")
    assert locked.firewall.drift().none
    assert locked.pull(f"other.test/{IMAGE}").returncode != 0
