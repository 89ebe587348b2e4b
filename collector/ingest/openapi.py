"""What the published description of the API says of the two ways in; data only."""

from typing import Any

_UUID7 = "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
_HASH = "^[0-9a-f]{64}$"
_TEXT = {"type": "string"}

EVENT: dict[str, Any] = {
    "type": "object",
    "required": [
        "specversion", "id", "source", "type", "time", "datacontenttype",
        "epoch", "sequence", "prevhash", "hash", "data",
    ],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "pattern": _UUID7},
        "source": {"type": "string", "maxLength": 200},
        "type": {
            "enum": [
                "dockwarden.finding.v1",
                "dockwarden.heartbeat.v1",
                "dockwarden.inventory.v1",
                "dockwarden.drops.v1",
            ]
        },
        "time": {"type": "string", "format": "date-time"},
        "datacontenttype": {"const": "application/json"},
        "epoch": {"type": "string", "pattern": _UUID7},
        "sequence": {"type": "string", "pattern": "^[1-9][0-9]{0,17}$"},
        "prevhash": {"type": "string", "pattern": _HASH},
        "hash": {"type": "string", "pattern": _HASH},
        "count": {"type": "integer", "minimum": 1, "maximum": 10**9},
        "data": {"type": "object"},
    },
}  # fmt: skip


def _answers(**more: str) -> dict[str, Any]:
    words = {
        "400": "The request cannot be read or stored; nothing was stored.",
        "401": "The token or the secret is not valid.",
        "413": "The request is too large.",
        "503": "The database cannot store it now; Retry-After says when to try again.",
    }
    return {status: {"description": text} for status, text in (words | more).items()}


EVENTS: dict[str, Any] = {
    "security": [{"token": []}],
    "requestBody": {
        "required": True,
        "content": {
            "application/cloudevents-batch+json": {
                "schema": {"type": "array", "maxItems": 500, "items": EVENT}
            }
        },
    },
    "responses": _answers(
        **{
            "200": "Committed: how many events were new, and how many were already known.",
            "403": "An event of another host.",
            "415": "Another type of content.",
            "429": "This host sends too much; Retry-After says when to continue.",
        }
    ),
}

ENROL: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["secret", "machine_id", "boot_id", "hostname"],
                    "properties": {
                        "secret": _TEXT | {"maxLength": 200},
                        "machine_id": _TEXT | {"maxLength": 64},
                        "boot_id": _TEXT | {"maxLength": 64},
                        "hostname": _TEXT | {"minLength": 1, "maxLength": 255},
                    },
                }
            }
        },
    },
    "responses": _answers(**{"200": "The host's identity and its token."}),
}
