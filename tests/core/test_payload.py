"""Reading and writing a scope's payload: what is written is read back, all else is refused."""

import json
import zlib
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.allowlist.allowlist import Constraints, Deny
from core.base_errors import InvalidAllowlist
from core.image.digest import Digest
from core.list_format.payload import Blob, Drop, ScopeDenies, SignedApproval, StalePolicy
from core.list_format.payload_next import DELTAS, approvals_of, next_list
from core.list_format.payload_pack import pack, unpacked
from core.list_format.payload_read import (
    approval_of_line,
    content_of,
    inflate,
    read_delta,
    read_denies,
    read_list,
    read_part,
    read_trail,
)
from core.list_format.payload_write import (
    added,
    approval_line,
    delta_lines,
    state_of,
    write_denies,
    write_list,
)
from tests.core.build import DAY, NOW, digest, waiver
from tests.core.payloads import MemoryBlobs, listing, signed
from tests.sync import documents

A = signed("a", platforms=("linux/amd64", "linux/arm64", "linux/arm/v7"), reason="Ünï \n why")


def urgent(hours: float) -> bytes:
    end = NOW + timedelta(hours=hours)
    deny = Deny(frozenset({digest("d")}), "bad", False, NOW, end, "ada", "emergency")
    return write_denies(ScopeDenies("emergency", 1, (deny,)))


def test_a_list_is_read_as_it_was_written() -> None:
    policy = StalePolicy(3600, "close")
    limits = Constraints(("r/**",), longest_lifetime=90 * DAY, forbid_exemptions=True)
    whole = listing(
        approvals=[A, signed("b")], waivers=[waiver("deny")], constraints=limits, policy=policy
    )
    assert read_list(write_list(whole), "acme") == whole


def test_the_description_alone_is_enough_to_write_a_list() -> None:
    """tests.sync.documents shares no code with the reader."""
    content = documents.ScopeContent("acme.pay", sequence=4, contact="ask Ann")
    for name in ("web", "db"):
        document = documents.approval(name)
        content.approvals[document["id"]] = document
    data = json.dumps(content.list_document(NOW, lambda _: {})).encode()
    found = read_list(data, "acme.pay")
    assert {approval.id for approval in found.approvals} == set(
        map(Digest.parse, content.approvals)
    )
    line = documents.line(next(iter(content.approvals.values())))
    assert approval_line(approval_of_line(line)) == line


def test_a_list_with_nothing_but_what_must_be_there_is_read() -> None:
    """As an older writer would leave it: what came later is optional."""
    least = {
        "format": 1,
        "scope": "acme",
        "sequence": 1,
        "published_at": "2026-11-23T12:00:00Z",
        "count": 0,
        "state": "0" * 64,
        "approvals": [],
    }
    assert read_list(json.dumps(least).encode(), "acme") == listing()


@pytest.mark.parametrize(("number", "fix"), [(2, "update dockwarden"), (0, "publish again")])
def test_another_format_is_refused_by_its_number(number: int, fix: str) -> None:
    data = write_list(listing()).replace(b'"format":1', b'"format":%d' % number)
    with pytest.raises(InvalidAllowlist, match=rf"\$\.format.*format {number}") as caught:
        read_list(data, "acme")
    assert fix in caught.value.hint


