"""What `daemon.json` of a Docker Engine has to say, and what it had better not; pure.

Source of the keys' meaning: dockerd's reference, "Daemon configuration file". Only these keys are
ours: `registry-mirrors`, `live-restore` (when wanted) and, of `insecure-registries`, the entries
that would take the private registry's TLS away.
"""

import ipaddress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from agent.merging import json_edit
from agent.merging.merge import Edit, Keys
from core.base_errors import InvalidFile
from core.json_scan import decoded

MIRRORS = ("registry-mirrors",)
INSECURE = ("insecure-registries",)
LIVE_RESTORE = ("live-restore",)


@dataclass(frozen=True, slots=True)
class EngineWish:
    """What is wanted of an engine: `mirror` is the private registry's root URL."""

    mirror: str
    live_restore: bool = False


def same_mirror(one: str, other: str) -> bool:
    """Whether two URLs mean one mirror; the engine adds a slash (facts: `info`)."""
    return one.rstrip("/") == other.rstrip("/")


def engine_keys(current: bytes | None, wish: EngineWish) -> Keys:
    """The edits that bring `daemon.json` to what is wished for. Raises `InvalidFile`."""
    text = decoded(current or b"")
    found = json_edit.value(text, MIRRORS)
    mirrors = [wish.mirror]
    if isinstance(found, list) and len(found) == 1 and isinstance(found[0], str):
        mirrors = found if same_mirror(found[0], wish.mirror) else mirrors
    edits = [Edit(MIRRORS, mirrors, neutral=[])]
    insecure = _insecure(text)
    safe = [entry for entry in insecure if not _covers(entry, wish.mirror)]
    if safe != insecure:
        edits.append(Edit(INSECURE, safe))
    if wish.live_restore:
        edits.append(Edit(LIVE_RESTORE, True, neutral=False))
    return Keys(tuple(edits))


def engine_advice(current: bytes | None, wish: EngineWish) -> tuple[str, ...]:
    """What is not as recommended but not ours to change, in words. Raises `InvalidFile`."""
    text = decoded(current or b"")
    advice = [
        f"insecure-registries lists {entry}: nothing proves where images from there come from"
        for entry in _insecure(text)
        if not _covers(entry, wish.mirror)
    ]
    if not wish.live_restore and json_edit.value(text, LIVE_RESTORE) is not True:
        advice.append(
            "live-restore is off: containers end when the engine restarts (lockdown.live_restore "
            "= true turns it on)"
        )
    return tuple(advice)


def _insecure(text: str) -> list[str]:
    found: Any = json_edit.value(text, INSECURE)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(entry, str) for entry in found):
        raise InvalidFile(
            "insecure-registries must be a list of strings",
            hint="correct it by hand: the engine would not start with it",
        )
    return found


def _covers(entry: str, mirror: str) -> bool:
    """Whether an entry (`host`, `host:port` or CIDR) takes TLS away from an https mirror."""
    url = urlsplit(mirror)
    if url.scheme != "https":
        return False
    host = (url.hostname or "").lower()
    entry = entry.lower().rstrip("/")
    if entry in {host, f"{host}:{url.port or 443}", url.netloc.lower()}:
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False
