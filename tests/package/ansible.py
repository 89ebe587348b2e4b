"""Ansible as an administrator has it: a controller of one version, an inventory of one machine.

It reaches the machine by Ansible's own ssh connection; what stands in for the ssh client enters the
machine instead, so that the machine needs neither a daemon nor an address.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.description import PACKAGING, TOP
from tests.lab.apt import run_checked
from tests.package.booted import BootedMachine

ROLES = PACKAGING / "ansible"
_TOOLS = TOP / "build/ansible"
_LOCK = TOP / "requirements/ansible.txt"
_RECAP = re.compile(r"^machine +: ok=(\d+) +changed=(\d+) +unreachable=(\d+) +failed=(\d+)", re.M)


def tools() -> Path:
    """The folder of ansible-playbook and ansible-lint, made from the lock file once: a minute."""
    stamp = _TOOLS / "prepared"
    wanted = sys.version + hashlib.sha256(_LOCK.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        run_checked([sys.executable, "-m", "venv", "--clear", str(_TOOLS)], timeout_s=120)
        pip = [str(_TOOLS / "bin/pip"), "install", "--quiet", "--disable-pip-version-check"]
        run_checked([*pip, "--require-hashes", "-r", str(_LOCK)], timeout_s=600)
        stamp.write_text(wanted)
    return _TOOLS / "bin"


@dataclass(frozen=True, slots=True)
class Played:
    """How a playbook went."""

    code: int
    changed: int
    text: str


class Controller:
    """Plays packaging/ansible/site.yml on a machine."""

    def __init__(self, machine: BootedMachine, folder: Path) -> None:
        self._folder = folder
        client = folder / "ssh"
        client.write_text(_CLIENT.format(within=shlex.join(machine.within([]))))
        client.chmod(0o755)
        self._inventory = folder / "inventory.ini"
        self._inventory.write_text(
            "[container_hosts]\n"
            f"machine ansible_connection=ssh ansible_user=root ansible_ssh_executable={client}"
            " ansible_ssh_transfer_method=piped ansible_ssh_pipelining=true"
            " ansible_python_interpreter=/usr/bin/python3 ansible_become=false\n"
        )

    def play(self, variables: Mapping[str, Any], *options: str) -> Played:
        """The playbook with these variables of the role."""
        given = self._folder / "variables.json"
        given.write_text(json.dumps(variables))
        done = subprocess.run(
            [
                str(tools() / "ansible-playbook"),
                *("-i", str(self._inventory), "-e", f"@{given}", *options),
                str(ROLES / "site.yml"),
            ],
            check=False,
            cwd=ROLES,
            env={
                **os.environ,
                "PATH": f"{tools()}:{os.environ['PATH']}",
                "HOME": str(self._folder),
                "ANSIBLE_NOCOLOR": "1",
                "LC_ALL": "C.UTF-8",
            },
            capture_output=True,
            text=True,
            timeout=300,
        )
        recap = _RECAP.search(done.stdout)
        text = done.stdout + done.stderr
        return Played(done.returncode, int(recap[2]) if recap else -1, text)


# Ansible's last argument is the command; everything before it is for a real client.
_CLIENT = """\
#!/bin/bash
exec {within} env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \\
  /bin/sh -c "${{!#}}"
"""
