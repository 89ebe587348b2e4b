"""A machine with systemd as its init, in systemd-nspawn, on cgroup v2; knows no container engine.

Its root is an overlay over a cached one, so that it starts as a freshly installed Debian.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.lab import cgroups, leftovers, namespaces
from tests.lab.apt import run_checked
from tests.lab.errors import LabError
from tests.lab.machine import Machine
from tests.package import roots

_ENVIRONMENT = {"UNIFIED_CGROUP_HIERARCHY": "1", "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "yes"}
_CALLS = "@mount @keyring bpf fanotify_init"  # what an engine needs beyond nspawn's own filter
_BOOT_SECONDS = 120.0
_STOP = signal.SIGRTMIN + 4  # poweroff.target, systemd(1)


class BootedMachine(Machine):
    """A context manager; `run` and `popen` act in its network on this machine's files, as the lab's
    registry wants it; `inside` acts within it."""

    def __init__(self, suite: str) -> None:
        super().__init__(cgroup="v2")
        self.suite = suite
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._init = 0

    def build(self) -> None:
        """Make the root and boot it."""
        leftovers.make_directory(self.name)
        namespaces.add_network(self.name)
        for name in ("upper", "overlay", "root", "docker"):
            (self.work / name).mkdir()
        lower, work = roots.root(self.suite), self.work
        layers = f"lowerdir={lower},upperdir={work}/upper,workdir={work}/overlay"
        run_checked(["mount", "-t", "overlay", "-o", layers, "overlay", str(work / "root")])
        self.boot()

    def close(self) -> None:
        """Take it down, whatever state it is in."""
        leftovers.remove_host(self.name)
        if self._nspawn is not None:
            self._nspawn.wait(timeout=30)
        self._nspawn = None

    def boot(self) -> float:
        """Start it and wait until systemd has started everything; returns the seconds it took."""
        begun = time.monotonic()
        # A cgroup of its own in both: nspawn puts its own below whatever it is started in.
        procs = []
        for hierarchy in cgroups.hierarchies():
            if hierarchy.version == 2 or "name=systemd" in hierarchy.controllers:
                folder = hierarchy.mount / self.name / "machine"
                folder.mkdir(parents=True, exist_ok=True)
                procs.append(folder / "cgroup.procs")
        command = ["systemd-nspawn", "--quiet", "--boot", f"--directory={self.work / 'root'}"]
        command += ["--register=no", "--keep-unit", "--console=pipe", "--capability=all"]
        command += [f"--network-namespace-path={namespaces.NETWORKS / self.name}"]
        command += [f"--machine={self.name}", f"--system-call-filter={_CALLS}"]
        # An engine cannot lay its own overlays upon one.
        command += [f"--bind={self.work / 'docker'}:/var/lib/docker"]
        with (self.work / "console.log").open("ab") as log:
            self._nspawn = subprocess.Popen(
                [*namespaces.join_cgroups(procs), *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **_ENVIRONMENT},
                start_new_session=True,
            )
        self._wait_booted(begun + _BOOT_SECONDS)
        return time.monotonic() - begun

    def shut_down(self, *, at_once: bool = False) -> None:
        """Power it off in order, or at once, as when the current fails; its files stay."""
        if self._nspawn is None:
            return
        if at_once:
            cgroups.kill(self.name)
        else:
            os.kill(self._init, _STOP)
        self._nspawn.wait(timeout=_BOOT_SECONDS)
        cgroups.remove(self.name)  # as in a machine that boots, none is there from before
        self._nspawn, self._init = None, 0

    def reboot(self, *, at_once: bool = False) -> float:
        """As `shut_down`, then `boot`; the kernel's firewall is empty again, as it would be."""
        self.shut_down(at_once=at_once)
        namespaces.remove_network(self.name)
        namespaces.add_network(self.name)
        return self.boot()

    def inside(
        self, *argv: str, check: bool = True, timeout_s: float = 180.0, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a command within the machine to its end."""
        done = subprocess.run(
            self.within(argv),
            check=False,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
        if check and done.returncode:
            words = (done.stderr or done.stdout).strip()[-900:]
            raise LabError(f"{self.suite}: {' '.join(argv)} ended with {done.returncode}: {words}")
        return done

    def within(self, argv: Sequence[str]) -> list[str]:
        """The command that runs `argv` within the machine."""
        joined = namespaces.join_cgroups(cgroups.create(self.name, "tools"))
        return [*joined, "nsenter", "-t", str(self._init), "-a", *argv]

    def enter(self, argv: Sequence[str], *, cgroup: str = "tools") -> list[str]:
        """The command that runs `argv` in the machine's network, on this machine's files."""
        joined = namespaces.join_cgroups(cgroups.create(self.name, cgroup))
        return [*joined, "nsenter", f"--net={namespaces.NETWORKS / self.name}", *argv]

    def path(self, inside: str) -> Path:
        """How a path within it is reached from outside while it runs."""
        return Path(f"/proc/{self._init}/root") / inside.lstrip("/")

    def _wait_booted(self, end: float) -> None:
        state = ""
        while time.monotonic() < end:
            if self._nspawn is None or self._nspawn.poll() is not None:
                break
            self._init = self._find_init()
            if self._init:
                state = self.inside("systemctl", "is-system-running", check=False).stdout.strip()
                if state in {"running", "degraded"}:
                    return
            time.sleep(0.05)
        words = (self.work / "console.log").read_text(errors="replace").strip()[-600:]
        raise LabError(f"{self.suite} did not boot (state {state or 'none'}): {words}")

    def _find_init(self) -> int:
        """nspawn's child that is process 1 of a namespace; it forks a short-lived one first."""
        assert self._nspawn is not None
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children")
        try:
            for pid in children.read_text().split():
                status = Path(f"/proc/{pid}/status").read_text()
                line = next(each for each in status.splitlines() if each.startswith("NSpid:"))
                if line.split()[-1] == "1":
                    return int(pid)
        except (OSError, StopIteration):  # it ended meanwhile
            return 0
        return 0
