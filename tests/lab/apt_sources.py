"""Where this machine gets Debian's packages from: its own apt sources say it.

A machine behind a company mirror names it there. Ubuntu's sources name no Debian archive; there
debootstrap, which Ubuntu packages, knows one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.lab.errors import LabError

SUITES = ("bookworm", "trixie", "forky", "sid")
"""The suites that the lab takes engines from, oldest first."""

_DEBIAN = frozenset({*SUITES, "stable", "testing", "unstable", "oldstable", "bullseye"})
_APT = Path("/etc/apt")
_DEBOOTSTRAP = Path("/usr/sbin/debootstrap")
_ONE_LINE = re.compile(r"deb\s+(?:\[[^\]]*\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s*(?P<rest>.*)")


@dataclass(frozen=True, slots=True)
class Source:
    """One binary archive of a sources file: its address, a suite and the suite's components."""

    uri: str
    suite: str
    components: tuple[str, ...]


def debian_mirror(apt: Path = _APT, debootstrap: Path = _DEBOOTSTRAP) -> str:
    """Return the address of a Debian archive.

    ``DOCKWARDEN_LAB_MIRROR`` decides, then the machine's apt sources, then debootstrap's default.
    Raises ``LabError`` where none of them names one.
    """
    if named := os.environ.get("DOCKWARDEN_LAB_MIRROR"):
        return named.rstrip("/")
    for source in sources(apt):
        if source.suite in _DEBIAN and "main" in source.components:
            return source.uri.rstrip("/")
    if debootstrap.is_file():
        text = debootstrap.read_text(errors="replace")
        if found := re.search(r'^DEF_MIRROR="([^"$]+)"', text, re.MULTILINE):
            return found.group(1).rstrip("/")
    raise LabError(
        f"the sources in {apt} name no Debian archive",
        "set DOCKWARDEN_LAB_MIRROR to the address of a Debian mirror, or install debootstrap",
    )


def sources(apt: Path) -> Iterator[Source]:
    """Yield the archives of all sources files in apt's order (sources.list(5))."""
    parts = sorted((apt / "sources.list.d").glob("*")) if (apt / "sources.list.d").is_dir() else []
    for path in [apt / "sources.list", *parts]:
        if not path.is_file():
            continue
        text = path.read_text(errors="replace")
        if path.suffix == ".list":
            yield from one_line(text)
        elif path.suffix == ".sources":
            yield from deb822(text)


def one_line(text: str) -> Iterator[Source]:
    """Yield the archives of a one-line file: ``deb [options] uri suite component…``."""
    for line in text.splitlines():
        if found := _ONE_LINE.match(line.split("#", 1)[0].strip()):
            components = tuple(found["rest"].split())
            yield Source(found["uri"], found["suite"], components)


def deb822(text: str) -> Iterator[Source]:
    """Yield the archives of a file in deb822 style; a stanza may name several of each."""
    kept = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", kept):
        fields = _fields(stanza)
        if "deb" not in fields.get("types", ()) or fields.get("enabled", ["yes"])[0].lower() in (
            "no",
            "false",
        ):
            continue
        components = tuple(fields.get("components", ()))
        for uri in fields.get("uris", ()):
            for suite in fields.get("suites", ()):
                yield Source(uri, suite, components)


def _fields(stanza: str) -> dict[str, list[str]]:
    """Return a stanza's fields by lower-case name, each split into words."""
    fields: dict[str, list[str]] = {}
    name = ""
    for line in stanza.splitlines():
        if line[:1].isspace():
            fields.setdefault(name, []).extend(line.split())
        elif ":" in line:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.split()
    return fields
