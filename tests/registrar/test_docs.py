"""Every command of the administrators' guide does what the guide says, in its order."""

import os
import re
import subprocess
import sys
from pathlib import Path

import click

from registrar.cli.registrar_main import cli

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "registry.md"
REFERENCE = ROOT / "docs" / "reference" / "registrar-cli.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FOUND = 3  # `lint` has something to say


def test_the_guides_commands_run(tmp_path: Path) -> None:
    blocks = BLOCK.findall(GUIDE.read_text(encoding="utf-8"))
    commands = [line for block in blocks for line in block.splitlines()]
    assert len(commands) > 30
    assert all(line.split()[0] in ("dockwarden-registrar", "export", "unset") for line in commands)
    tool = tmp_path / "bin" / "dockwarden-registrar"
    tool.parent.mkdir()
    program = (
        f"exec {sys.executable} -c 'from registrar.cli.registrar_main import main; main()' \"$@\""
    )
    tool.write_text(f"#!/bin/sh\nprintf 'y\\ny\\n' | {program}\n".replace("exec ", ""))
    tool.chmod(0o755)
    script = "\n".join(f"{line} || [ $? = {FOUND} ] || exit 1" for line in commands)
    done = subprocess.run(
        ["sh", "-ux", "-c", script],
        cwd=tmp_path,
        env={
            "PATH": f"{tool.parent}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "PYTHONPATH": str(ROOT),
            "DOCKWARDEN_PASSPHRASE": "correct horse battery",
        },
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode()[-3000:]
    seen = done.stdout.decode()
    assert "2 of 3 administrators have signed root: ann, bob" in seen
    assert "root: fay may sign" in seen
    assert (tmp_path / "www" / "metadata" / "5.root.json").exists()


def test_the_reference_names_every_command() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    context = click.Context(cli)
    for name in cli.list_commands(context):
        assert f"`{name}" in text, name
    for name in ("key", "scope"):
        group = cli.get_command(context, name)
        assert isinstance(group, click.Group)
        for verb in group.commands:
            assert f"`{name} {verb}" in text, f"{name} {verb}"
