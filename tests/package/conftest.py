"""Fixtures of the packages' tests: what is built, and one booted machine a Debian release."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from builder.description import version
from tests.lab import images
from tests.lab.built import BuiltImage
from tests.package import roots
from tests.package.built import build
from tests.package.guarded import GuardedMachine

NEXT = "99.0.0"
SUITES = [
    roots.SUITES[0],
    *(pytest.param(each, marks=pytest.mark.slow) for each in roots.SUITES[1:]),
]


@pytest.fixture(scope="session")
def debs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The agent's deb as it is, and the same called a later version, for upgrades."""
    folder = tmp_path_factory.mktemp("debs")
    found = {}
    for each in (version(), NEXT):
        dist = build(folder, "dockwarden", "--format", "deb", "--version", each)
        found[each] = dist / f"dockwarden_{each}-1_amd64.deb"
    return {"now": found[version()], "next": found[NEXT]}


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the debs of all three programs (`DOCKWARDEN_LAB_DEBS`, if they are built)."""
    if built := os.environ.get("DOCKWARDEN_LAB_DEBS"):
        return Path(built)
    return build(tmp_path_factory.mktemp("programs"), "--format", "deb")


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
    if why := roots.missing():
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
