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
    """What is wanted of an engine: `mirror` is the private registry's root URL, `addresses` are
    all that its host name means, as far as known."""

    mirror: str
    live_restore: bool = False
    addresses: frozenset[str] = frozenset()


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
    insecure = insecure_entries(text)
    safe = [entry for entry in insecure if not takes_tls(entry, wish)]
    if safe != insecure:
        # An empty list would take away what the engine adds when the key is absent: loopback.
        edits.append(Edit(INSECURE, safe or None, neutral=[]))
    if wish.live_restore:
        edits.append(Edit(LIVE_RESTORE, True, neutral=False))
    return Keys(tuple(edits))


def engine_advice(current: bytes | None, wish: EngineWish) -> tuple[str, ...]:
    """What is not as recommended but not ours to change, in words. Raises `InvalidFile`."""
    text = decoded(current or b"")
    advice = [
        f"insecure-registries lists {entry}: nothing proves where images from there come from"
        for entry in insecure_entries(text)
        if not takes_tls(entry, wish)
    ]
    if not wish.live_restore and json_edit.value(text, LIVE_RESTORE) is not True:
        advice.append(
            "live-restore is off: containers end when the engine restarts (lockdown.live_restore "
            "= true turns it on)"
        )
    return tuple(advice)


def insecure_entries(text: str) -> list[str]:
    """The entries of `insecure-registries` as they are written. Raises `InvalidFile`."""
    found: Any = json_edit.value(text, INSECURE)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(entry, str) for entry in found):
        raise InvalidFile(
            "insecure-registries must be a list of strings",
            hint="correct it by hand: the engine would not start with it",
        )
    return found


def names_network(entry: str) -> bool:
    """Whether an entry is a network (CIDR), which covers names by what they mean."""
    return _network(entry) is not None


def takes_tls(entry: str, wish: EngineWish) -> bool:
    """Whether an entry takes TLS away from an https mirror: a host name or address, with or
    without port and scheme (moby registry/config.go cuts the scheme off), or a network that one
    of the mirror's addresses is in."""
    url = urlsplit(wish.mirror)
    if url.scheme != "https":
        return False
    host = (url.hostname or "").lower()
    plain = _plain(entry)
    addresses = {address for text in (host, *wish.addresses) if (address := _address(text))}
    hosts = {host, *map(str, addresses)}
    named = {host if ":" not in host else f"[{host}]" for host in hosts} | hosts
    if plain in named | {f"{name}:{url.port or 443}" for name in named}:
        return True
    network = _network(entry)
    return network is not None and any(address in network for address in addresses)


def _plain(entry: str) -> str:
    """Without scheme and closing slashes, in small letters."""
    entry = entry.strip().lower()
    for scheme in ("http://", "https://"):
        entry = entry.removeprefix(scheme)
    return entry.rstrip("/")


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """The network that an entry with a prefix length means; a bare address is a host."""
    plain = _plain(entry)
    if "/" not in plain:
        return None
    try:
        return ipaddress.ip_network(plain, strict=False)
    except ValueError:
        return None
