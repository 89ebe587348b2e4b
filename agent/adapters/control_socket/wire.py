"""The lines that travel on the control socket: JSON, one each way; knows no socket.

Request `{"verb": "status", "args": {…}}`; reply `{"ok": true, "result": …}` or
`{"ok": false, "error": {"message": …, "hint": …}}`.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.base_errors import DockwardenError

LARGEST_LINE = 1 << 20  # bytes, request or reply, with its newline


def request_line(verb: str, args: Mapping[str, Any]) -> bytes:
    """What a client sends."""
    return _line({"verb": verb, "args": dict(args)})


def parse_request(line: bytes) -> tuple[str, Mapping[str, Any]]:
    """Verb and arguments; raises `DockwardenError` for any other bytes."""
    request = parse_line(line)
    verb = request.get("verb")
    args = request.get("args", {})
    if not isinstance(verb, str) or not isinstance(args, dict):
        raise DockwardenError("the request has no verb and args", hint="use the dockwarden CLI")
    return verb, args


def parse_line(line: bytes) -> dict[str, Any]:
    """A JSON object; raises `DockwardenError` for any other bytes."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise DockwardenError("the line is not a JSON object", hint="use the dockwarden CLI")
    return message


def result_line(result: Any) -> bytes:
    """A reply; instants are written as RFC 3339, sets as lists."""
    line = _line({"ok": True, "result": result})
    if len(line) > LARGEST_LINE:
        return error_line("the reply is larger than 1 MiB", "ask for less at once")
    return line


def error_line(message: str, hint: str) -> bytes:
    """A refusal."""
    return _line({"ok": False, "error": {"message": message, "hint": hint}})


def _line(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, default=_plain).encode() + b"\n"


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, set | frozenset):
        return sorted(str(item) for item in value)
    return str(value)
