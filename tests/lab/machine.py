"""A machine of the lab: own network, mounts and cgroup root, no engine yet.

This module knows nothing of Docker beyond the directories that hosts keep private.
"""

from __future__ import annotations

import secrets
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from tests.lab import cgroups, leftovers, namespaces
from tests.lab.catalogue import SYSTEM_PATH
from tests.lab.errors import LabError
from tests.lab.paths import host_directory
from tests.patience import PATIENCE

CgroupVersion = Literal["v1", "v2"]


class Machine:
    """An isolated machine; a context manager whose end leaves nothing behind."""

    def __init__(self, *, cgroup: CgroupVersion | None = None) -> None:
        """Describe the machine; without a choice of cgroup it has the oldest there is here.

        Raises ``CgroupUnavailable`` if it cannot exist here.
        """
        self.cgroup: CgroupVersion = cgroup or ("v2" if cgroups.freezer() is None else "v1")
        cgroups.require(self.cgroup)
        self.name = f"dwlab-{secrets.token_hex(3)}"
        self.work = host_directory(self.name)
        self._holder: subprocess.Popen[bytes] | None = None
        self._namespaces: namespaces.Namespaces | None = None

    def __enter__(self) -> Self:
        try:
            self.build()
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

    def build(self) -> None:
        """Make the work directory, cgroups and namespaces."""
        leftovers.make_directory(self.name)
        tools = cgroups.create(self.name, "tools")
        namespaces.add_network(self.name)
        self._namespaces, self._holder = namespaces.hold(self.name, self.work, self.cgroup, tools)

    def close(self) -> None:
        """Tear the machine down, whatever state it is in; closing twice does nothing."""
        leftovers.remove_host(self.name)
        if self._holder:
            self._holder.wait(timeout=PATIENCE)
        self._namespaces = self._holder = None

    @property
    def environment(self) -> dict[str, str]:
        """The environment of commands inside; nothing of the caller's own."""
        return {"PATH": SYSTEM_PATH, "HOME": str(self.work), "LC_ALL": "C.UTF-8"}

    @property
    def holder_pid(self) -> int:
        """The process whose mount and network namespaces are the machine's."""
        return self._entered().holder

    def path(self, inside: str) -> Path:
        """Return how a path inside is reached from outside while the machine is up."""
        return self._entered().path(inside)

    def enter(self, argv: Sequence[str], *, cgroup: str = "tools") -> list[str]:
        """Return the command that runs ``argv`` inside, in ``/dwlab-<id>/<cgroup>``."""
        return self._entered().enter(argv, cgroups.create(self.name, cgroup))

    def run(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        stdin: str = "",
        check: bool = True,
        timeout_s: float = 120.0,
        cgroup: str = "tools",
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside to its end; unless ``check`` is off a failure raises LabError."""
        done = subprocess.run(
            self.enter(argv, cgroup=cgroup),
            check=False,
            env={**self.environment, **(environment or {})},
            input=stdin,
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

    def connect(self, host: str, port: int, *, timeout_s: float = 10.0) -> socket.socket:
        """Return a TCP connection from inside the machine's network."""
        return namespaces.connect(self.name, (host, port), timeout_s=timeout_s)

    def _entered(self) -> namespaces.Namespaces:
        if self._namespaces is None:
            raise LabError(f"{self.name} is not up", "use it in a with statement")
        return self._namespaces
