"""Hands the resolved configuration to the daemon through an inherited descriptor.

`exec` keeps the process ID, so systemd sees one process, and drops the memory of whatever had
been needed to read and check the files.
"""

import os

import msgspec

from agent.config.config_values import Config
from core.base_errors import ConfigInvalid


def to_bytes(config: Config) -> bytes:
    """The configuration as JSON."""
    return msgspec.json.encode(config)


def from_bytes(data: bytes) -> Config:
    """The inverse of `to_bytes`; raises `ConfigInvalid` for anything else."""
    try:
        return msgspec.json.decode(data, type=Config)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ConfigInvalid(
            [f"what was handed to the daemon is not a configuration: {error}"],
            hint="start the daemon with `dockwarden run`, which writes it",
        ) from error


def to_descriptor(config: Config) -> int:
    """An inheritable descriptor of a memory file that holds the configuration."""
    descriptor = os.memfd_create("dockwarden-config", 0)
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(to_bytes(config))
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def from_descriptor(descriptor: int) -> Config:
    """Read and close what `to_descriptor` made, in the process that inherited it."""
    try:
        with os.fdopen(descriptor, "rb") as file:
            return from_bytes(file.read())
    except OSError as error:
        raise ConfigInvalid(
            [f"descriptor {descriptor} cannot be read: {error.strerror}"],
            hint="start the daemon with `dockwarden run`, which passes it",
        ) from error
