"""The trial of three machines: Vagrant takes the file, its scripts provision booted machines."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from builder.description import PACKAGING, TOP
from tests.lab import images, tools
from tests.lab.apt import run_checked
from tests.lab.namespaces import NETWORKS
from tests.lab.registry import Registry
from tests.package import roots
from tests.package.guarded import GuardedMachine

SUITE = "bookworm"  # the box's
NAME = "control.dockwarden.test"
CONTROL, WEB = "192.168.56.10", "192.168.56.11"
RUNS = {"Cmd": ["/bin/sh", "-c", "while :; do sleep 1; done"]}


def test_vagrant_takes_the_file(tmp_path: Path) -> None:
    """`vagrant validate`; where only Ruby is there, its syntax."""
    shutil.copy(TOP / "Vagrantfile", tmp_path)
    scripts = tmp_path / "packaging/vagrant"
    shutil.copytree(PACKAGING / "vagrant", scripts)
    if shutil.which("vagrant"):
        command = ["vagrant", "validate", "--ignore-provider"]
    elif shutil.which("ruby"):
        command = ["ruby", "-c", "Vagrantfile"]
    else:
        pytest.skip("neither vagrant nor ruby is installed: scripts/test --package installs them")
    done = subprocess.run(
        command,
        check=False,
        cwd=tmp_path,
        env={
            **os.environ,
            "VAGRANT_HOME": str(tmp_path / "home"),
            "VAGRANT_CHECKPOINT_DISABLE": "1",
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@dataclass(frozen=True, slots=True)
class Trial:
    """Two machines on a private network of their own; the debs lie in /vagrant."""

    control: GuardedMachine
    web: GuardedMachine

    def provision(self) -> None:
        """As `vagrant up` and `vagrant provision` do it."""
        for machine, script in ((self.control, "control"), (self.web, "guarded")):
            shutil.copy(PACKAGING / "vagrant" / script, machine.path("/tmp/vagrant-shell"))
            machine.inside("/tmp/vagrant-shell", CONTROL, "/vagrant", timeout_s=300)

    def registrar(self, *words: str) -> str:
        """What an administrator types on the control machine."""
        return self.control.inside("/usr/local/bin/registrar", *words).stdout


@pytest.fixture(scope="module")
def trial(programs: Path) -> Iterator[Trial]:
    """Both provisioned once, as from the box."""
    if why := roots.missing(SUITE):
        pytest.skip(why)
    with ExitStack() as stack:
        control, web = (stack.enter_context(GuardedMachine(SUITE)) for _ in range(2))
        connect(control, web)
        for machine in (control, web):
            shutil.copytree(programs, machine.path("/vagrant"))
        # The box would get these from its mirror; the machine has no way to one.
        packages = tools.debs(SUITE, "nginx-common", "nginx", "docker-registry")
        for deb in packages:
            shutil.copy(deb, control.path("/srv"))
        control.inside("apt-get", "install", "-y", *(f"/srv/{deb.name}" for deb in packages))
        found = Trial(control, web)
        found.provision()
        yield found


def connect(control: GuardedMachine, web: GuardedMachine) -> None:
    """A cable between the two machines' networks; this machine's own sees nothing of it."""
    inside = {
        machine: ["nsenter", f"--net={NETWORKS / machine.name}"] for machine in (control, web)
    }
    pair = ["ip", "link", "add", "eth1", "type", "veth", "peer", "name", "eth1", "netns", web.name]
    run_checked([*inside[control], *pair])
    for machine, address in ((control, CONTROL), (web, WEB)):
        for words in (f"addr add {address}/24 dev eth1", "link set eth1 up"):
            run_checked([*inside[machine], "ip", *words.split()])


@pytest.mark.package
@pytest.mark.slow
def test_the_provisioned_host_runs_what_was_approved_from_the_registry(trial: Trial) -> None:
    """The host is locked down: it pulls from the control machine alone."""
    control, web = trial.control, trial.web
    registry = Registry(control)  # only its client: Debian's service is there already
    for image in (
        images.build("library/nginx", "1.27", config=RUNS),
        images.build("library/httpd", "2.4", config=RUNS),
    ):
        registry.push(image)
    words = ("--scope", "acme", "--reason", "trial", "--yes")
    trial.registrar("image", "approve", f"{NAME}/library/nginx:1.27", *words)
    trial.registrar("sign", "--key", "solo", "--yes")
    trial.registrar("publish", "--to", "/var/lib/dockwarden-registrar/www")
    web.inside("dockwarden", "sync", "--wait")
    web.until(lambda: web.inside("dockwarden", "plan", check=False).returncode == 0, "lockdown")
    web.docker("run", "-d", "--name", "web", "nginx:1.27")
    refused = web.docker("run", "--name", "stranger", "httpd:2.4", check=False)
    assert refused.returncode != 0
    assert web.docker("ps", "--format", "{{.Names}}").stdout.split() == ["web"]
    web.until(
        lambda: "stranger" in control.inside("dockwarden-collector", "violations").stdout,
        "violation at the collector",
    )


@pytest.mark.package
@pytest.mark.slow
def test_the_list_is_renewed_by_its_timer(trial: Trial) -> None:
    """The packaged unit signs in its sandbox, as its own user."""
    served = trial.control.path("/var/lib/dockwarden-registrar/www/metadata/timestamp.json")
    before = served.read_bytes()
    trial.control.inside("systemctl", "is-active", "dockwarden-registrar-timestamp.timer")
    trial.control.inside("systemctl", "start", "dockwarden-registrar-timestamp.service")
    assert served.read_bytes() != before


@pytest.mark.package
@pytest.mark.slow
def test_provisioning_again_changes_nothing_that_is_there(trial: Trial) -> None:
    """The same identity at the collector, the same list, the container goes on."""
    identity = trial.web.path("/var/lib/dockwarden/collector.json").read_bytes()
    root = trial.control.path("/srv/setup/1.root.json").read_bytes()
    trial.provision()
    trial.web.until(trial.web.guards, "a gate that works")
    assert trial.web.path("/var/lib/dockwarden/collector.json").read_bytes() == identity
    assert trial.control.path("/srv/setup/1.root.json").read_bytes() == root
    assert trial.web.docker("ps", "--format", "{{.Names}}").stdout.split() == ["web"]
