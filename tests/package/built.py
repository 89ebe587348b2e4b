"""Packages built for tests, each once a run; knows nothing of what is in them."""

from __future__ import annotations

import os
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
