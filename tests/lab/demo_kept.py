"""A demo host that stays: how to enter it, what to try there, how it is removed."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from tests.lab import leftovers
from tests.lab.administrators import Administrators
from tests.lab.agent import ROOT
from tests.lab.errors import LabError
from tests.lab.host import LabHost
from tests.lab.paths import HOST_NAME, host_directory

MARK = "demo"  # a file in the directory of a host that a demo left


def keep(host: LabHost) -> list[str]:
    """Make a running host outlive this process; returns what a person can do with it."""
    leftovers.hand_over(host.name, host.holder_pid)
    (host.work / MARK).touch()
    enter = _write_entrance(host)
    return [
        f"Enter it:  sudo {enter}           (or give a command: sudo {enter} docker ps)",
        "Try there: docker run --rm 127.0.0.1:5000/acme/web:1.4 echo hello   (approved)",
        "           docker run --name mine 127.0.0.1:5000/acme/web:2.0-rc1   (not approved)",
        "           dockwarden explain mine; dockwarden ps; dockwarden violations",
        "           dockwarden-registrar review; dockwarden-registrar image list; … sign, publish",
        f"Remove it: sudo scripts/demo --remove {host.name}",
    ]


def remove(name: str) -> None:
    """Remove a host that a demo left; raises `LabError` for any other."""
    if not HOST_NAME.match(name) or not (host_directory(name) / MARK).exists():
        kept = sorted(n for n in leftovers.names() if (host_directory(n) / MARK).exists())
        raise LabError(
            f"no demo left a host called {name}",
            f"there are: {', '.join(kept)}" if kept else "there is none",
        )
    leftovers.remove_host(name)
    if not leftovers.traces(name).none:
        raise LabError(f"something of {name} is left: {leftovers.traces(name)}", "run it again")


def _write_entrance(host: LabHost) -> Path:
    programs = host.work / "bin"
    programs.mkdir()
    _script(
        programs / "dockwarden",
        f'PYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.quote(sys.executable)} -m agent "$@"',
    )
    _script(
        programs / "dockwarden-registrar",
        f'PYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.quote(sys.executable)} -m registrar "$@"',
    )
    variables = {
        **Administrators(host).environment,
        "DOCKWARDEN_WORKSPACE": str(Administrators(host).folder),
        **host.environment,
        "PATH": f"{programs}:{host.environment['PATH']}",
        "PS1": "[demo host] # ",
    }
    return _script(
        host.work / "enter",
        *(f"export {name}={shlex.quote(value)}" for name, value in variables.items()),
        '[ "$#" -gt 0 ] || set -- bash --norc',
        f'exec {shlex.join(host.enter([]))} "$@"',
    )


def _script(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return path
