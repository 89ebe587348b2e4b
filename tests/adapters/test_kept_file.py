"""One kept file: nothing of it is lost, whatever stands in the way."""

import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.errors import LayerFailed
from agent.files import file_state, kept_file
from agent.files.backup import Backups
from agent.files.kept_file import KeptFile
from agent.merging.merge import Whole
from agent.merging.merge_engine import EngineWish, engine_keys

WISH = EngineWish("https://images.acme.test")
TEXT = b'{\n    "debug": true\n}\n'
ROOT = os.geteuid() == 0


@pytest.fixture
def backups(tmp_path: Path) -> Backups:
    return Backups(tmp_path / "state" / "backup")


@pytest.fixture
def kept(backups: Backups) -> Callable[[Path], KeptFile]:
    return lambda path: KeptFile(path, "t", backups, lambda data: engine_keys(data, WISH))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    path = tmp_path / "etc" / "daemon.json"
    path.write_bytes(TEXT)
    return path


def write(kept: KeptFile, backups: Backups) -> None:
    with backups.lock():
        kept.write(kept.look())


def restore(backups: Backups) -> list[str]:
    with backups.lock():
        returns = [kept_file.plan_return(record) for record in backups.of_layer("t")]
        for back in returns:
            kept_file.put_back(back, backups)
    return [back.words for back in returns]


Kept = Callable[[Path], KeptFile]


def test_keeps_mode_and_owner_and_puts_them_back(kept: Kept, backups: Backups, file: Path) -> None:
    file.chmod(0o640)
    if ROOT:
        os.chown(file, 1234, 4321)
    before = file.stat()
    write(kept(file), backups)
    assert b"images.acme.test" in file.read_bytes()
    restore(backups)
    after = file.stat()
    assert file.read_bytes() == TEXT
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode, before.st_uid, before.st_gid
    )  # fmt: skip
    assert backups.of_layer("t") == []


def test_an_absent_file_and_its_directories_are_absent_again(
    kept: Kept, backups: Backups, tmp_path: Path
) -> None:
    path = tmp_path / "a" / "b" / "daemon.json"
    write(kept(path), backups)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755
    restore(backups)
    assert not (tmp_path / "a").exists()


def test_a_directory_that_others_use_by_now_stays(
    kept: Kept, backups: Backups, tmp_path: Path
) -> None:
    path = tmp_path / "a" / "b" / "daemon.json"
    write(kept(path), backups)
    (tmp_path / "a" / "theirs").touch()
    restore(backups)
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["theirs"]


def test_edits_the_file_behind_a_symbolic_link(
    kept: Kept, backups: Backups, file: Path, tmp_path: Path
) -> None:
    link = tmp_path / "link.json"
    link.symlink_to("etc/daemon.json")
    write(kept(link), backups)
    assert link.is_symlink()
    assert b"images.acme.test" in file.read_bytes()
    restore(backups)
    assert (link.is_symlink(), file.read_bytes()) == (True, TEXT)


def test_an_editor_that_replaces_the_link_loses_nothing(
    kept: Kept, backups: Backups, file: Path, tmp_path: Path
) -> None:
    link = tmp_path / "link.json"
    link.symlink_to("etc/daemon.json")
    write(kept(link), backups)
    edited = link.read_bytes().replace(b"true", b"false")
    link.unlink()
    link.write_bytes(edited)
    restore(backups)
    assert file.read_bytes() == TEXT


def test_follows_links_as_the_kernel_does(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "up").symlink_to("a/b/../b")
    (tmp_path / "a" / "b" / "far").symlink_to(tmp_path / "a" / "x" / ".." / "absent")
    (tmp_path / "a" / "x").mkdir()
    for name in ("up/far", "a/./b", "up/../b/far", "nowhere/x"):
        assert file_state.real(tmp_path / name) == (tmp_path / name).resolve()


