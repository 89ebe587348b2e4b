"""What an engine says of our settings, and what it has to say after it has read its file; pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.merging import json_edit
from agent.merging.merge_engine import LIVE_RESTORE, MIRRORS
from core.json_scan import decoded

# Which an engine never asks for TLS, whatever its file says.
_LOOPBACK = frozenset({"127.0.0.0/8", "::1/128"})


@dataclass(frozen=True, slots=True)
class EngineWord:
    """The engine's own word; mirrors end in a slash.

    `insecure` are the names and networks that it believes without TLS, loopback left out. They are
    no part of what makes two words equal: the engine writes them its own way.
    """

    mirrors: tuple[str, ...]
    live_restore: bool
    insecure: tuple[str, ...] = field(default=(), compare=False)


def said_by(info: Mapping[str, Any]) -> EngineWord:
    """What its `/info` says."""
    registries = info.get("RegistryConfig") or {}
    indexes = registries.get("IndexConfigs") or {}
    names = {name for name, about in indexes.items() if (about or {}).get("Secure") is False}
    networks = set(map(str, registries.get("InsecureRegistryCIDRs") or ()))
    return EngineWord(
        tuple(map(str, registries.get("Mirrors") or ())),
        info.get("LiveRestoreEnabled") is True,
        tuple(sorted(names | (networks - _LOOPBACK))),
    )


def after_reading(data: bytes | None, now: EngineWord) -> EngineWord:
    """What the engine has to say after it has read `data`: an absent key changes nothing."""
    text = decoded(data or b"")
    mirrors: Any = json_edit.value(text, MIRRORS)
    live: Any = json_edit.value(text, LIVE_RESTORE)
    return EngineWord(
        now.mirrors if mirrors is None else tuple(f"{mirror.rstrip('/')}/" for mirror in mirrors),
        now.live_restore if live is None else live,
    )


def in_words(word: EngineWord) -> str:
    """The settings in a half sentence."""
    mirrors = ", ".join(word.mirrors) or "no mirror"
    return f"uses {mirrors} and has live-restore {'on' if word.live_restore else 'off'}"
