"""`export` and `import`: a tree arrives whole, moves forward only, or not at all."""

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from registrar.images.archive import ArchiveInvalid, export_tree, import_tree
from tests.registrar.admin_folder import AdminFolder
from tests.registrar.registry_server import Stored, make_image, serving


@pytest.fixture
def stored() -> Iterator[Stored]:
    with serving() as served:
        yield served


def tree(path: Path, *, version: int = 1, acme: int = 1) -> Path:
    """What publishing leaves behind, in its shape; no signature is looked at here."""
    stamp = json.dumps({"signed": {"version": version}}).encode()
    files = {
        "metadata/timestamp.json": stamp,
        "metadata/1.root.json": b"root",
        **{f"metadata/{n}.acme.json": b"acme %d" % n for n in range(1, acme + 1)},
        "targets/acme/0a.list.json": b"list",
        "blobs/0b": b"blob",
        "metadata/.leftover": b"of a crash",
    }
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def contents(path: Path) -> dict[str, bytes]:
    found = (one for one in path.rglob("*") if one.is_file())
    return {str(one.relative_to(path)): one.read_bytes() for one in found}


def test_a_tree_arrives_byte_for_byte_and_again_changes_nothing(tmp_path: Path) -> None:
    source = tree(tmp_path / "a", acme=2)
    count = export_tree(source, tmp_path / "x.tar")
    assert import_tree(tmp_path / "x.tar", tmp_path / "b") == count == 6
    wanted = contents(source)
    del wanted["metadata/.leftover"]
    assert contents(tmp_path / "b") == wanted
    assert import_tree(tmp_path / "x.tar", tmp_path / "b") == 0


def test_an_update_moves_forward_and_an_older_one_is_refused(tmp_path: Path) -> None:
    export_tree(tree(tmp_path / "a"), tmp_path / "old.tar")
    export_tree(tree(tmp_path / "a", version=2, acme=2), tmp_path / "new.tar")
    import_tree(tmp_path / "old.tar", tmp_path / "b")
    assert import_tree(tmp_path / "new.tar", tmp_path / "b") == 2
    before = contents(tmp_path / "b")
    with pytest.raises(ArchiveInvalid, match="acme in version 2 already"):
        import_tree(tmp_path / "old.tar", tmp_path / "b")
    export_tree(tree(tmp_path / "c", version=1, acme=2), tmp_path / "stamp.tar")
    with pytest.raises(ArchiveInvalid, match=r"timestamp\.json: the archive has another"):
        import_tree(tmp_path / "stamp.tar", tmp_path / "b")
    assert contents(tmp_path / "b") == before


def test_another_organizations_tree_is_refused(tmp_path: Path) -> None:
    export_tree(tree(tmp_path / "a", version=9), tmp_path / "x.tar")
    other = tree(tmp_path / "b")
    (other / "metadata/1.root.json").write_bytes(b"another root")
    before = contents(other)
    with pytest.raises(ArchiveInvalid, match=r"1\.root\.json: the archive has another one"):
        import_tree(tmp_path / "x.tar", other)
    assert contents(other) == before


def rewritten(source: Path, target: Path, changes: Mapping[str, bytes | None]) -> Path:
    """The same tar, some members changed, left out or added."""
    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        members = {one.name: old.extractfile(one) for one in old.getmembers()}
        found = {name: stream.read() for name, stream in members.items() if stream}
        for name, data in {**found, **changes}.items():
            if data is not None:
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                new.addfile(entry, io.BytesIO(data))
    return target


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"blobs/0b": b"evil"}, "not what was exported"),
        ({"blobs/0b": None}, "1 files are missing, first blobs/0b"),
        ({"metadata/../../evil": b"x"}, "does not belong there"),
        ({"export.json": None}, "it is not an export"),
        ({"export.json": b"{}"}, "is incomplete"),
    ],
)
def test_a_changed_archive_is_refused_and_nothing_written(
    tmp_path: Path, changes: dict[str, bytes | None], word: str
) -> None:
    export_tree(tree(tmp_path / "a"), tmp_path / "x.tar")
    bad = rewritten(tmp_path / "x.tar", tmp_path / "y.tar", changes)
    with pytest.raises(ArchiveInvalid, match=word):
        import_tree(bad, tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_a_link_in_an_archive_is_refused(tmp_path: Path) -> None:
    export_tree(tree(tmp_path / "a"), tmp_path / "x.tar")
    with tarfile.open(tmp_path / "x.tar") as old, tarfile.open(tmp_path / "y.tar", "w") as new:
        for member in old.getmembers():
            stream = old.extractfile(member)
            if member.name == "blobs/0b":
                member.type, member.linkname, member.size = tarfile.SYMTYPE, "/etc/passwd", 0
                stream = None
            new.addfile(member, stream)
    with pytest.raises(ArchiveInvalid, match="does not belong there"):
        import_tree(tmp_path / "y.tar", tmp_path / "b")


@pytest.mark.parametrize("size", [0, 100, 2000, 6000])
def test_an_archive_that_is_cut_off_is_refused(tmp_path: Path, size: int) -> None:
    export_tree(tree(tmp_path / "a"), tmp_path / "x.tar")
    (tmp_path / "y.tar").write_bytes((tmp_path / "x.tar").read_bytes()[:size])
    with pytest.raises(ArchiveInvalid):
        import_tree(tmp_path / "y.tar", tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_the_verbs(tmp_path: Path, stored: Stored) -> None:
    admin = AdminFolder(tmp_path)
    nothing = admin.run("export", tmp_path / "x.tar")
    assert "nothing is published there" in nothing.err
    assert not (tmp_path / "x.tar").exists()
    tree(admin.workspace.repository)
    assert "6 files" not in admin.fine("export", tmp_path / "x.tar")
    out = admin.fine("import", tmp_path / "x.tar", "--to", tmp_path / "served")
    assert "5 new files" in out
    assert "exists already" in admin.run("export", tmp_path / "x.tar").err
    web = stored.push(make_image())
    admin.approve(stored.reference(web))
    said = json.loads(admin.fine("export", "--scope", "acme.pay"))
    assert (said["scope"], said["approvals"][0]["id"]) == ("acme.pay", web.top_digest)
