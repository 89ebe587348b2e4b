"""Engines at hand: Debian's own builds of several ages, fetched once and kept side by side.

``python -m tests.lab.engines fetch [NAME ...]`` downloads them, ``list`` says what is there. An
engine that cannot run on this machine is kept in the list with its reason.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

from tests.lab.apt import PrivateApt
from tests.lab.catalogue import CATALOGUE, Engine, Recipe
from tests.lab.errors import EngineUnusable, LabError
from tests.lab.paths import cache_directory, cache_lock
from tests.lab.unpacking import assemble, say

LAYOUT = 2
"""Counts changes to how engines are unpacked; an engine of another layout is fetched again."""


def load(name: str) -> Engine:
    """Return an engine of the catalogue, fetched first if it is not there yet.

    Raises ``EngineUnusable`` if it cannot run on this machine.
    """
    engine = fetch(name)
    if not engine.usable:
        raise EngineUnusable(f"engine {name} cannot run here: {engine.problem}")
    return engine


def fetch(name: str, *, refresh: bool = False) -> Engine:
    """Download and unpack an engine unless it is there; say what is being done."""
    if name not in CATALOGUE:
        raise LabError(f"no engine {name!r}", f"known: {', '.join(CATALOGUE)}")
    root = cache_directory() / "engines" / name
    known = _read(root)
    if known and not refresh:
        return known
    with cache_lock():
        known = _read(root)
        return known if known and not refresh else _fetch(CATALOGUE[name], root, refresh)


def _fetch(recipe: Recipe, root: Path, refresh: bool) -> Engine:
    name, apt = recipe.name, PrivateApt(cache_directory() / "apt")
    say(f"engine {name}: fetching {' '.join(recipe.packages)} of Debian {recipe.suite}")
    apt.update(force=refresh)
    staging = root.with_name(f"{name}.{os.getpid()}")
    shutil.rmtree(staging, ignore_errors=True)
    engine = assemble(recipe, apt, staging, root)
    (staging / "engine.json").write_text(
        json.dumps({"layout": LAYOUT, **asdict(engine), "root": str(root)}, indent=1)
    )
    shutil.rmtree(root, ignore_errors=True)
    staging.rename(root)
    say(f"engine {name}: {engine.problem or 'version ' + engine.version}")
    return engine


def _read(root: Path) -> Engine | None:
    try:
        stored = json.loads((root / "engine.json").read_text())
    except FileNotFoundError:
        return None
    if stored.pop("layout") != LAYOUT:
        return None
    stored["root"] = Path(stored["root"])
    stored["packages"] = tuple(stored["packages"])
    return Engine(**stored)


def main(arguments: list[str] | None = None) -> int:
    """Fetch or list engines; exit 1 when one of those asked for cannot run here."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.engines", description=__doc__)
    parser.add_argument("command", choices=("fetch", "list"))
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CATALOGUE))
    parser.add_argument("--refresh", action="store_true", help="fetch again what is there")
    options = parser.parse_args(arguments)
    good = True
    for name in options.names or CATALOGUE:
        try:
            engine = _show(name, options.command == "fetch", options.refresh)
        except LabError as error:
            print(f"{name:8} {error}", file=sys.stderr)
            return 1
        good &= engine is None or engine.usable
    return 0 if good else 1


def _show(name: str, wanted: bool, refresh: bool) -> Engine | None:
    known = _read(cache_directory() / "engines" / name)
    engine = fetch(name, refresh=refresh) if wanted else known
    state = engine and (engine.problem or f"{engine.version} in {engine.root}")
    print(f"{name:8} {state or 'not fetched'}", flush=True)
    return engine


if __name__ == "__main__":
    sys.exit(main())
