"""A container host of the lab: an engine with its own network, mounts and cgroup root.

This module knows nothing of registries or images.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from tests.lab import cgroups, engines, leftovers, namespaces
from tests.lab.errors import LabError
from tests.lab.paths import host_directory

CgroupVersion = Literal["v1", "v2"]
ImageStore = Literal["classic", "containerd"]


class LabHost:
    """A host with an engine of its own; a context manager whose end leaves nothing behind.

    The same paths lead to the engine's data, log and socket from inside and from outside.
    """

    def __init__(
        self,
        engine: str = "20.10",
        *,
        cgroup: CgroupVersion = "v1",
        store: ImageStore = "classic",
        live_restore: bool = False,
        dockerd_args: Sequence[str] = (),
        daemon_json: Mapping[str, Any] | None = None,
        start: bool = True,
    ) -> None:
        """Describe the host; ``daemon_json`` is merged into /etc/docker/daemon.json.

        Raises ``EngineUnusable`` or ``CgroupUnavailable`` if this machine cannot have it.
        """
        cgroups.require(cgroup)
        self.engine = engines.load(engine)
        if store == "containerd" and not self.engine.containerd_store:
            raise LabError(f"engine {engine} has no containerd image store")
        self.cgroup: CgroupVersion = cgroup
        self.store: ImageStore = store
        self.name = f"dwlab-{secrets.token_hex(3)}"
        self.work = host_directory(self.name)
        self.dockerd_args = tuple(dockerd_args)
        self._settings: dict[str, Any] = {"live-restore": live_restore}
        if self.engine.containerd_store:
            self._settings["features"] = {"containerd-snapshotter": store == "containerd"}
        self._settings.update(daemon_json or {})
        self._start_on_enter = start
        self._dockerd: subprocess.Popen[bytes] | None = None
        self._holder: subprocess.Popen[bytes] | None = None
        self._namespaces: namespaces.Namespaces | None = None

    # Life

    def __enter__(self) -> Self:
        try:
            self._build()
            if self._start_on_enter:
                self.start_engine()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Tear the host down, whatever state it is in; closing twice does nothing."""
        leftovers.remove_host(self.name)
        for process in (self._dockerd, self._holder):
            if process:
                process.wait(timeout=10)
        self._namespaces = self._holder = self._dockerd = None

    def _build(self) -> None:
        self.work.mkdir(mode=0o711)
        leftovers.record_owner(self.name)
        for name in ("data", "docker-config/cli-plugins", "probes"):
            (self.work / name).mkdir(parents=True)
        tools = cgroups.create(self.name, "tools")
        namespaces.add_network(self.name)
        self._namespaces, self._holder = namespaces.hold(self.name, self.work, self.cgroup, tools)
        self.path("/etc/docker/daemon.json").write_text(json.dumps(self._settings, indent=2) + "\n")
        for plugin in (self.engine.root / "usr/libexec/docker/cli-plugins").glob("*"):
            (self.work / "docker-config/cli-plugins" / plugin.name).symlink_to(plugin)

    # Engine

    @property
    def running(self) -> bool:
        """Whether dockerd is alive, answering or not."""
        return self._dockerd is not None and self._dockerd.poll() is None

    @property
    def engine_pid(self) -> int:
        """The pid of the running dockerd."""
        if self._dockerd is None or self._dockerd.poll() is not None:
            raise LabError(f"{self.name}: the engine is not running")
        return self._dockerd.pid

    @property
    def docker_socket(self) -> Path:
        """The engine's socket, the same path inside and outside (inside also /run/docker.sock)."""
        return self.work / "docker.sock"

    @property
    def docker_host(self) -> str:
        """The socket as DOCKER_HOST wants it."""
        return f"unix://{self.docker_socket}"

    @property
    def data_root(self) -> Path:
        """The engine's data directory, the same path inside and outside."""
        return self.work / "data"

    @property
    def engine_log(self) -> Path:
        """What dockerd wrote to its output."""
        return self.work / "dockerd.log"

    def start_engine(self, *, deadline_s: float = 60.0) -> None:
        """Start dockerd in ``/dwlab-<id>/engine`` and wait until it answers."""
        if self.running:
            raise LabError(f"{self.name}: the engine is running already")
        command = [
            self.engine.program("dockerd"),
            *("--data-root", str(self.data_root), "--exec-root", "/run/docker"),
            *("--pidfile", "/run/docker.pid", "--host", self.docker_host),
            *("--cgroup-parent", f"/{self.name}/containers"),
            *self.dockerd_args,
        ]
        with self.engine_log.open("ab") as log:
            self._dockerd = self.popen(command, cgroup="engine", stdout=log, stderr=log)
        self.wait_ready(deadline_s=deadline_s)

    def wait_ready(self, *, deadline_s: float = 60.0) -> None:
        """Wait until the engine answers a ping; raise with its last words if it does not."""
        end = time.monotonic() + deadline_s
        while not self._answers():
            if not self.running or time.monotonic() > end:
                words = self.engine_log.read_text(errors="replace").strip().splitlines()[-6:]
                raise LabError(f"{self.name}: engine {self.engine.name} is not up: {words}")
            time.sleep(0.02)

    def stop_engine(self, *, deadline_s: float = 30.0) -> None:
        """Stop dockerd as a service manager does: SIGTERM, at the deadline SIGKILL."""
        self._terminate(deadline_s=deadline_s)

    def kill_engine(self) -> None:
        """SIGKILL dockerd alone; the shims and containers are left as they are."""
        os.kill(self.engine_pid, signal.SIGKILL)
        self._reap()

    def pause_engine(self) -> None:
        """Stop dockerd's threads (SIGSTOP): the socket accepts, nothing answers."""
        os.kill(self.engine_pid, signal.SIGSTOP)

    def resume_engine(self) -> None:
        """Let a paused dockerd go on."""
        os.kill(self.engine_pid, signal.SIGCONT)

    def reload_engine(self) -> None:
        """Have dockerd read daemon.json again (SIGHUP); it answers when it pleases."""
        os.kill(self.engine_pid, signal.SIGHUP)

    def restart_engine(self) -> None:
        """Stop and start dockerd."""
        self.stop_engine()
        self.start_engine()

    # Inside

    @property
    def environment(self) -> dict[str, str]:
        """The environment of commands inside: this engine's programs and its socket."""
        return {
            **self.engine.environment,
            "HOME": str(self.work),
            "LC_ALL": "C.UTF-8",
            "DOCKER_HOST": self.docker_host,
            "DOCKER_CONFIG": str(self.work / "docker-config"),
        }

    def path(self, inside: str) -> Path:
        """Return how a path inside the host is reached from outside while the host is up."""
        return self._entered().path(inside)

    def enter(self, argv: Sequence[str], *, cgroup: str = "tools") -> list[str]:
        """Return the command that runs ``argv`` inside, in ``/dwlab-<id>/<cgroup>``."""
        return self._entered().enter(argv, cgroups.create(self.name, cgroup))

    def run(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        stdin: str | None = None,
        check: bool = True,
        timeout_s: float = 120.0,
        cgroup: str = "tools",
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside to its end; unless ``check`` is off a failure raises LabError."""
        done = subprocess.run(
            self.enter(argv, cgroup=cgroup),
            check=False,
            env={**self.environment, **(environment or {})},
            input=stdin if stdin is not None else "",
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
        if check and done.returncode:
            words = (done.stderr or done.stdout).strip()[-600:]
            raise LabError(f"{self.name}: {' '.join(argv)} ended with {done.returncode}: {words}")
        return done

    def popen(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        cgroup: str = "tools",
        **options: Any,
    ) -> subprocess.Popen[bytes]:
        """Start a command inside; its pid is the command's own. Teardown kills what is left."""
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(
            self.enter(argv, cgroup=cgroup),
            env={**self.environment, **(environment or {})},
            start_new_session=True,
            **options,
        )

    def docker(
        self, *arguments: str, check: bool = True, timeout_s: float = 120.0
    ) -> subprocess.CompletedProcess[str]:
        """Run this engine's own command line client."""
        return self.run(
            [self.engine.program("docker"), *arguments], check=check, timeout_s=timeout_s
        )

    def connect(self, host: str, port: int, *, timeout_s: float = 10.0) -> socket.socket:
        """Return a TCP connection from inside the host's network."""
        return namespaces.connect(self.name, (host, port), timeout_s=timeout_s)

    # Control groups

    @property
    def cgroup_parent(self) -> str:
        """The engine's ``--cgroup-parent``."""
        return f"/{self.name}/containers"

    @property
    def containers_cgroup(self) -> Path:
        """Where containers' cgroups appear, as the machine sees it: the freezer, or cgroup2."""
        root = cgroups.freezer() if self.cgroup == "v1" else cgroups.unified()
        assert root is not None  # cgroups.require() saw it
        return root / self.name / "containers"

    @property
    def containers_cgroup_inside(self) -> Path:
        """The same directory as seen inside the host."""
        if self.cgroup == "v1":
            return self.containers_cgroup
        return Path("/sys/fs/cgroup") / self.name / "containers"

    @property
    def engine_cgroup(self) -> Path:
        """dockerd's own cgroup in the version 2 hierarchy, as the machine sees it."""
        return cgroups.unified() / self.name / "engine"

    def container_cgroup(self, container_id: str) -> Path:
        """Return a container's cgroup directory as the machine sees it."""
        return self.containers_cgroup / container_id

    def freezer_file(self, container_id: str) -> Path:
        """Return what is written to freeze a container: FROZEN/THAWED (v1) or 1/0 (v2)."""
        name = "freezer.state" if self.cgroup == "v1" else "cgroup.freeze"
        return self.container_cgroup(container_id) / name

    # Own

    def _entered(self) -> namespaces.Namespaces:
        if self._namespaces is None:
            raise LabError(f"{self.name} is not up", "use it in a with statement")
        return self._namespaces

    def _answers(self) -> bool:
        connection = UnixConnection(self.docker_socket, timeout_s=2.0)
        try:
            connection.request("GET", "/_ping")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _terminate(self, *, deadline_s: float) -> None:
        process = self._dockerd
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.wait(timeout=deadline_s)
        except subprocess.TimeoutExpired:
            process.kill()
        self._reap()

    def _reap(self) -> None:
        if self._dockerd is not None:
            self._dockerd.wait(timeout=30)


class UnixConnection(http.client.HTTPConnection):
    """An HTTP connection over a unix socket."""

    def __init__(self, path: Path, *, timeout_s: float = 30.0) -> None:
        super().__init__("docker", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket's path."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
