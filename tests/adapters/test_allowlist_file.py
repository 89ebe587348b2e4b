"""The list file: what is read, what is refused and how that is said, who may write it."""

import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.allowlist_file import FileAllowlist, dump
from agent.adapters.allowlist_file.reading import parse
from agent.errors import AllowlistRejected
from core.allowlist.allowlist import Level
from core.base_errors import InvalidAllowlist
from core.image.digest import Digest
from tests.core.build import digest
from tests.core.strategies import chains

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs/reference/allowlist.md"
EXAMPLE = re.findall(r"```json\n(.*?)```", DOCS.read_text(), re.DOTALL)[0]


def put(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(0o644)
    return path


def edited(change: Callable[[Any], object]) -> bytes:
    document = json.loads(EXAMPLE)
    change(document)
    return json.dumps(document).encode()


def test_the_documented_example_is_read() -> None:
    document = parse(EXAMPLE.encode())
    organization, program = document.levels
    assert (document.sequence, document.contact) == (42, "platform@acme.example")
    assert (organization.scope, program.scope) == ("acme", "acme.pay")
    nginx = organization.approvals[0]
    assert nginx.pull == Digest("sha256", "1" * 64)
    assert nginx.chain_ids == {Digest("sha256", "4" * 64)}
    assert nginx.expires_at == datetime(2027, 2, 1, 9, tzinfo=UTC)
    assert organization.denies[0].revoked
    assert organization.denies[0].denied_at == datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
    assert organization.waivers[0].owner == "eve@acme.example"
    assert organization.constraints.longest_lifetime == timedelta(days=180)


@given(chains(), st.integers(0, 2**53 - 1), st.sampled_from(("", "ask Ann")))
def test_what_is_dumped_is_read_back(
    levels: tuple[Level, ...], sequence: int, contact: str
) -> None:
    document = parse(dump(levels, sequence, contact))
    assert document.levels == levels
    assert (document.sequence, document.contact) == (sequence, contact)
    assert dump(document.levels, sequence, contact) == dump(levels, sequence, contact)


def test_a_lifetime_that_is_not_of_whole_days_cannot_be_dumped() -> None:
    constraints = parse(EXAMPLE.encode()).levels[0].constraints
    odd = replace(constraints, longest_lifetime=timedelta(hours=5))
    with pytest.raises(ValueError, match="whole days"):
        dump([Level("acme", constraints=odd)], 1)


def at(*path: str | int) -> Callable[[Any], Any]:
    def find(document: Any) -> Any:
        for step in path:
            document = document[step]
        return document

    return find


APPROVAL = at("levels", 0, "approvals", 0)
DENY = at("levels", 0, "denies", 0)
WAIVER = at("levels", 0, "waivers", 0)
CONSTRAINTS = at("levels", 0, "constraints")


@pytest.mark.parametrize(
    ("change", "place", "fix"),
    [
        (
            lambda d: APPROVAL(d)["digests"].__setitem__(2, "sha256:1"),
            "$.levels[0].approvals[0].digests[2]",
            "64 lower-case",
        ),
        (
            lambda d: APPROVAL(d).update(expire_at="x"),
            "$.levels[0].approvals[0]",
            "write expires_at",
        ),
        (lambda d: d.update(zzz=1), "$", "remove it"),
        (lambda d: d.pop("sequence"), "$", "docs/reference/allowlist.md"),
        (lambda d: d.update(version=2), "$.version", ""),
        (lambda d: d.update(sequence=-1), "$.sequence", ""),
        (lambda d: d.update(sequence="42"), "$.sequence", ""),
        (lambda d: d.update(levels=[]), "$.levels", ""),
        (
            lambda d: APPROVAL(d).update(repository="nginx:1"),
            "$.levels[0].approvals[0].repository",
            "without tag",
        ),
        (
            lambda d: APPROVAL(d).update(tags=["ok", "-no"]),
            "$.levels[0].approvals[0].tags[1]",
            "128 letters",
        ),
        (
            lambda d: APPROVAL(d).update(digests=[]),
            "$.levels[0].approvals[0].digests",
            "at least one",
        ),
        (
            lambda d: APPROVAL(d).update(chain_ids=["x"]),
            "$.levels[0].approvals[0].chain_ids[0]",
            "sha256:",
        ),
        (
            lambda d: APPROVAL(d).update(pull=str(digest("?"))),
            "$.levels[0].approvals[0].pull",
            "add it to digests",
        ),
        (
            lambda d: APPROVAL(d).update(expires_at="2026-13-01T00:00:00Z"),
            "$.levels[0].approvals[0].expires_at",
            "2027-01-31T12:00:00Z",
        ),
        (
            lambda d: APPROVAL(d).update(expires_at="2027-01-01T00:00:00"),
            "$.levels[0].approvals[0].expires_at",
            "2027-01-31T12:00:00Z",
        ),
        (
            lambda d: APPROVAL(d).update(expires_at="9999-12-31T23:59:59-23:00"),
            "$.levels[0].approvals[0].expires_at",
            "2027-01-31T12:00:00Z",
        ),
        (
            lambda d: APPROVAL(d).update(expires_at="2026-11-01T09:00:00Z"),
            "$.levels[0].approvals[0].expires_at",
            "correct one",
        ),
        (lambda d: APPROVAL(d).update(scanners=[""]), "$.levels[0].approvals[0].scanners[0]", ""),
        (lambda d: DENY(d).update(reason=" "), "$.levels[0].denies[0].reason", "say it in words"),
        (lambda d: DENY(d).update(revoked=1), "$.levels[0].denies[0].revoked", ""),
        (lambda d: WAIVER(d).pop("expires_at"), "$.levels[0].waivers[0]", ""),
        (lambda d: WAIVER(d).update(expires_at=None), "$.levels[0].waivers[0].expires_at", ""),
        (lambda d: WAIVER(d).update(owner=""), "$.levels[0].waivers[0].owner", "say it in words"),
        (lambda d: WAIVER(d).update(reason=""), "$.levels[0].waivers[0].reason", "say it in words"),
        (
            lambda d: WAIVER(d).update(lifts="all"),
            "$.levels[0].waivers[0].lifts",
            "deny or constraint",
        ),
        (
            lambda d: CONSTRAINTS(d).update(longest_lifetime_days=0),
            "$.levels[0].constraints.longest_lifetime_days",
            "36500",
        ),
        (
            lambda d: CONSTRAINTS(d).update(repositories=["a b"]),
            "$.levels[0].constraints.repositories[0]",
            "**",
        ),
        (
            lambda d: at("levels", 1)(d).update(scope="other.pay"),
            "$.levels[1].scope",
            "acme.<word>",
        ),
        (
            lambda d: at("levels", 1)(d).update(scope="acme.pay.web"),
            "$.levels[1].scope",
            "acme.<word>",
        ),
        (lambda d: at("levels", 1)(d).update(scope="acme"), "$.levels[1].scope", "acme.<word>"),
        (
            lambda d: at("levels", 0)(d).update(scope="acme.pay"),
            "$.levels[0].scope",
            "organization",
        ),
        (lambda d: at("levels", 0)(d).update(scope="Acme"), "$.levels[0].scope", "a-z"),
    ],
)
def test_every_fault_is_placed_and_comes_with_a_fix(
    change: Callable[[Any], object], place: str, fix: str
) -> None:
    with pytest.raises(InvalidAllowlist) as caught:
        parse(edited(change))
    assert caught.value.message.startswith(f"{place}: ")
    assert fix in caught.value.hint
    assert caught.value.hint


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update({"a\x07": 1}), r"$: unknown key 'a\x07'"),
        (lambda d: d.pop("sequence"), "$: the key 'sequence' is missing"),
        (lambda d: d.update(version=2), "$.version: it must be 1"),
        (lambda d: d.update(version=True), "$.version: it must be 1"),
        (lambda d: d.update(sequence=-1), "$.sequence: it is less than 0"),
        (lambda d: d.update(sequence=2**53), "$.sequence: it is too large"),
        (lambda d: d.update(sequence=1.5), "$.sequence: it must be an integer, not a number"),
        (lambda d: d.update(sequence=True), "$.sequence: it must be an integer, not a boolean"),
        (lambda d: d.update(levels=[]), "$.levels: it is empty"),
        (lambda d: d.update(levels={}), "$.levels: it must be an array, not an object"),
        (lambda d: d.update(contact=None), "$.contact: it must be a string, not null"),
        (
            lambda d: APPROVAL(d).update(scanners=[""]),
            "$.levels[0].approvals[0].scanners[0]: it is empty",
        ),
        (
            lambda d: DENY(d).update(revoked=1),
            "$.levels[0].denies[0].revoked: it must be true or false, not a number",
        ),
        (
            lambda d: at("levels", 0)(d).update(constraints=[]),
            "$.levels[0].constraints: it must be an object, not an array",
        ),
    ],
)
def test_what_the_schema_forbids_is_reported_in_our_own_words(
    change: Callable[[Any], object], message: str
) -> None:
    with pytest.raises(InvalidAllowlist) as caught:
        parse(edited(change))
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"", "line 1, column 1: "),
        (b'{"version": 1,\n "sequence": }', "line 2, column 14: "),
        (b'{"version": 1,\n "sequence": 1, ', "line 2, column 17: "),
        (b'{"version": 1,\n "contact": "\xff"}', "line 2, column 14: it is not UTF-8"),
        (b'{"version": 1,\n\n "version": 1, "sequence": 1, "levels": [{"scope": "a"}]}',
         "line 3, column 2: the key 'version' appears twice"),
        (b'{"version": 1, "sequence": 1, "levels": [{"scope": "a", "scop\\u0065": "a"}]}',
         "line 1, column 57: the key 'scope' appears twice"),
        (b"\xef\xbb\xbf{}", "line 1, column 1: "),
        (b"[" * 100_000, "line 1, column 102: nested more than 100 deep"),
        (b'{"version": 1, "sequence": 1, "levels": [], NaN: 1}',
         "line 1, column 45: a string in double quotes must be here, not 'N'"),
        (b'{"version": 1, "sequence": 1, "levels": [{"scope": "\\ud800"}]}',
         "$: it contains what strict readers refuse, such as half of a surrogate pair"),
        (b'{"version": 1, "sequence": ' + b"9" * 5000 + b"}", "$.sequence: it is too large"),
    ],
)  # fmt: skip
def test_malformed_json_is_placed_by_line_and_column(content: bytes, place: str) -> None:
    with pytest.raises(InvalidAllowlist) as caught:
        parse(content)
    assert caught.value.message.startswith(place)
    assert caught.value.hint


