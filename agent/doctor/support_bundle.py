"""What helps somebody else to understand this host, without its secrets, as files of a tar."""

import io
import json
import platform
import shutil
import subprocess
import tarfile
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from agent.adapters.control_socket import call
from agent.adapters.findings_file import DAMAGED, read
from agent.config import Config
from agent.config.layers import Inputs
from agent.config.load import Loaded, load
from agent.config.show import as_toml
from agent.doctor.examination import Host, examine
from agent.doctor.redaction import redactor
from core import __version__
from core.base_errors import ConfigInvalid, DockwardenError

MOST_FINDINGS = 200
_JOURNAL_LINES = "2000"
_SECONDS = 20.0
_FREE_TEXT = ("labels", "command")  # of a container: people write passwords there


def members(inputs: Inputs) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file. Nothing that cannot be had keeps the others out: its file
    says why."""
    problem, loaded = None, None
    try:
        loaded = load(inputs)
    except ConfigInvalid as error:
        problem = error
    config = loaded.config if loaded else Config()
    hidden = redactor(loaded)

    def read_config() -> tuple[Config, tuple[str, ...]]:
        if problem is not None:
            raise problem
        assert loaded is not None  # else there was a problem
        return loaded.config, loaded.files

    parts: dict[str, Callable[[], str]] = {
        "versions.json": _versions,
        "configuration.toml": lambda: _configuration(loaded, problem),
        "status.json": lambda: _json(call(config.control.socket, "status", {}, _SECONDS)),
        "doctor.json": lambda: _json([asdict(r) for r in examine(Host(read_config))]),
        "findings.jsonl": lambda: _findings(config.reports.file),
        "journal.txt": _journal,
    }
    for name, make in parts.items():
        try:
            text = make()
        except (DockwardenError, OSError, subprocess.SubprocessError) as error:
            text = f"not available: {error}\n"
        yield name, hidden(text).encode(errors="replace")


def write(path: Path, inputs: Inputs) -> list[tuple[str, int]]:
    """Write a new tar, readable by its owner only; returns names and sizes. Raises
    `DockwardenError` when there is a file of this name."""
    try:
        with path.open("xb") as file:
            path.chmod(0o600)
            with tarfile.open(fileobj=file, mode="w:gz") as tar:
                return [_add(tar, name, content) for name, content in members(inputs)]
    except FileExistsError as error:
        raise DockwardenError(f"{path} exists", hint="choose another file: --file FILE") from error
    except OSError as error:
        raise DockwardenError(f"{path} cannot be written: {error.strerror}") from error


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> tuple[str, int]:
    info = tarfile.TarInfo(f"dockwarden-support/{name}")
    info.size, info.mode = len(content), 0o600
    tar.addfile(info, io.BytesIO(content))
    return name, len(content)


def _configuration(loaded: Loaded | None, problem: ConfigInvalid | None) -> str:
    if loaded is not None:
        return as_toml(loaded, origin=True)
    return "".join(f"# {line}\n" for line in (problem.problems if problem else ()))


def _versions() -> str:
    try:
        system = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        system = ""
    return _json(
        {
            "dockwarden": __version__,
            "python": platform.python_version(),
            "kernel": platform.release(),
            "machine": platform.machine(),
            "system": system,
        }
    )


def _findings(path: str) -> str:
    """The last ones, without what people or a broken disk may have put secrets into: labels,
    commands, and the text of damaged lines."""
    last: deque[dict[str, Any]] = deque(read(path), maxlen=MOST_FINDINGS)
    return "".join(json.dumps(_without_free_text(record)) + "\n" for record in last)


def _without_free_text(record: dict[str, Any]) -> dict[str, Any]:
    container = record.get("container")
    if isinstance(container, dict):
        container = {key: value for key, value in container.items() if key not in _FREE_TEXT}
    details = {} if record.get("event") == DAMAGED else record.get("details")
    return {**record, "container": container, "details": details}


def _journal() -> str:
    if shutil.which("journalctl") is None:
        return "this host has no journal\n"
    command = [
        "journalctl",
        "-u",
        "dockwarden",
        "-n",
        _JOURNAL_LINES,
        "--no-pager",
        "-o",
        "short-iso",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    return done.stdout or done.stderr


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, default=str) + "\n"
