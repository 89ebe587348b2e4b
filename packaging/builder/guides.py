"""Man pages and shell completions in the places where the distributions look for them."""

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

from builder.description import PACKAGING, Package

# Debian's zsh and RHEL's look in different folders; nfpm.py leaves out the other's.
_PLACES = {
    "bash": ("usr/share/bash-completion/completions",),
    "zsh": ("usr/share/zsh/vendor-completions", "usr/share/zsh/site-functions"),
    "fish": ("usr/share/fish/vendor_completions.d",),
}


def write_guides(root: Path, package: Package, version: str) -> None:
    """Have `packaging/manual` write them from the bundled program's own help."""
    written = root.parent / "manual"
    library = root / package.library.lstrip("/")
    command = [sys.executable, "-SB", "-m", "manual", str(written), "--program", package.name]
    subprocess.run(
        [*command, "--version", version],
        check=True,
        env={**os.environ, "PYTHONPATH": f"{PACKAGING}:{library}"},
        stdout=subprocess.DEVNULL,
    )
    for page in written.glob("man/*/*"):
        target = root / "usr/share" / page.relative_to(written).with_name(f"{page.name}.gz")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(gzip.compress(page.read_bytes(), 9, mtime=0))
    for shell, places in _PLACES.items():
        for place in places:
            shutil.copytree(written / shell, root / place, dirs_exist_ok=True)