def test_keys_may_repeat_in_different_objects_and_look_like_texts() -> None:
    contact = '"version": 1, {\\" : "'
    assert parse(edited(lambda d: d.update(contact=contact))).contact == contact


@given(st.binary() | st.text().map(str.encode) | st.builds(
    lambda cut, junk: EXAMPLE.encode()[:cut] + junk + EXAMPLE.encode()[cut + len(junk) :],
    st.integers(0, len(EXAMPLE)), st.binary(max_size=3),
))  # fmt: skip
def test_any_bytes_are_a_list_or_one_named_error(content: bytes) -> None:
    try:
        document = parse(content)
    except InvalidAllowlist as error:
        assert error.message
        return
    assert parse(dump(document.levels, document.sequence, document.contact)) == document


def test_the_source_gives_the_list_and_says_it_is_unsigned(tmp_path: Path) -> None:
    path = put(tmp_path / "list.json", EXAMPLE)
    source = FileAllowlist(path)
    info = source.load().info
    assert (info.sequence, info.signed, info.scope) == (42, False, "acme.pay")
    assert info.origin == f"file:{path}, unsigned"
    assert (info.approvals, info.denies, info.contact) == (2, 1, "platform@acme.example")
    assert source.watched() == (str(path),)


def refusal(path: Path, **options: int) -> AllowlistRejected:
    with pytest.raises(AllowlistRejected) as caught:
        FileAllowlist(path, **options).load()
    assert caught.value.hint
    assert str(path) in caught.value.message or str(path.parent) in caught.value.message
    return caught.value


