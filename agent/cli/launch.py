"""Replaces this process by the daemon: same process ID, none of the memory checking needed."""

import os
import sys
from pathlib import Path
from typing import NoReturn

import agent
from agent.config.config_values import Config
from agent.config.handover import to_descriptor


def become_daemon(config: Config, *, file: Path | None = None, mode: str = "") -> NoReturn:
    """`exec` the daemon with the configuration on an inherited descriptor; `file` and `mode` are
    what it reads by at a reload."""
    sys.stdout.flush()
    sys.stderr.flush()
    arguments = daemon_arguments(to_descriptor(config), str(file.absolute()) if file else "", mode)
    os.execve(sys.executable, arguments, daemon_environment())


def daemon_arguments(descriptor: int, file: str = "", mode: str = "") -> list[str]:
    """The interpreter as it runs now, and the daemon's module.

    `-P` keeps the current folder, which anybody may have chosen, off the import path.
    """
    flags = ["-P", "-s"]
    if sys.flags.no_site:
        flags.append("-S")
    if sys.pycache_prefix:
        flags += ["-X", f"pycache_prefix={sys.pycache_prefix}"]
    to_read = [f"--config={file}"] * bool(file) + [f"--mode={mode}"] * bool(mode)
    daemon = ["-m", "agent.app.daemon", *to_read, "--config-fd", str(descriptor)]
    return [sys.executable, *flags, *daemon]


def daemon_environment() -> dict[str, str]:
    """This environment, with the package's own folder as the only addition to the import path:
    a copy beside its libraries, or a checkout, is found again though it is not installed."""
    here = Path(agent.__file__).resolve().parent.parent
    return {**os.environ, "PYTHONPATH": str(here)}
