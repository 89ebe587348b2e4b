"""Asks the running agent through its control socket; knows no verb."""

import math
import os
import socket
import struct
import time
from collections.abc import Mapping
from typing import Any

from agent.adapters.control_socket.wire import LARGEST_LINE, parse_line, request_line
from agent.errors import ControlUnavailable
from core.base_errors import DockwardenError

_START = "start it with: systemctl start dockwarden (and see: journalctl -u dockwarden)"
_LOOK = "see: journalctl -u dockwarden"


def call(path: str, verb: str, args: Mapping[str, Any], timeout: float) -> Any:
    """The agent's result, within `timeout` seconds over all.

    Raises `ControlUnavailable` when no agent answers there, `DockwardenError` with the agent's
    own words when it refuses.
    """
    deadline = time.monotonic() + timeout
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        try:
            _connect(sock, path, timeout)
            sock.settimeout(timeout)
            sock.sendall(request_line(verb, args))
            line = _receive_line(sock, deadline)
        except OSError as error:
            raise _unavailable(path, error, timeout) from error
    return _result(path, line)


def _connect(sock: socket.socket, path: str, timeout: float) -> None:
    """Wait for a place in the queue: a non-blocking connect would fail at once when it is full."""
    seconds, rest = divmod(max(timeout, 0.001), 1)
    limit = struct.pack("ll", int(seconds), int(rest * 1e6))  # struct timeval
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    sock.connect(path)


def _receive_line(sock: socket.socket, deadline: float) -> bytes:
    received = bytearray()
    while not received.endswith(b"\n") and len(received) <= LARGEST_LINE:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        sock.settimeout(left)
        data = sock.recv(65536)
        if not data:
            raise ConnectionResetError("the agent closed the connection")
        received += data
    return bytes(received)


def _result(path: str, line: bytes) -> Any:
    try:
        reply = parse_line(line)
    except DockwardenError as error:
        raise ControlUnavailable(f"{path} answers, but not like an agent", hint=_LOOK) from error
    if reply.get("ok") is True:
        return reply.get("result")
    told = reply.get("error")
    told = told if isinstance(told, dict) else {}
    raise DockwardenError(
        str(told.get("message", "the agent refused")), hint=str(told.get("hint", ""))
    )


def _unavailable(path: str, error: OSError, timeout: float) -> ControlUnavailable:
    if isinstance(error, FileNotFoundError | ConnectionRefusedError):
        return ControlUnavailable(f"no agent is running (nobody answers at {path})", hint=_START)
    if isinstance(error, PermissionError):
        who = "run this as root (sudo)" if os.geteuid() else _LOOK
        return ControlUnavailable(f"you may not ask the agent at {path}", hint=who)
    if isinstance(error, TimeoutError | BlockingIOError):
        seconds = math.ceil(timeout)
        return ControlUnavailable(f"the agent did not answer within {seconds} s", hint=_LOOK)
    return ControlUnavailable(f"the agent at {path} did not answer: {error}", hint=_LOOK)