def test_a_fault_is_reported_with_the_file(tmp_path: Path) -> None:
    path = put(tmp_path / "list.json", edited(lambda d: d.pop("levels")))
    assert f"{path}: $: the key 'levels' is missing" in str(refusal(path))


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    assert "does not exist" in str(refusal(tmp_path / "list.json"))
    assert "does not exist" in str(refusal(tmp_path / "none" / "list.json"))


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_a_file_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = put(tmp_path / "list.json", EXAMPLE)
    path.chmod(mode)
    assert refusal(path).hint == f"chmod go-w {path}"


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1777])
def test_a_directory_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = put(tmp_path / "list.json", EXAMPLE)
    tmp_path.chmod(mode)
    assert refusal(path).hint == f"chmod go-w {tmp_path}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_strangers_file_or_directory_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path / "list.json", EXAMPLE)
    os.chown(path, 12345, 0)
    assert "belongs to the user 12345" in str(refusal(path))
    os.chown(path, 0, 0)
    os.chown(tmp_path, 12345, 0)
    assert "belongs to the user 12345" in str(refusal(path))


def test_a_link_is_followed_and_its_target_checked(tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir(mode=0o755)
    target = put(store / "list.json", EXAMPLE)
    link = tmp_path / "list.json"
    link.symlink_to("store/list.json")
    assert FileAllowlist(link).load().info.sequence == 42
    target.chmod(0o666)
    assert "chmod go-w" in refusal(link).hint
    target.chmod(0o644)
    store.chmod(0o777)
    assert refusal(link).hint == f"chmod go-w {store}"


def test_the_directory_of_every_link_is_checked(tmp_path: Path) -> None:
    between = tmp_path / "between"
    between.mkdir()
    put(tmp_path / "target.json", EXAMPLE)
    (between / "list.json").symlink_to("../target.json")
    link = tmp_path / "list.json"
    link.symlink_to("between/list.json")
    assert FileAllowlist(link).load().info.sequence == 42
    between.chmod(0o777)
    assert refusal(link).hint == f"chmod go-w {between}"


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o644)
    assert "not a regular file" in str(refusal(tmp_path / "pipe"))
    assert "not a regular file" in str(refusal(tmp_path))
    (tmp_path / "circle").symlink_to("circle")
    refusal(tmp_path / "circle")


def test_a_file_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    path = put(tmp_path / "list.json", EXAMPLE)
    assert FileAllowlist(path, limit=len(EXAMPLE.encode())).load().info.sequence == 42
    assert "bytes, more than" in str(refusal(path, limit=len(EXAMPLE.encode()) - 1))


def open_descriptors() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    path = put(tmp_path / "list.json", EXAMPLE)
    before = open_descriptors()
    FileAllowlist(path).load()
    refusal(put(path, b"{"))
    refusal(tmp_path)
    path.chmod(0o666)
    refusal(path)
    assert open_descriptors() == before
