"""pytest fixtures over the lab, for every folder of tests that wants a real engine.

A test that takes ``flavour``, ``host`` or ``registry`` runs once for each flavour of the run; a
test that takes ``lab_host`` makes its own hosts. Without root they are skipped, and say so.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.lab import agents, flavours, images
from tests.lab.agent import LabAgent
from tests.lab.catalogue import CATALOGUE
from tests.lab.errors import CgroupUnavailable, LabError
from tests.lab.flavours import Flavour
from tests.lab.host import LabHost
from tests.lab.images import BuiltImage
from tests.lab.probe import Probe
from tests.lab.registry import Registry
from tests.lab.trials import Trials, nothing_stays_frozen

FIXTURES = frozenset({"flavour", "shared_host", "host", "registry", "lab_host", "push_image"})
FLAVOURS = pytest.StashKey[tuple[Flavour, ...]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run choose its engines, and whether it takes its time."""
    parser.addoption(
        "--engines",
        default="",
        metavar="LIST",
        help=f"engines or flavours of the lab, such as 26.1 or newest/v2/containerd; known: "
        f"{', '.join(CATALOGUE)}; default: {', '.join(map(str, flavours.DEFAULT))}",
    )
    parser.addoption("--slow", action="store_true", help="run the slow tests too")


def pytest_configure(config: pytest.Config) -> None:
    """Read the choice of engines once."""
    try:
        config.stash[FLAVOURS] = flavours.parse(config.getoption("--engines"))
    except LabError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say which hosts the run uses, and which this machine cannot have."""
    chosen = config.stash[FLAVOURS]
    lines = [f"lab: {', '.join(map(str, chosen))}", flavours.left_out(chosen)]
    return [line for line in lines if line]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test of the shared hosts once for each flavour."""
    if "flavour" in metafunc.fixturenames:
        chosen = metafunc.config.stash[FLAVOURS]
        metafunc.parametrize("flavour", chosen, ids=str, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what uses the lab; skip it without root, and slow tests unless asked for."""
    for item in items:
        if FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.lab)
        if item.get_closest_marker("lab") and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="the lab needs root: sudo scripts/test"))
        if item.get_closest_marker("slow") and not config.getoption("--slow"):
            item.add_marker(pytest.mark.skip(reason="slow: run with --slow"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Iterator[None]:
    """Skip a test whose fixtures want a kind of control group that this machine does not have."""
    with _skipped_without_cgroups():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    """The same for what a test makes by itself."""
    with _skipped_without_cgroups():
        yield


@contextmanager
def _skipped_without_cgroups() -> Iterator[None]:
    try:
        yield
    except CgroupUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def shared_host(flavour: Flavour) -> Iterator[LabHost]:
    """The run's one host of a flavour, with whatever earlier tests left in it."""
    with LabHost(flavour.engine, cgroup=flavour.cgroup, store=flavour.store) as host:
        yield host


@pytest.fixture(scope="session")
def registry(shared_host: LabHost) -> Iterator[Registry]:
    """The registry of the flavour's shared host."""
    with Registry(shared_host) as registry:
        yield registry


@pytest.fixture
def host(shared_host: LabHost, request: pytest.FixtureRequest) -> Iterator[LabHost]:
    """The flavour's shared host with a running engine and no containers; images stay.

    An agent runs there only in tests that ask for one.
    """
    if "make_agent" not in request.fixturenames:
        agents.end(shared_host)
    if not shared_host.running:
        shared_host.start_engine()
    shared_host.resume_engine()
    yield shared_host
    if shared_host.running:
        shared_host.resume_engine()
        shared_host.remove_containers()


@pytest.fixture
def lab_host() -> Iterator[Callable[..., LabHost]]:
    """A maker of hosts for one test; takes what LabHost takes and closes them afterwards."""
    with ExitStack() as stack:

        def make(*arguments: Any, **options: Any) -> LabHost:
            return stack.enter_context(LabHost(*arguments, **options))

        yield make


_numbers = itertools.count(1)


@pytest.fixture
def make_image(request: pytest.FixtureRequest) -> Callable[..., BuiltImage]:
    """A maker of images that no other test has; takes what images.build takes after the name."""
    name = request.node.name.split("[")[0].removeprefix("test_").lower()[:40].strip("_")

    def make(**options: Any) -> BuiltImage:
        return images.build(f"lab/{name}-{next(_numbers)}", **options)

    return make


@pytest.fixture
def push_image(
    registry: Registry, make_image: Callable[..., BuiltImage]
) -> Callable[..., BuiltImage]:
    """The same, and the image lies in the shared host's registry."""

    def push(**options: Any) -> BuiltImage:
        return registry.push(make_image(**options))

    return push


@pytest.fixture
def make_probe(tmp_path: Path) -> Callable[[], Probe]:
    """A maker of probes, each with a file of its own."""
    return lambda: Probe(tmp_path / f"probe-{next(_numbers)}")


@pytest.fixture(scope="session")
def good(shared_host: LabHost, registry: Registry) -> BuiltImage:
    """An image on the shared host that every list of the fixtures below approves."""
    return pulled(shared_host, registry, images.build("lab/good"))


@pytest.fixture(scope="session")
def bad(shared_host: LabHost, registry: Registry) -> BuiltImage:
    """An image on the shared host that nobody approves."""
    return pulled(shared_host, registry, images.build("lab/bad"))


@pytest.fixture
def pull_image(
    shared_host: LabHost, registry: Registry, make_image: Callable[..., BuiltImage]
) -> Callable[..., BuiltImage]:
    """A maker of images of the test's own, pushed and pulled to the shared host."""
    return lambda **options: pulled(shared_host, registry, make_image(**options))


def pulled(host: LabHost, registry: Registry, image: BuiltImage) -> BuiltImage:
    """Push an image to the host's registry and pull it from there."""
    registry.push(image)
    host.docker("pull", "-q", image.reference())
    return image


@pytest.fixture
def make_agent(host: LabHost, good: BuiltImage) -> Iterator[Callable[..., LabAgent]]:
    """A maker of the host's one agent, running with these tables of settings: an enforcing one
    that approves `good` if nothing else is said. The same settings give the same process."""

    def make(**tables: Mapping[str, Any]) -> LabAgent:
        return agents.running(host, good, tables)

    yield make
    if host.running:
        host.resume_engine()
        nothing_stays_frozen(host)
    agents.check(host)


@pytest.fixture
def make_trials(
    make_agent: Callable[..., LabAgent], host: LabHost, tmp_path: Path
) -> Callable[..., Trials]:
    """A maker of `trials` beside an agent with these tables of settings."""
    return lambda **tables: Trials(host, make_agent(**tables), tmp_path)


@pytest.fixture
def trials(make_trials: Callable[..., Trials]) -> Trials:
    """Starts containers beside the host's default agent and checks the outcomes."""
    return make_trials()
