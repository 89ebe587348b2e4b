"""Docker Hub as a booted machine sees it: a real registry over TLS, under the Hub's own name."""

from __future__ import annotations

import subprocess
import time
from types import TracebackType
from typing import Self

from tests.adapters.tls import make_authority
from tests.lab import tools
from tests.lab.errors import LabError
from tests.lab.images import BuiltImage
from tests.lab.registry import Registry
from tests.package.booted import BootedMachine
from tests.patience import PATIENCE

NAME = "registry-1.docker.io"
_CONFIGURATION = """\
version: 0.1
log: {{level: info}}
storage:
  filesystem: {{rootdirectory: {root}}}
  maintenance: {{readonly: {{enabled: true}}}}
http: {{addr: "127.0.0.1:443", tls: {{certificate: {certificate}, key: {key}}}}}
"""


class Hub:
    """A context manager: within it the machine resolves, trusts and reaches the Hub, which has
    these images and nothing else."""

    def __init__(self, machine: BootedMachine, *images: BuiltImage) -> None:
        self._machine, self._images = machine, images
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        folder = self._machine.work / "hub"
        folder.mkdir()
        authority = make_authority(folder, NAME)
        with Registry(self._machine) as registry:
            for image in self._images:
                registry.push(image)
            root = registry.directory / "data"
        trusted = self._machine.path("/usr/local/share/ca-certificates/hub.crt")
        trusted.write_bytes(authority.ca_file.read_bytes())
        self._machine.inside("update-ca-certificates")
        with self._machine.path("/etc/hosts").open("a") as hosts:
            hosts.write(f"127.0.0.1 localhost {NAME}\n")
        self._machine.inside("systemctl", "restart", "docker")  # it reads the authorities once
        configuration = folder / "registry.yml"
        configuration.write_text(
            _CONFIGURATION.format(
                root=root, certificate=authority.cert_file, key=authority.key_file
            )
        )
        program = [str(tools.docker_registry()), "serve", str(configuration)]
        with (folder / "registry.log").open("ab") as log:
            self._process = self._machine.popen(program, stdout=log, stderr=log)
        self._wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=PATIENCE)

    def _wait(self) -> None:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self._machine.connect("127.0.0.1", 443).close()
                return
            except OSError as error:
                if time.monotonic() > end:
                    raise LabError(f"the Hub does not answer: {error}") from error
                time.sleep(0.05)
