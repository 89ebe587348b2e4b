"""Break-glass towards the disk and the helper: the state file, the host's id, the verification."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from agent.adapters.list_sync.helper import Helper
from core.allowlist.break_glass_token import (
    Active,
    BreakGlassState,
    InvalidToken,
    Token,
    token_bytes,
    token_of,
)
from core.base_errors import DockwardenError
from core.durable import write_file

MACHINE_ID: Final = Path("/etc/machine-id")
_PURPOSE: Final = b"dockwarden break-glass"
_FORMAT: Final = 1


def host_id(path: Path = MACHINE_ID) -> str:
    """This host's id, from which its machine id cannot be found (machine-id(5) asks for that).
    Raises `DockwardenError` where there is none."""
    try:
        machine = path.read_text().strip()
    except OSError as error:
        raise DockwardenError(f"{path} cannot be read: {error.strerror}") from error
    if not machine or machine == "uninitialized":
        raise DockwardenError(f"{path} is empty", hint="systemd-machine-id-setup")
    return hmac.new(machine.encode(), _PURPOSE, hashlib.sha256).hexdigest()[:32]


class HelperVerifier:
    """The port `TokenVerifier`; `directory` is where the signed list's generations lie."""

    def __init__(self, helper: Helper, directory: str, machine_id: Path = MACHINE_ID) -> None:
        self._helper, self._directory, self._machine_id = helper, directory, machine_id

    @property
    def host(self) -> str:
        """See the port."""
        return host_id(self._machine_id)

    def verify(self, token: bytes, now: datetime) -> Token:
        """See the port."""
        request = {
            "token": base64.b64encode(token).decode(),
            "directory": self._directory,
            "host": self.host,
            "now": now.isoformat(),
        }
        said = self._helper.run(json.dumps(request).encode())
        try:
            answer = json.loads(said)
            if answer.get("error"):
                raise InvalidToken(str(answer["error"]), hint=str(answer.get("hint", "")))
            return token_of(base64.b64decode(answer["payload"]))
        except (ValueError, KeyError, AttributeError) as error:
            raise InvalidToken("the helper that verifies tokens cannot be understood") from error


class NoVerifier:
    """For hosts without a signed list: there is no key that could sign a token."""

    host: str = ""

    def verify(self, token: bytes, now: datetime) -> Token:  # noqa: ARG002 - the port's signature
        """See the port."""
        raise InvalidToken(
            "this host has no signed allowlist, so nobody can issue a token for it",
            hint="set [agent] mode or [enforcement.actions] instead, and restart the agent",
        )


class BreakGlassFile:
    """The port `BreakGlassStore` over one file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> BreakGlassState:
        """See the port."""
        try:
            document: Any = json.loads(self._path.read_bytes())
            return _state(document)
        except FileNotFoundError:
            return BreakGlassState()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DockwardenError(
                f"{self._path} cannot be read: {error}", hint="without it no token is in force"
            ) from error

    def write(self, state: BreakGlassState) -> None:
        """See the port."""
        document: dict[str, Any] = {"format": _FORMAT, "nonces": list(state.nonces)}
        if (active := state.active) is not None:
            document["active"] = {
                "token": json.loads(token_bytes(active.token)),
                "began_at": active.began_at.isoformat(),
                "left_seconds": active.left_seconds,
                "seen_at": active.seen_at.isoformat(),
            }
        try:
            write_file(self._path, json.dumps(document).encode(), mode=0o600)
        except OSError as error:
            raise DockwardenError(f"{self._path} cannot be written: {error.strerror}") from error


def _state(document: Mapping[str, Any]) -> BreakGlassState:
    active = None
    if (found := document.get("active")) is not None:
        active = Active(
            token=token_of(json.dumps(found["token"]).encode()),
            began_at=datetime.fromisoformat(found["began_at"]),
            left_seconds=float(found["left_seconds"]),
            seen_at=datetime.fromisoformat(found["seen_at"]),
        )
    return BreakGlassState(tuple(map(str, document["nonces"])), active)