def test_links_below_another_root_stay_there(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/daemon.json")
    link = Path(f"/proc/{os.getpid()}/root{tmp_path}/link")
    assert str(file_state.real(link)) == f"/proc/{os.getpid()}/root/etc/daemon.json"


def test_a_circle_of_links_is_refused(kept: Kept, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(LayerFailed):
        kept(tmp_path / "a").look()


def test_heals_and_gives_back_what_others_have_written(
    kept: Kept, backups: Backups, file: Path
) -> None:
    write(kept(file), backups)
    file.write_bytes(b'{\n    "debug": true,\n    "mtu": 1400\n}\n')
    write(kept(file), backups)
    assert b"images.acme.test" in file.read_bytes()
    assert "only dockwarden's part" in restore(backups)[0]
    assert file.read_bytes() == b'{\n    "debug": true,\n    "mtu": 1400\n}\n'


def test_an_edit_of_our_key_alone_is_healed_to_the_byte(
    kept: Kept, backups: Backups, file: Path
) -> None:
    write(kept(file), backups)
    ours = file.read_bytes()
    file.write_bytes(ours.replace(b"images.acme.test", b"mirror.evil.test"))
    write(kept(file), backups)
    assert file.read_bytes() == ours
    restore(backups)
    assert file.read_bytes() == TEXT


def test_a_removed_file_comes_back_whole(kept: Kept, backups: Backups, file: Path) -> None:
    write(kept(file), backups)
    ours = file.read_bytes()
    file.unlink()
    write(kept(file), backups)
    assert file.read_bytes() == ours
    file.unlink()
    restore(backups)
    assert file.read_bytes() == TEXT


def test_another_mirror_is_no_edit_of_others(backups: Backups, file: Path) -> None:
    for mirror in ("https://one.test", "https://two.test"):
        wish = EngineWish(mirror)
        write(KeptFile(file, "t", backups, lambda data, w=wish: engine_keys(data, w)), backups)  # type: ignore[misc]
    assert b"two.test" in file.read_bytes()
    assert b"one.test" not in file.read_bytes()
    assert restore(backups) == ["put back byte for byte"]
    assert file.read_bytes() == TEXT


def test_a_change_between_look_and_switch_is_not_overwritten(
    kept: Kept, backups: Backups, file: Path
) -> None:
    with backups.lock():
        sight = kept(file).look()
        file.write_bytes(b'{"theirs": 1}')
        with pytest.raises(LayerFailed, match="changed by another process just now"):
            kept(file).write(sight)
    assert file.read_bytes() == b'{"theirs": 1}'
    assert (backups.of_layer("t"), os.listdir(file.parent)) == ([], ["daemon.json"])  # noqa: PTH208


@pytest.mark.parametrize("data", [b"{", b"\xff\xfe{\x00", b'{"a": 1, "a": 2}', b"[]"])
def test_a_broken_file_is_named_and_left_alone(
    kept: Kept, backups: Backups, file: Path, data: bytes
) -> None:
    file.write_bytes(data)
    with pytest.raises(LayerFailed, match=r"daemon\.json: .*(line 1|type array)"):
        write(kept(file), backups)
    assert file.read_bytes() == data
    assert backups.of_layer("t") == []


def test_a_file_broken_since_keeps_its_backup(kept: Kept, backups: Backups, file: Path) -> None:
    write(kept(file), backups)
    file.write_bytes(b"{")
    with pytest.raises(LayerFailed, match="restore again"):
        restore(backups)
    assert backups.of_layer("t")[0].original.data == TEXT


def test_what_is_no_file_is_refused(kept: Kept, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "directory").mkdir()
    for name in ("fifo", "directory"):
        with pytest.raises(LayerFailed):
            kept(tmp_path / name).look()


def test_a_broken_backup_is_named_and_nothing_is_written(
    kept: Kept, backups: Backups, file: Path
) -> None:
    write(kept(file), backups)
    ours = file.read_bytes()
    for place in backups.directory.glob("*.json"):
        place.write_bytes(b'{"version": 1}')
    with pytest.raises(LayerFailed, match=r"the backup .* cannot be read"):
        write(kept(file), backups)
    assert file.read_bytes() == ours


def test_backups_are_for_root_alone(kept: Kept, backups: Backups, file: Path) -> None:
    write(kept(file), backups)
    assert stat.S_IMODE(backups.directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(p.stat().st_mode) for p in backups.directory.iterdir()} == {0o600}


@pytest.fixture
def immutable(file: Path) -> Iterator[Path]:
    done = subprocess.run(["chattr", "+i", file], check=False, capture_output=True)
    if done.returncode:
        pytest.skip("this file system knows no immutable files")
    yield file
    subprocess.run(["chattr", "-i", file], check=True)


def test_an_immutable_file_is_named_and_nothing_is_lost(
    kept: Kept, backups: Backups, immutable: Path
) -> None:
    with pytest.raises(LayerFailed, match="chattr -i"):
        write(kept(immutable), backups)
    assert immutable.read_bytes() == TEXT
    assert [p.name for p in immutable.parent.iterdir()] == ["daemon.json"]
    assert backups.of_layer("t") == []


@pytest.mark.skipif(not ROOT, reason="mounts need root")
def test_a_read_only_file_system_is_named_and_nothing_is_lost(file: Path, tmp_path: Path) -> None:
    """In a mount namespace of its own: the machine sees no mount."""
    script = f"""
import sys
sys.path.insert(0, {os.getcwd()!r})
from pathlib import Path
from tests.adapters.test_kept_file import *
backups = Backups({str(tmp_path / "backup")!r})
file = Path({str(file)!r})
try:
    write(KeptFile(file, "t", backups, lambda data: engine_keys(data, WISH)), backups)
except LayerFailed as error:
    assert "remount it writable" in str(error), error
    assert backups.of_layer("t") == [] and file.read_bytes() == TEXT
    print("refused")
"""  # noqa: PTH109
    mount = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$2" -c "$3"'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", mount, "sh", file.parent, os.sys.executable, script],  # type: ignore[attr-defined]
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "refused\n", done.stderr


def test_a_whole_file_replaces_and_returns(backups: Backups, file: Path) -> None:
    kept = KeptFile(file, "t", backups, lambda _: Whole("ours\n"))
    write(kept, backups)
    assert file.read_bytes() == b"ours\n"
    restore(backups)
    assert file.read_bytes() == TEXT
