"""Finds and reads configuration files that only their owner can change; knows TOML, no keys."""

import os
import stat
import tomllib
from pathlib import Path
from typing import Any

from core.toml_fault import toml_fault

DEFAULT_FILE = Path("/etc/dockwarden/agent.toml")
LARGEST = 1 << 20  # bytes


def config_files(file: Path | None) -> tuple[list[Path], list[str]]:
    """The main file and `conf.d/*.toml` beside it in name order; the default one may be missing."""
    main = file or DEFAULT_FILE
    try:
        drop_ins = sorted(main.with_name("conf.d").glob("*.toml"))
        exists = main.exists()
    except (OSError, ValueError) as error:
        return [], [f"{main}: cannot be examined: {error}; run as root, or give another file"]
    if exists:
        return [main, *drop_ins], []
    if file is None:
        return drop_ins, []
    return drop_ins, [f"{main}: no such file; give an existing one with --config, or create it"]


def read_toml(path: Path) -> tuple[dict[str, Any], list[str]]:
    """The file's tree, empty when it cannot be trusted or read, and the reasons."""
    problems: list[str] = []
    try:
        problems += _trust(path) + _trust(path.parent)
        text = read_bytes(path).decode()
        return tomllib.loads(text), problems
    except UnicodeDecodeError as error:
        problem = f"byte {error.start} is not UTF-8; save the file as UTF-8"
    except OSError as error:
        why = error.strerror or str(error)
        problem = f"cannot be read: {why}; run as root, or correct the file's mode"
    except ValueError as error:  # TOMLDecodeError, and integers too long to be read
        problem = f"not valid TOML at {toml_fault(text)} ({error}); correct the syntax there"
    except RecursionError:
        problem = f"not valid TOML at {toml_fault(text)}: nested too deeply; correct the brackets"
    return {}, [*problems, f"{path}: {problem}"]


def read_bytes(path: Path) -> bytes:
    """The whole of a regular file of at most `LARGEST` bytes; raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError("it is not a regular file")
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise OSError("it is larger than 1 MiB")
    return data


def _trust(path: Path) -> list[str]:
    """What lets somebody else change it: another owner, or a mode that lets others write.

    A sticky folder (/tmp) lets nobody replace another's file.
    """
    status = path.stat()
    problems = []
    if status.st_uid not in (0, os.geteuid()):
        problems.append(f"{path}: belongs to user {status.st_uid}; run: chown root {path}")
    sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not sticky:
        problems.append(f"{path}: others than its owner can write it; run: chmod go-w {path}")
    return problems
