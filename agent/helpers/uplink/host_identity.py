"""The host's identity at its collector: enrolment, and the file that keeps the result.

Knows no spool. The secret is exchanged once; nothing here enrols again by itself.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from agent.helpers.uplink.session import Reply, Unreachable
from core.base_errors import DockwardenError
from core.durable import make_directory, write_file

_MACHINE_ID = Path("/etc/machine-id")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class EnrolmentFailed(DockwardenError):
    """This host has no identity at its collector."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What the collector gave this host. The token is as good as a password."""

    url: str
    host_id: str
    token: str


def read(path: str | Path) -> Identity | None:
    """What was kept; None where there is nothing. Raises `EnrolmentFailed` for anything else."""
    try:
        found = json.loads(Path(path).read_text())
        identity = Identity(**found)
        if not all(isinstance(value, str) for value in asdict(identity).values()):
            raise TypeError("a value is not text")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise EnrolmentFailed(
            f"{path} does not hold a collector's token: {error}",
            hint="remove it, and run: dockwarden enrol",
        ) from error
    return identity


def keep(path: str | Path, identity: Identity) -> None:
    """Write it durably, for root alone. Raises `OSError`."""
    make_directory(Path(path).parent)
    write_file(path, json.dumps(asdict(identity)).encode() + b"\n", mode=0o600)


def enrol(
    post: Callable[[str, bytes, Mapping[str, str]], Reply], url: str, secret: str, hostname: str
) -> Identity:
    """Exchange the secret for a token. Raises `EnrolmentFailed`."""
    wish = {
        "secret": secret.strip(),
        "machine_id": _line(_MACHINE_ID),
        "boot_id": _line(_BOOT_ID),
        "hostname": hostname,
    }
    content = json.dumps(wish).encode()
    try:
        reply = post("/v1/enrol", content, {"Content-Type": "application/json"})
    except Unreachable as error:
        raise EnrolmentFailed(
            f"the collector cannot be reached: {error.message}",
            hint=error.hint or "check [collector] url, ca_file and the proxy",
        ) from error
    try:
        told = json.loads(reply.body)
        if reply.status == 200:
            return Identity(url.rstrip("/"), str(told["host_id"]), str(told["token"]))
        words = str(told["error"])[:500]
    except (ValueError, KeyError, TypeError, RecursionError):
        words = f"{url} answered {reply.status}, but not like a collector"
    hint = "is [collector] url right?"
    if reply.status == 401:
        hint = "ask for a new secret: dockwarden-collector enrolment new"
    raise EnrolmentFailed(f"the host was not enrolled: {words}", hint=hint)


def _line(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
