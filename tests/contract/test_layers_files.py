"""One suite for every layer that keeps files, and the fake: what the reconcile loop relies on."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from agent.adapters.engine_config import EngineConfigLayer
from agent.adapters.image_files import ImageFilesLayer, tool_files
from agent.errors import LayerFailed
from agent.files.backup import Backups
from agent.merging.merge_engine import EngineWish
from agent.ports import Layer
from tests.fakes.engine_config import FakeEngine
from tests.fakes.layer import FakeLayer

MIRROR = "https://images.acme.test"


class Bench(Protocol):
    """A layer over a world that can be looked at, disturbed and broken."""

    def layer(self) -> Layer:
        """The layer, made again as after a restart (the fake has no disk and stays)."""
        ...

    def world(self) -> object:
        """What the layer looks after."""
        ...

    def disturb(self) -> None:
        """Undo what it keeps, as somebody else would."""
        ...

    def spoil(self) -> None:
        """Make it impossible to apply."""
        ...


class _Fake:
    def __init__(self, _: Path) -> None:
        self._layer = FakeLayer()

    def layer(self) -> Layer:
        return self._layer

    def world(self) -> object:
        return self._layer.state

    def disturb(self) -> None:
        self._layer.state = "theirs"

    def spoil(self) -> None:
        self._layer.blocked = "spoilt"


class _File:
    """One file stands for the layer's world."""

    def __init__(
        self, directory: Path, name: str, before: bytes, make: Callable[[], Layer]
    ) -> None:
        self.layer = make
        self.path, self.before = directory / name, before
        self.path.parent.mkdir(parents=True)
        self.path.write_bytes(before)

    def world(self) -> object:
        return self.path.read_bytes()

    def disturb(self) -> None:
        data = self.path.read_bytes().replace(b"images.acme.test", b"mirror.evil.test")
        self.path.write_bytes(data)

    def spoil(self) -> None:
        self.path.write_bytes(b"{ spoilt")


def _engine(directory: Path) -> Bench:
    path = directory / "etc/docker/daemon.json"
    backups = Backups(directory / "backup")
    engine = FakeEngine(path)
    return _File(
        directory,
        "etc/docker/daemon.json",
        b'{"debug":true}',
        lambda: EngineConfigLayer(engine, backups, EngineWish(MIRROR)),
    )


def _files(directory: Path) -> Bench:
    return _File(
        directory,
        "etc/buildkit/buildkitd.toml",
        b"debug = true\n",
        lambda: ImageFilesLayer(
            lambda: tool_files(MIRROR, root=directory), Backups(directory / "backup")
        ),
    )


@pytest.fixture(params=[_Fake, _engine, _files], ids=["fake", "daemon.json", "files"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    made: Bench = request.param(tmp_path)
    return made


def test_drift_is_observed_and_nothing_is_touched(bench: Bench) -> None:
    before = bench.world()
    drift = bench.layer().drift()
    assert not drift.none
    assert drift.layer == bench.layer().name
    assert bench.world() == before


def test_apply_shows_what_differed_and_then_nothing_does(bench: Bench) -> None:
    expected = bench.layer().drift()
    assert bench.layer().apply() == expected
    assert bench.layer().drift().none
    after = bench.world()
    assert bench.layer().apply().none
    assert bench.world() == after


def test_what_others_undo_is_drift_and_heals(bench: Bench) -> None:
    bench.layer().apply()
    kept = bench.world()
    for _ in range(3):
        bench.disturb()
        assert not bench.layer().drift().none
        bench.layer().apply()
        assert bench.world() == kept


def test_restore_puts_back_what_was_before_the_first_apply(bench: Bench) -> None:
    before = bench.world()
    bench.layer().apply()
    bench.disturb()
    bench.layer().apply()
    assert bench.layer().restore().differences
    assert bench.world() == before
    assert bench.layer().restore().none
    assert bench.world() == before


def test_restore_without_apply_does_nothing(bench: Bench) -> None:
    before = bench.world()
    assert bench.layer().restore().none
    assert bench.world() == before


def test_apply_works_again_after_restore(bench: Bench) -> None:
    before = bench.world()
    for _ in range(2):
        bench.layer().apply()
        assert bench.layer().drift().none
        bench.layer().restore()
        assert bench.world() == before


def test_what_cannot_be_corrected_is_said_and_left(bench: Bench) -> None:
    bench.spoil()
    before = bench.world()
    assert bench.layer().drift().blocked
    try:
        assert bench.layer().apply().blocked
    except LayerFailed as error:
        assert str(error)
    assert bench.world() == before


def test_names_are_constant_and_files_are_watched(bench: Bench) -> None:
    assert bench.layer().name == bench.layer().name != ""
    assert bench.layer().watched()
