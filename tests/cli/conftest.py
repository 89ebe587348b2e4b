"""The command as people start it, in this process and as a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agent.adapters.control_socket import ControlServer
from agent.cli.main import cli
from tests.patience import PATIENCE

Handlers = Mapping[str, Callable[[Mapping[str, Any]], Any]]


@dataclass
class Host:
    """A host's configuration, and the agent that may run there."""

    folder: Path
    servers: list[ControlServer] = field(default_factory=list)

    @property
    def config(self) -> Path:
        """Its configuration file."""
        return self.folder / "agent.toml"

    @property
    def findings(self) -> Path:
        """Where its findings are kept."""
        return self.folder / "violations.jsonl"

    def write(self, name: str, content: str) -> Path:
        """A file that only its owner can change."""
        path = self.folder / name
        path.write_text(content)
        path.chmod(0o644)
        return path

    def configure(self, more: str = "") -> None:
        """Point every path into the folder; `more` is appended."""
        self.write(
            "agent.toml",
            f'[allowlist]\nsource = "file:{self.folder}/allowlist.json"\n'
            f'[engine]\nsocket = "{self.folder}/docker.sock"\n'
            f'[reports]\nfile = "{self.findings}"\n'
            f'[control]\nsocket = "{self.folder}/a.sock"\n'
            f'explain_socket = "{self.folder}/e.sock"\n{more}',
        )

    def record(self, *records: Mapping[str, Any]) -> None:
        """Put findings in the file, as they are."""
        self.write("violations.jsonl", "".join(json.dumps(record) + "\n" for record in records))

    def serve(self, handlers: Handlers) -> None:
        """Answer as the agent does."""
        server = ControlServer(str(self.folder / "a.sock"), handlers, 0o600)
        server.start()
        self.servers.append(server)

    def run(self, *arguments: str) -> Result:
        """The command in this process."""
        environ = {"DOCKWARDEN_CONFIG": str(self.config)}
        return CliRunner().invoke(cli, list(arguments), env=environ, prog_name="dockwarden")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    tmp_path.chmod(0o755)
    host = Host(tmp_path)
    host.configure()
    yield host
    for server in host.servers:
        server.close()


def process(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own, from this checkout."""
    root = Path(__file__).resolve().parents[2]
    return subprocess.run(
        [sys.executable, "-c", "from agent.cli.main import main; main()", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=root,
        env={**os.environ, **environ},
        timeout=PATIENCE,
    )
