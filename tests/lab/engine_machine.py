"""A machine with an engine: how dockerd is started, stopped, killed, paused and reached.

This module knows nothing of containers or images.
"""

from __future__ import annotations

import http
import json
import signal
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any, Literal

from tests.lab import cgroups, engines, unix_http
from tests.lab.dockerd import Dockerd, wait_gone
from tests.lab.errors import LabError
from tests.lab.machine import CgroupVersion, Machine
from tests.patience import PATIENCE, until

ImageStore = Literal["classic", "containerd"]


class EngineMachine(Machine):
    """A machine with an engine; its end takes engine, containers and images along.

    The same paths lead to the engine's data, log and socket from inside and from outside.
    """

    def __init__(
        self,
        engine: str = "20.10",
        *,
        cgroup: CgroupVersion | None = None,
        store: ImageStore = "classic",
        live_restore: bool = False,
        dockerd_args: Sequence[str] = (),
        daemon_json: Mapping[str, Any] | None = None,
        start: bool = True,
    ) -> None:
        """Describe the host; ``daemon_json`` is merged into /etc/docker/daemon.json.

        Without a choice of ``cgroup`` it is v1 where this machine has that, else v2.

        Raises ``EngineUnusable`` or ``CgroupUnavailable`` if this machine cannot have it.
        """
        super().__init__(cgroup=cgroup)
        self.engine = engines.load(engine)
        if store == "containerd" and not self.engine.containerd_store:
            raise LabError(f"engine {engine} has no containerd image store")
        self.store: ImageStore = store
        self.dockerd_args = tuple(dockerd_args)
        self._settings: dict[str, Any] = {"live-restore": live_restore}
        if self.engine.containerd_store:
            self._settings["features"] = {"containerd-snapshotter": store == "containerd"}
        self._settings.update(daemon_json or {})
        self._start = start
        self._runs: list[Dockerd] = []

    def build(self) -> None:
        """Make the machine, write daemon.json and, unless asked not to, start the engine."""
        super().build()
        for name in ("data", "docker-config/cli-plugins", "probes"):
            (self.work / name).mkdir(parents=True)
        self.path("/etc/docker/daemon.json").write_text(json.dumps(self._settings, indent=2) + "\n")
        for plugin in (self.engine.root / "usr/libexec/docker/cli-plugins").glob("*"):
            (self.work / "docker-config/cli-plugins" / plugin.name).symlink_to(plugin)
        if self._start:
            self.start_engine()

    def close(self) -> None:
        """Tear the host down, whatever state it is in; closing twice does nothing."""
        super().close()
        while self._runs:
            self._runs.pop().close()

    # The engine's life

    @property
    def running(self) -> bool:
        """Whether dockerd is alive, answering or not."""
        return bool(self._runs) and self._runs[-1].running

    @property
    def engine_pid(self) -> int:
        """The pid of the running dockerd."""
        return self._engine().pid

    @property
    def engine_log(self) -> Path:
        """What dockerd wrote to its output."""
        return self.work / "dockerd.log"

    def start_engine(self, *, wait: bool = True) -> None:
        """Start dockerd in ``/dwlab-<id>/engine`` and, unless asked not to, wait for it.

        One that ends before it ever answered is warned of and started once more.
        """
        if self.running:
            raise LabError(f"{self.name}: the engine is running already")
        self._launch()
        if not wait:
            return
        try:
            self.wait_ready()
        except LabError as error:
            if self.running:
                raise
            warnings.warn(str(error), stacklevel=2)
            self._launch()
            self.wait_ready()

    def _launch(self) -> None:
        command = [
            self.engine.program("dockerd"),
            *("--data-root", str(self.data_root), "--exec-root", "/run/docker"),
            *("--pidfile", "/run/docker.pid", "--host", self.docker_host),
            *("--cgroup-parent", self.cgroup_parent),
            *self.dockerd_args,
        ]
        run = Dockerd(
            self.enter(command, cgroup="engine"),
            environment=self.environment,
            log=self.engine_log,
            reaper_cgroup=cgroups.create(self.name, "tools"),
        )
        self._runs.append(run)

    def wait_ready(self) -> None:
        """Wait until the engine answers a ping; raise with its last words if it does not."""
        end = time.monotonic() + PATIENCE
        while not self.answers():
            if not self.running or time.monotonic() > end:
                words = self.engine_log.read_text(errors="replace").strip().splitlines()[-6:]
                raise LabError(f"{self.name}: engine {self.engine.name} is not up: {words}")
            time.sleep(0.02)

    def answers(self) -> bool:
        """Whether the engine answers a ping within two seconds."""
        try:
            return self.api("GET", "/_ping", timeout_s=2.0)[0] == http.HTTPStatus.OK
        except (OSError, HTTPException):
            return False

    def stop_engine(self) -> None:
        """Stop dockerd as a service manager does: SIGTERM, much later SIGKILL."""
        if not self.running:
            return
        run = self._engine()
        run.signal(signal.SIGCONT)
        run.signal(signal.SIGTERM)
        if not run.wait():
            self.kill_engine()

    def kill_engine(self) -> None:
        """SIGKILL dockerd alone; the shims and containers are left as they are.

        Its own containerd dies with it, as the engine has it; only then this returns.
        """
        run, containerd = self._engine(), self._containerd_pid()
        run.signal(signal.SIGKILL)
        run.wait()
        if containerd:
            wait_gone(containerd)

    def pause_engine(self) -> None:
        """Stop dockerd's threads (SIGSTOP): the socket accepts, nothing answers."""
        self._engine().pause()

    def resume_engine(self) -> None:
        """Let a paused dockerd go on."""
        self._engine().signal(signal.SIGCONT)

    def reload_engine(self) -> None:
        """Have dockerd read daemon.json again (SIGHUP); it answers when it pleases."""
        self._engine().signal(signal.SIGHUP)

    def restart_engine(self) -> None:
        """Stop and start dockerd."""
        self.stop_engine()
        self.start_engine()

    def _engine(self) -> Dockerd:
        if not self.running:
            raise LabError(f"{self.name}: the engine is not running")
        return self._runs[-1]

    def _containerd_pid(self) -> int:
        try:
            return int(self.path("/run/docker/containerd/containerd.pid").read_text())
        except (FileNotFoundError, ValueError):
            return 0

    # How it is reached

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
    def environment(self) -> dict[str, str]:
        """The environment of commands inside: this engine's programs and its socket."""
        return {
            **super().environment,
            **self.engine.environment,
            "DOCKER_HOST": self.docker_host,
            "DOCKER_CONFIG": str(self.work / "docker-config"),
        }

    @property
    def cgroup_parent(self) -> str:
        """The engine's ``--cgroup-parent``."""
        return f"/{self.name}/containers"

    def remove_engine_cgroup(self) -> None:
        """As systemd does after the engine's stop: that of the next one has another id."""

        def removed() -> bool:
            with suppress(OSError):
                self.engine_cgroup.rmdir()
            return not self.engine_cgroup.exists()

        until(removed, "an empty cgroup of the engine")

    @property
    def engine_cgroup(self) -> Path:
        """dockerd's own cgroup in the version 2 hierarchy, as the machine sees it."""
        return cgroups.unified() / self.name / "engine"

    def api(
        self, method: str, target: str, body: Any = None, *, timeout_s: float = PATIENCE
    ) -> tuple[int, Any]:
        """Send one request to the engine's API; return the status and the decoded answer."""
        return unix_http.request(self.docker_socket, method, target, body, timeout_s=timeout_s)
