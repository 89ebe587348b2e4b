"""The daemon.json layer against an engine with the real one's manners."""

import json
from pathlib import Path

import pytest
from hypothesis import given

from agent.adapters.engine_config import EngineConfigLayer
from agent.adapters.engine_config.dockerd_process import flag_value
from agent.adapters.engine_config.engine_word import EngineWord
from agent.errors import LayerFailed
from agent.files.backup import Backups
from agent.merging.merge_engine import EngineWish
from tests.core.test_merge import daemon_json
from tests.fakes.engine_config import FakeEngine
from tests.fakes.quick import quick_directory

MIRROR = "https://images.acme.test"


class Bench:
    """A file, its engine and its layer."""

    def __init__(self, directory: Path, data: bytes | None, *, live_restore: bool = False) -> None:
        self.file = directory / "docker" / "daemon.json"
        if data is not None:
            self.file.parent.mkdir(exist_ok=True)
            self.file.write_bytes(data)
        self.engine = FakeEngine(self.file)
        self.backups = Backups(directory / "backup")
        self.meant: tuple[str, ...] | None = ("10.9.8.7",)
        self.layer = EngineConfigLayer(
            self.engine,
            self.backups,
            EngineWish(MIRROR, live_restore=live_restore),
            lookup=self.lookup,
        )

    def lookup(self, name: str) -> tuple[str, ...]:
        """What the mirror's name means; with None nobody answers."""
        if self.meant is None:
            raise OSError("Temporary failure in name resolution")
        return self.meant if name == "images.acme.test" else ()


def test_the_engine_pulls_from_the_mirror_and_then_as_before(tmp_path: Path) -> None:
    data = b'{"registry-mirrors": ["https://old.test"]}'
    bench = Bench(tmp_path, data)
    drift = bench.layer.apply()
    assert "+" in drift.differences[0].diff
    assert bench.engine.word().mirrors == (f"{MIRROR}/",)
    assert bench.layer.drift().none
    bench.layer.restore()
    assert (bench.file.read_bytes(), bench.engine.mirrors) == (data, ("https://old.test/",))
    assert bench.layer.restore().none


@pytest.mark.parametrize("data", [None, b"", b"{}", b'{"debug": true}\r\n'])
def test_an_absent_key_is_forgotten_by_the_engine_too(tmp_path: Path, data: bytes | None) -> None:
    bench = Bench(tmp_path, data, live_restore=True)
    bench.layer.apply()
    assert bench.engine.live
    bench.layer.restore()
    assert (bench.engine.mirrors, bench.engine.live) == ((), False)
    assert (bench.file.read_bytes() if data is not None else None) == data
    assert bench.file.parent.exists() is (data is not None)


def test_observing_touches_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path, b"{}")
    drift = bench.layer.drift()
    assert len(drift.differences) == 1
    assert (bench.file.read_bytes(), bench.engine.reloads) == (b"{}", 0)
    assert not bench.backups.directory.exists()
    assert "live-restore" in drift.notes[0].words


def test_works_without_a_running_engine(tmp_path: Path) -> None:
    bench = Bench(tmp_path, b"{}")
    bench.engine.up = False
    bench.layer.apply()
    assert bench.layer.drift().none
    bench.layer.restore()
    assert bench.file.read_bytes() == b"{}"


def test_an_engine_that_does_not_follow_its_file_is_drift(tmp_path: Path) -> None:
    bench = Bench(tmp_path, b"{}")
    bench.layer.apply()
    bench.engine.mirrors = ("https://evil.test/",)
    assert [d.place for d in bench.layer.drift().differences] == ["engine"]
    bench.layer.apply()
    assert bench.engine.mirrors == (f"{MIRROR}/",)


def test_rolls_back_what_the_engine_does_not_take(tmp_path: Path) -> None:
    bench = Bench(tmp_path, b'{"debug": true}')
    bench.engine.refuses_paths = True
    layer = EngineConfigLayer(bench.engine, bench.backups, EngineWish(f"{MIRROR}/path"))
    with pytest.raises(LayerFailed, match="did not accept"):
        layer.apply()
    assert bench.file.read_bytes() == b'{"debug": true}'
    assert bench.backups.of_layer("daemon.json") == []


