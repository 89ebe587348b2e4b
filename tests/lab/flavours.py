"""Which hosts a test run uses: combinations of engine, cgroup version and image store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from tests.lab import cgroups
from tests.lab.catalogue import CATALOGUE
from tests.lab.errors import LabError
from tests.lab.host import ImageStore
from tests.lab.machine import CgroupVersion


@dataclass(frozen=True, slots=True)
class Flavour:
    """One kind of host; written ``newest/v2/containerd`` on the command line."""

    engine: str
    cgroup: CgroupVersion
    store: ImageStore

    def __str__(self) -> str:
        return f"{self.engine}-{self.cgroup}-{self.store}"


DEFAULT = (
    Flavour("20.10", "v1", "classic"),
    Flavour("20.10", "v2", "classic"),
    Flavour("newest", "v1", "classic"),
    Flavour("newest", "v2", "containerd"),
)


def parse(text: str) -> tuple[Flavour, ...]:
    """Return the flavours of a comma-separated list of engines, of flavours, or of both.

    An engine alone stands for v1 with the classic store and v2 with its newest store. An empty
    text stands for the oldest and the newest engine.
    """
    if not text:
        return _possible(DEFAULT)
    chosen: list[Flavour] = []
    for word in text.split(","):
        engine, *rest = word.strip().split("/")
        if engine not in CATALOGUE:
            raise LabError(f"no engine {engine!r}", f"known: {', '.join(CATALOGUE)}")
        chosen += [_exact(engine, rest)] if rest else _possible(_both(engine))
    return tuple(dict.fromkeys(chosen))


def left_out(flavours: Sequence[Flavour]) -> str:
    """Return why a run has no v1 hosts; empty if it has, or if nothing prevents them."""
    if cgroups.freezer() is None and not any(one.cgroup == "v1" for one in flavours):
        return "this machine has no cgroup v1 freezer: v1 hosts are left out"
    return ""


def _both(engine: str) -> tuple[Flavour, ...]:
    newer: ImageStore = "containerd" if CATALOGUE[engine].containerd_store else "classic"
    return (Flavour(engine, "v1", "classic"), Flavour(engine, "v2", newer))


def _possible(flavours: Sequence[Flavour]) -> tuple[Flavour, ...]:
    """Leave out v1 where the machine has only v2; never leave out an engine."""
    if cgroups.freezer() is not None:
        return tuple(flavours)
    return tuple(one for one in flavours if one.cgroup == "v2")


def _exact(engine: str, rest: Sequence[str]) -> Flavour:
    if len(rest) == 2 and rest[0] in ("v1", "v2") and rest[1] in ("classic", "containerd"):
        return Flavour(engine, cast(CgroupVersion, rest[0]), cast(ImageStore, rest[1]))
    raise LabError(f"no flavour {engine}/{'/'.join(rest)}", "write ENGINE/v1|v2/classic|containerd")
