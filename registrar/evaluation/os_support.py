"""Until when operating systems get security updates: a dated table, ours or a newer one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from core.base_errors import DockwardenError
from registrar.evidence.evidence_values import OperatingSystem

_HINT: Final = "compare it with registrar/evaluation/os_support.json"


class SupportTableInvalid(DockwardenError):
    """The table of operating systems cannot be used."""


@dataclass(frozen=True, slots=True)
class SupportTable:
    """The last day of security updates by os-release's `ID` and the beginning of `VERSION_ID`."""

    dated: date
    source: str
    ends: Mapping[str, Mapping[str, date]]

    def end(self, system: OperatingSystem) -> date | None:
        """The last day; None for a system or version that the table does not know."""
        versions = self.ends.get(system.id, {})
        parts = system.version.split(".")
        known = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
        return next((versions[version] for version in known if version in versions), None)


@cache
def our_table() -> SupportTable:
    """The table that the package contains."""
    return _table(files("registrar.evaluation").joinpath("os_support.json").read_bytes(), "ours")


def read_table(path: Path) -> SupportTable:
    """A newer table of the same format; raises `SupportTableInvalid` or `OSError`."""
    return _table(path.read_bytes(), str(path))


def _table(data: bytes, at: str) -> SupportTable:
    try:
        document = json.loads(data)
        return SupportTable(
            date.fromisoformat(document["dated"]),
            str(document["source"]),
            {name: _versions(versions) for name, versions in document["systems"].items()},
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise SupportTableInvalid(
            f"{at}: no table of operating systems: {error}", hint=_HINT
        ) from error


def _versions(versions: Mapping[str, Any]) -> dict[str, date]:
    return {version: date.fromisoformat(end) for version, end in versions.items()}