def test_rolls_an_absent_file_and_its_directory_back(tmp_path: Path) -> None:
    bench = Bench(tmp_path, None)
    bench.engine.refuses_paths = True
    layer = EngineConfigLayer(bench.engine, bench.backups, EngineWish(f"{MIRROR}/path"))
    with pytest.raises(LayerFailed):
        layer.apply()
    assert not bench.file.parent.exists()


def test_asks_the_engines_own_check_before_it_switches(tmp_path: Path) -> None:
    bench = Bench(tmp_path, b"{}")
    bench.engine.dislikes = b"images.acme.test"
    with pytest.raises(LayerFailed, match="dislikes"):
        bench.layer.apply()
    assert (bench.file.read_bytes(), bench.engine.reloads) == (b"{}", 0)
    assert not bench.backups.candidate.exists()


def test_what_the_engine_has_against_the_present_file_is_not_ours_to_correct(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path, b'{"debug": true}')
    bench.engine.dislikes = b"debug"
    bench.layer.apply()
    assert bench.engine.mirrors == (f"{MIRROR}/",)


FLAGS = [
    ["--registry-mirror=https://x"],
    ["-H", "fd://", "--registry-mirror", "https://x"],
    ["--registry-mirror"],
]


@pytest.mark.parametrize("flags", FLAGS, ids=[" ".join(flags) for flags in FLAGS])
def test_a_key_that_is_a_flag_too_is_never_written(tmp_path: Path, flags: list[str]) -> None:
    bench = Bench(tmp_path, b"{}")
    bench.engine.argv = ["/usr/bin/dockerd", *flags]
    assert "--registry-mirror" in bench.layer.drift().blocked
    with pytest.raises(LayerFailed, match="would not start"):
        bench.layer.apply()
    assert bench.file.read_bytes() == b"{}"


def test_other_flags_are_no_conflict(tmp_path: Path) -> None:
    bench = Bench(tmp_path, b"{}")
    bench.engine.argv = ["dockerd", "--live-restore", "--registry-mirrors-x=1"]
    assert bench.layer.drift().blocked == ""
    bench.engine.argv = ["dockerd", "--insecure-registry=10.0.0.0/8"]
    assert "10.0.0.0/8" in bench.layer.drift().notes[-1].words


def test_flags_have_two_spellings_and_the_last_one_counts() -> None:
    arguments = ["dockerd", "--config-file", "/a", "--config-file=/b"]
    assert flag_value(arguments, "--config-file") == "/b"
    assert flag_value(arguments, "--config") is None


@pytest.mark.parametrize("data", [b"{", b'{"registry-mirrors": "x"}', b'{"insecure-registries":1}'])
def test_a_file_that_cannot_be_merged_blocks_and_is_left_alone(tmp_path: Path, data: bytes) -> None:
    bench = Bench(tmp_path, None)
    bench.file.parent.mkdir()
    bench.file.write_bytes(data)
    assert str(bench.file) in bench.layer.drift().blocked
    with pytest.raises(LayerFailed):
        bench.layer.apply()
    assert bench.file.read_bytes() == data


def test_an_engine_that_does_not_follow_the_way_back_is_reported(tmp_path: Path) -> None:
    bench = Bench(tmp_path, b"{}")
    bench.layer.apply()
    bench.engine.refuses_paths = True
    bench.engine.file = tmp_path / "elsewhere"
    undone = bench.layer.restore()
    assert "restart it" in undone.differences[-1].words
    assert bench.file.read_bytes() == b"{}"


def test_a_restored_engine_that_was_started_under_lockdown(tmp_path: Path) -> None:
    bench = Bench(tmp_path, b"{}")
    bench.layer.apply()
    bench.engine.restart()
    bench.layer.restore()
    assert (bench.engine.mirrors, bench.file.read_bytes()) == ((), b"{}")


