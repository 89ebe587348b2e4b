"""A container host of the lab: a machine with a real engine, its client and its containers.

This module knows nothing of registries or how images are made.
"""

from __future__ import annotations

import http
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.lab import cgroups
from tests.lab.engine_machine import EngineMachine, ImageStore
from tests.lab.errors import LabError

__all__ = ["ImageStore", "LabHost"]


class LabHost(EngineMachine):
    """A host with an engine of its own; a context manager whose end leaves nothing behind."""

    def docker(
        self,
        *arguments: str,
        check: bool = True,
        timeout_s: float = 120.0,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run this engine's own command line client."""
        command = [self.engine.program("docker"), *arguments]
        return self.run(command, check=check, timeout_s=timeout_s, environment=environment)

    def inspect(self, container: str) -> dict[str, Any]:
        """Return the engine's description of a container."""
        status, answer = self.api("GET", f"/containers/{container}/json")
        if status != http.HTTPStatus.OK:
            raise LabError(f"{self.name}: no container {container}: {answer}")
        return dict(answer)

    def remove_containers(self) -> None:
        """Thaw and remove all containers, so that the next test finds an empty host."""
        _, containers = self.api("GET", "/containers/json?all=1")
        for container in containers:
            self._thaw(container["Id"])
            self.api("DELETE", f"/containers/{container['Id']}?force=1&v=1", timeout_s=60)

    # Control groups

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

    def container_cgroup(self, container_id: str) -> Path:
        """Return a container's cgroup directory as the machine sees it."""
        return self.containers_cgroup / container_id

    def freezer_file(self, container_id: str) -> Path:
        """Return what is written to freeze a container: FROZEN/THAWED (v1) or 1/0 (v2)."""
        name = "freezer.state" if self.cgroup == "v1" else "cgroup.freeze"
        return self.container_cgroup(container_id) / name

    def freeze(self, container_id: str, *, frozen: bool = True) -> None:
        """Freeze or thaw a container behind the engine's back."""
        words = ("THAWED", "FROZEN") if self.cgroup == "v1" else ("0", "1")
        self.freezer_file(container_id).write_text(words[frozen])

    def _thaw(self, container_id: str) -> None:
        try:
            self.freeze(container_id, frozen=False)
        except OSError:  # it does not run
            return
