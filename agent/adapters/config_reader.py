"""Lets another process read the configuration again; its content does not matter here."""

import subprocess
import sys
from collections.abc import Callable

import msgspec

from agent.config import Config
from agent.config.handover import from_bytes
from core.base_errors import ConfigInvalid

SECONDS = 60.0


def config_reader(file: str, mode: str) -> Callable[[], Config]:
    """Reads what `dockwarden run --config FILE --mode MODE` would read now (each may be empty).

    The result raises `ConfigInvalid`; it takes about a second.
    """
    return lambda: _read(file, mode)


def _read(file: str, mode: str) -> Config:
    command = [sys.executable, "-P", "-s", "-B", "-m", "agent.config", file, mode]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False
        )
        if done.returncode == 0:
            return from_bytes(done.stdout)
        problems = msgspec.json.decode(done.stdout, type=list[str])
    except (OSError, subprocess.TimeoutExpired, msgspec.DecodeError) as error:
        raise ConfigInvalid(
            [f"the configuration could not be read: {error}"], hint="dockwarden config validate"
        ) from error
    raise ConfigInvalid(problems, hint="correct these, then run: dockwarden reload")