@given(data=daemon_json())
def test_restore_undoes_apply_byte_for_byte(data: bytes) -> None:
    with quick_directory() as directory:
        _apply_and_restore(directory, data)


def _apply_and_restore(directory: Path, data: bytes) -> None:
    bench = Bench(directory, data, live_restore=True)
    before = bench.engine.word()
    bench.layer.apply()
    assert bench.layer.drift().none
    assert b'"live-restore"' in bench.file.read_bytes()
    bench.layer.restore()
    assert bench.file.read_bytes() == data
    assert bench.engine.word() == before


LOST = ["images.acme.test", "https://images.acme.test", "images.acme.test:443", "10.0.0.0/8"]


@pytest.mark.parametrize("entry", LOST)
def test_an_engine_asks_the_mirror_for_tls_again(tmp_path: Path, entry: str) -> None:
    data = json.dumps({"insecure-registries": [entry]}).encode()
    bench = Bench(tmp_path, data)
    before = bench.engine.insecure
    assert before == (entry.removeprefix("https://"),)
    bench.layer.apply()
    assert not bench.engine.insecure
    assert "insecure-registries" not in json.loads(bench.file.read_bytes())
    assert bench.layer.drift().none
    bench.layer.restore()
    assert bench.file.read_bytes() == data
    assert bench.engine.insecure == before


def test_an_engine_that_still_believes_the_mirror_is_drift(tmp_path: Path) -> None:
    bench = Bench(tmp_path, b"{}")
    bench.layer.apply()
    bench.engine.insecure = ("10.0.0.0/8", "other.test")
    assert "without TLS: 10.0.0.0/8" in bench.layer.drift().differences[0].words
    bench.layer.apply()
    assert bench.layer.drift().none
    assert "insecure-registries" not in json.loads(bench.file.read_bytes())


def test_an_engine_that_goes_on_believing_the_mirror_gets_its_file_back(tmp_path: Path) -> None:
    data = b'{"insecure-registries": ["images.acme.test"]}'
    bench = Bench(tmp_path, data)
    bench.engine.stubborn = True
    with pytest.raises(LayerFailed, match="without TLS"):
        bench.layer.apply()
    assert bench.file.read_bytes() == data


def test_a_kill_between_the_two_steps_leaves_nothing_behind(tmp_path: Path) -> None:
    data = b'{"insecure-registries": ["images.acme.test"]}'
    bench = Bench(tmp_path, data)
    reload = bench.engine.reload

    def killed(desired: EngineWord) -> bool:
        reload(desired)
        raise KeyboardInterrupt

    bench.engine.reload = killed  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        bench.layer.apply()
    assert json.loads(bench.file.read_bytes())["insecure-registries"] == []
    bench.engine.reload = reload  # type: ignore[method-assign]
    bench.layer.apply()
    assert "insecure-registries" not in json.loads(bench.file.read_bytes())
    bench.layer.restore()
    assert bench.file.read_bytes() == data


def test_a_flag_that_takes_the_mirrors_tls_away_blocks(tmp_path: Path) -> None:
    bench = Bench(tmp_path, b"{}")
    bench.engine.argv = [
        "dockerd",
        "--insecure-registry=x.test",
        "--insecure-registry",
        "10.0.0.0/8",
    ]
    drift = bench.layer.drift()
    assert "--insecure-registry 10.0.0.0/8" in drift.blocked
    assert "x.test" in drift.notes[1].words


def test_says_when_it_cannot_tell_what_a_network_covers(tmp_path: Path) -> None:
    bench = Bench(tmp_path, b'{"insecure-registries": ["10.0.0.0/8"]}')
    bench.meant = None
    notes = [note.words for note in bench.layer.drift().notes]
    assert any("could not be resolved" in words for words in notes), notes
    bench.meant = ("10.9.8.7",)
    assert not any("resolved" in note.words for note in bench.layer.drift().notes)
    bench.meant = None
    bench.layer.apply()
    assert bench.engine.insecure == (), "what the name meant last still counts"