def test_an_unknown_key_is_refused_with_its_like() -> None:
    data = write_list(listing()).replace(b'"format"', b'"waiver":[],"format"')
    with pytest.raises(InvalidAllowlist, match="unknown key 'waiver'") as caught:
        read_list(data, "acme")
    assert "waivers" in caught.value.hint


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 2}, r"\$\.count"),
        ({"state": "1" * 64}, r"\$\.state"),
        ({"approvals": (A, A)}, r"\$\.approvals: two have one id"),
        ({"policy": StalePolicy(1, "explode")}, r"\$\.policy\.when_too_stale"),
        ({"scope": "acme.pay"}, r"\$\.scope"),
        ({"base": Blob(1, "ab" * 32, 5), "deltas": (Blob(2, "ab" * 32, 5),)}, r"\$\.deltas"),
        ({"base": Blob(2, "ab" * 32, 5)}, r"\$\.base"),
        ({"base": Blob(1, "ab" * 32, 9 << 20)}, r"\$\.base\.length"),
        ({"approvals": (replace(A, expires_at=A.approved_at),)}, r"approvals\[0\]\.expires_at"),
        ({"approvals": (replace(A, index=None),)}, r"approvals\[0\]: several platforms"),
        ({"approvals": (replace(A, approvers=()),)}, r"approvals\[0\].*approvers"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(change: dict[str, object], message: str) -> None:
    data = write_list(replace(listing(approvals=[A]), **change))  # type: ignore[arg-type] # by field
    with pytest.raises(InvalidAllowlist, match=f"acme/list.json: .*{message}") as caught:
        read_list(data, "acme")
    assert caught.value.hint


def test_only_the_organization_has_a_policy() -> None:
    data = write_list(listing("acme.pay", policy=StalePolicy()))
    with pytest.raises(InvalidAllowlist, match="only the organization"):
        read_list(data, "acme.pay")


@pytest.mark.parametrize("hours", [0, -1, 24.001])
def test_an_emergency_deny_lasts_a_day_at_most(hours: float) -> None:
    with pytest.raises(InvalidAllowlist, match=r"denies\[0\]\.expires_at"):
        read_denies(urgent(hours), "emergency")


def test_an_emergency_deny_speaks_in_its_own_name() -> None:
    (deny,) = read_denies(urgent(24), "emergency").denies
    assert (deny.scope, deny.expires_at, deny.by) == ("emergency", NOW + DAY, "ada")


def test_a_line_spelt_otherwise_is_refused() -> None:
    line = approval_line(A)
    assert approval_of_line(line) == A
    for other in (line + b" ", line.replace(b",", b", ", 1), line.replace(b"Z", b"+00:00")):
        with pytest.raises(InvalidAllowlist, match="canonical"):
            approval_of_line(other)


def test_a_state_forgets_what_went() -> None:
    lines = [approval_line(signed(name)) for name in "abc"]
    state = state_of(signed(name) for name in "ba")
    assert added(added(state, lines[2:]), lines[2:], sign=-1) == state
    assert added(added("0" * 64, lines), lines, sign=-1) == "0" * 64


@pytest.mark.parametrize("form", [zlib.compress, pack], ids=["plain", "dense"])
def test_a_delta_is_read_as_it_was_written(form: object) -> None:
    assert callable(form)
    changes = [Drop(digest("x")), signed("b"), A]
    blob = form(delta_lines([A, signed("b")], [Drop(digest("x"))]))
    assert sorted(map(repr, read_delta(inflate(blob)))) == sorted(map(repr, changes))


def test_a_dense_part_is_smaller_and_says_the_same() -> None:
    lines = b"\n".join(approval_line(signed(f"n{n}")) for n in range(50))
    assert unpacked(inflate(pack(lines))) == lines
    assert len(pack(lines)) < 0.9 * len(zlib.compress(lines, 9))
    assert len(list(read_part(inflate(pack(lines)), "acme"))) == 50


@pytest.mark.parametrize(
    "content", [b"\x01", b"\x01\0\n\x01", b"\x01a\n\x01x", b"\x01\0\0\n\x01" + b"a" * 32]
)
def test_a_dense_blob_that_is_not_whole_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidAllowlist, match="not whole"):
        unpacked(content)


def test_a_blob_never_inflates_beyond_its_limit() -> None:
    bomb = zlib.compress(b"0" * 100_000)
    assert len(inflate(bomb, 100_000)) == 100_000
    for blob, limit in ((bomb, 99_999), (bomb[:-5], 100_000), (bomb + b"x", 100_000), (b"no", 9)):
        with pytest.raises(InvalidAllowlist, match="a blob"):
            inflate(blob, limit)


def test_other_bytes_than_were_named_are_refused() -> None:
    blob = Blob(1, "ab" * 32, 4)
    with pytest.raises(InvalidAllowlist, match="other bytes"):
        content_of(blob, b"abcd")


@settings(max_examples=300)
@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_garbage_is_refused_by_one_error(data: bytes) -> None:
    for read in (read_denies, read_list, read_trail):
        with pytest.raises(InvalidAllowlist):
            read(data, "acme")
    try:
        list(read_delta(data))
    except InvalidAllowlist as error:
        assert error.hint


def test_a_long_list_grows_by_deltas_and_gets_a_new_base() -> None:
    blobs, held = MemoryBlobs(), None
    before: tuple[SignedApproval, ...] = ()
    bases = set()
    world = [signed(f"n{n}") for n in range(60)]
    for count in range(1, 41):
        approvals = tuple(world[count // 3 : 20 + count])
        held = next_list(listing("acme", approvals), held, before, blobs, inline_bytes=0)
        assert read_list(write_list(held), "acme") == held
        assert held.sequence == count
        assert held.base is not None
        assert set(approvals_of(held, blobs).values()) == set(approvals)
        trail = read_trail(content_of(held.base, blobs.get(held.base.sha256)), "acme")
        assert len(trail.deltas) <= DELTAS
        bases.add(held.base.sequence)
        before = approvals
    assert 1 < len(bases) < 40


def test_a_list_that_says_the_same_is_not_published_again() -> None:
    blobs = MemoryBlobs()
    for room in (0, 1 << 20):
        first = next_list(listing("acme", [A]), None, (), blobs, inline_bytes=room)
        later = replace(listing("acme", [A]), published_at=NOW + DAY)
        assert next_list(later, first, [A], blobs, inline_bytes=room) is first


def test_a_waiver_more_moves_no_blob() -> None:
    blobs = MemoryBlobs()
    first = next_list(listing("acme", [A]), None, (), blobs, inline_bytes=0)
    kept = dict(blobs.kept)
    draft = listing("acme", [A], waivers=[waiver("deny")])
    second = next_list(draft, first, [A], blobs, inline_bytes=0)
    assert (second.sequence, second.base, second.waivers) == (2, first.base, draft.waivers)
    assert blobs.kept == kept


def test_a_short_list_holds_its_approvals_itself() -> None:
    found = next_list(listing("acme", [A]), None, (), MemoryBlobs())
    assert found == replace(listing("acme", [A]), sequence=1)
