"""Fixtures of the packages' tests: what is built, and one booted machine a Debian release."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from builder.description import read, version
from tests.lab import images
from tests.lab.built import BuiltImage
from tests.package import roots
from tests.package.built import build, variant
from tests.package.guarded import GuardedMachine

SUITES = [
    roots.SUITES[0],
    *(pytest.param(each, marks=pytest.mark.slow) for each in roots.SUITES[1:]),
]


AGENT = "usr/lib/dockwarden/agent"

# Later versions: one that works, one of another state format, and three that do not work here.
LATER: dict[str, tuple[str, dict[str, tuple[str, str]]]] = {
    "next": ("99.0.0", {}),
    "new state": (
        "99.1.0",
        {
            f"{AGENT}/files/state_format.py": ("FORMAT = 1", "FORMAT = 2"),
            "DEBIAN/preinst": ("reads=1 ", "reads=2 "),
        },
    ),
    "crashes": (
        "98.1.0",
        {
            f"{AGENT}/app/daemon.py": (
                "import argparse",
                "raise SystemExit('broken')",
            )
        },
    ),
    "hangs": (
        "98.2.0",
        {
            f"{AGENT}/app/daemon.py": ("self._tell_ready()", "pass"),
            "usr/lib/systemd/system/dockwarden.service": (
                "TimeoutStartSec=60",
                "TimeoutStartSec=5",
            ),
        },
    ),
    "refuses": (
        "98.3.0",
        {
            f"{AGENT}/cli/config.py": (
                "import click",
                "raise SystemExit('not yours')",
            )
        },
    ),
}


@pytest.fixture(scope="session")
def debs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The agent's deb as it is now, and later versions of it by what they are like."""
    folder = tmp_path_factory.mktemp("debs")
    now = build(folder, "dockwarden", "--format", "deb") / f"dockwarden_{version()}-1_amd64.deb"
    later = {name: variant(now, called, changes) for name, (called, changes) in LATER.items()}
    return {"now": now, **later}


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the debs of all three programs (`DOCKWARDEN_LAB_DEBS`, if they are built)."""
    if built := os.environ.get("DOCKWARDEN_LAB_DEBS"):
        return Path(built)
    folder = tmp_path_factory.mktemp("programs")
    for package in read()[1]:
        dist = build(folder, package.name, "--format", "deb")
    return dist


@pytest.fixture(scope="session")
def good() -> BuiltImage:
    """The image that lists approve."""
    return images.build("acme/web", "1.4")


@pytest.fixture(scope="session")
def bad() -> BuiltImage:
    """The image that no list approves."""
    return images.build("acme/web", "2.0-rc1")


@pytest.fixture(scope="module", params=SUITES)
def machine(
    request: pytest.FixtureRequest, good: BuiltImage, bad: BuiltImage
) -> Iterator[GuardedMachine]:
    """One machine for all tests of a module, with both images loaded and no package yet."""
    if why := roots.missing(request.param):
        pytest.skip(why)
    with GuardedMachine(request.param) as booted:
        booted.load(good, bad)
        yield booted


@pytest.fixture(scope="session")
def starts(request: pytest.FixtureRequest) -> int:
    """How many starts of each kind a test makes."""
    return 100 if request.config.getoption("--slow") else 8


@pytest.fixture
def never_ran() -> Callable[..., None]:
    """Checks that of so many starts of an unapproved image none ran a single instruction."""

    def check(machine: GuardedMachine, image: BuiltImage, count: int = 1) -> None:
        probes = [machine.start(image) for _ in range(count)]
        ran = [probe.file.name for probe in probes if probe.ran]
        assert ran == [], f"{len(ran)} of {count} ran"

    return check
