"""Packages built for tests, each once a run; knows nothing of what is in them."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from builder.description import TOP


def build(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> Path:
    """Run packaging/build with these arguments; the packages lie in the folder returned."""
    output = folder / "dist"
    done = subprocess.run(
        [TOP / "packaging/build", "--output", output, "--work", folder / "work", *arguments],
        check=False,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return output


def variant(deb: Path, called: str, changes: Mapping[str, tuple[str, str]]) -> Path:
    """The same deb called another version, with one text replaced by another in each of these of
    its files; what a script says of its own version follows."""
    folder = deb.parent / called
    subprocess.run(["dpkg-deb", "-R", deb, folder], check=True)
    was = deb.name.split("_")[1].rpartition("-")[0]
    _replace(folder / "DEBIAN/control", f"Version: {was}-", f"Version: {called}-")
    _replace(folder / "usr/lib/dockwarden/core/__init__.py", f'"{was}"', f'"{called}"')
    for script in (folder / "DEBIAN").iterdir():
        script.write_text(
            re.sub(rf"(version|reads) {re.escape(was)}\b", rf"\1 {called}", script.read_text())
        )
    for name, (old, new) in changes.items():
        _replace(folder / name, old, new)
    made = deb.with_name(deb.name.replace(was, called))
    subprocess.run(["dpkg-deb", "-Zgzip", "-z1", "-b", folder, made], check=True)
    return made


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text, f"{file} holds no {old!r}"
    file.write_text(text.replace(old, new, 1))
