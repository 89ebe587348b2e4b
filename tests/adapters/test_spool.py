"""The spool: bounded, in order, chained; what goes first, what is counted, what is set aside."""

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from agent.adapters.spool import SqliteSpool
from agent.errors import SinkFailed
from agent.helpers.uplink.outbox import Outbox, Record
from agent.helpers.uplink.spool_table import OVERHEAD
from agent.ports.spool_port import DROPS, FINDING, HEARTBEAT, Entry
from core.hash_chain import START, link
from core.ids import new_id
from tests.fakes.clock import FakeClock
from tests.fakes.findings import AT

SIZE = 1000 - OVERHEAD  # of data, so that a record takes a thousand bytes


def entry(number: int, *, urgent: bool = True, group: str = "", counted: bool = False) -> Entry:
    at = AT + timedelta(seconds=number)
    data = json.dumps({"number": number, "pad": ""}).encode()
    data = json.dumps({"number": number, "pad": "x" * (SIZE - len(data))}).encode()
    type_ = FINDING if urgent else HEARTBEAT
    time = at.isoformat().replace("+00:00", "Z")
    return Entry(new_id(at, number.to_bytes(8, "big")), type_, time, data, urgent, group, counted)


def make(folder: Path, records: int = 100, reserved: float = 0.5) -> SqliteSpool:
    """A spool with room for so many records of a thousand bytes."""
    most = records * 1000 * 10 // 9 + 10
    return SqliteSpool(folder / "spool.db", FakeClock(), max_bytes=most, reserved=reserved)


def waiting(spool: SqliteSpool) -> list[Record]:
    with closing(sqlite3.connect(spool.path)) as db:
        rows = db.execute(
            "SELECT sequence, id, type, time, count, prevhash, hash, data FROM records ORDER BY 1"
        )
        return [Record(*row) for row in rows]


def numbers(spool: SqliteSpool) -> list[int]:
    return [json.loads(r.data)["number"] for r in waiting(spool) if r.type != DROPS]


def test_in_order_numbered_and_chained_also_after_a_restart(tmp_path: Path) -> None:
    spool = make(tmp_path)
    spool.keep([entry(1), entry(2, urgent=False)])
    spool.close()
    spool = make(tmp_path)
    spool.keep([entry(3)])
    found = waiting(spool)
    assert [record.sequence for record in found] == [1, 2, 3]
    epoch = Outbox(spool.path).epoch
    before = START
    for r in found:
        assert r.prevhash == before
        before = link(
            before, epoch=epoch, sequence=r.sequence, id=r.id, type=r.type, time=r.time, data=r.data
        )
        assert r.hash == before


def test_the_chain_goes_on_after_everything_was_sent(tmp_path: Path) -> None:
    spool = make(tmp_path)
    spool.keep([entry(1)])
    outbox = Outbox(spool.path)
    last = outbox.oldest()[0]
    outbox.forget([last])
    spool.keep([entry(2)])
    assert [(r.sequence, r.prevhash) for r in waiting(spool)] == [(2, last.hash)]
    assert spool.state().records == 1


def test_when_full_the_oldest_that_are_not_urgent_go_first_and_that_is_reported(
    tmp_path: Path,
) -> None:
    spool = make(tmp_path, 10)
    spool.keep([entry(n, urgent=n % 2 == 0) for n in range(1, 11)])
    spool.keep([entry(11), entry(12)])
    assert numbers(spool) == [2, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    assert spool.state().dropped == 2
    outbox = Outbox(spool.path)
    outbox.forget(outbox.oldest())
    roomy = make(tmp_path, 200)
    assert roomy.settle()
    told = json.loads(waiting(roomy)[-1].data)
    assert (told["count"], told["by_type"]) == (2, {HEARTBEAT: 2})
    assert told["ranges"] == [{"first": 1, "last": 1}, {"first": 3, "last": 3}]
    assert not roomy.settle()  # once


def test_others_never_take_what_is_reserved(tmp_path: Path) -> None:
    spool = make(tmp_path, 10)
    spool.keep([entry(n, urgent=False) for n in range(1, 21)])
    assert numbers(spool) == [16, 17, 18, 19, 20]
    spool.keep([entry(n) for n in range(21, 26)])
    assert numbers(spool) == list(range(16, 26))


def test_full_of_violations_they_are_counted_by_image_and_none_is_lost(tmp_path: Path) -> None:
    spool = make(tmp_path, 20)
    spool.keep([entry(n, group=f"image-{n % 3}") for n in range(100)])
    state = spool.state()
    assert (state.records, state.held, state.dropped) == (20, 80, 0)
    outbox = Outbox(spool.path)
    first = outbox.oldest()
    outbox.forget(first)
    spool.settle()
    later = waiting(spool)
    assert sum(record.count for record in [*first, *later]) == 100
    assert len(later) == 3


def test_a_flood_is_reported_by_its_newest_with_a_count(tmp_path: Path) -> None:
    spool = make(tmp_path)
    spool.keep([entry(1, group="a")])
    spool.keep([entry(n, group="a", counted=True) for n in range(2, 50)])
    spool.keep([entry(50, group="b")])
    spool.close()
    spool = make(tmp_path)  # counts survive
    assert spool.settle()
    assert [(json.loads(r.data)["number"], r.count) for r in waiting(spool)] == [
        (1, 1),
        (50, 1),
        (49, 48),
    ]


def _overwrite(path: Path) -> None:
    path.write_bytes(b"no database at all" * 1000)


def _damage_inside(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096 : 4096 * 4] = b"\xaa" * (4096 * 3)
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [_overwrite, _damage_inside])
def test_a_damaged_file_is_set_aside_and_reported(tmp_path: Path, damage: object) -> None:
    spool = make(tmp_path)
    spool.keep([entry(1)])
    outbox = Outbox(spool.path)
    before = outbox.epoch
    outbox.close()
    spool.close()
    for log in ("-wal", "-shm"):  # from its log SQLite mends the file by itself
        Path(f"{spool.path}{log}").unlink(missing_ok=True)
    assert callable(damage)
    damage(spool.path)
    spool = make(tmp_path)
    assert Path(spool.was_damaged).is_file()
    spool.keep([entry(2)])
    types = [record.type for record in waiting(spool)]
    assert types == [DROPS, FINDING], types
    assert json.loads(waiting(spool)[0].data)["reason"] == "spool damaged"
    assert Outbox(spool.path).epoch != before


def test_what_cannot_be_kept_is_refused_whole_and_can_be_given_again(tmp_path: Path) -> None:
    spool = make(tmp_path)
    spool.keep([entry(1)])
    with closing(sqlite3.connect(spool.path)) as db:
        pages = db.execute("PRAGMA page_count").fetchone()[0]
    assert spool._db is not None  # a full disk, as SQLite meets it
    spool._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(SinkFailed, match="full"):
        spool.keep([entry(n) for n in range(2, 90)])
    assert numbers(spool) == [1]
    spool._db.execute("PRAGMA max_page_count = 1000000")
    spool.keep([entry(n) for n in range(2, 90)])
    assert numbers(spool) == list(range(1, 90))


def test_a_place_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    spool = SqliteSpool(tmp_path / "state" / "s.db", FakeClock(), max_bytes=10**6, reserved=0.5)
    with pytest.raises(SinkFailed):
        spool.keep([entry(1)])
    (tmp_path / "state").unlink()
    spool.keep([entry(1)])
    assert spool.state().records == 1


def test_quarantined_records_stay_with_their_reason_and_are_reported(tmp_path: Path) -> None:
    spool = make(tmp_path, 200)
    spool.keep([entry(1), entry(2)])
    outbox = Outbox(spool.path)
    poison = outbox.oldest()[:1]
    outbox.quarantine(poison, {poison[0].id: "not a finding"})
    assert spool.state().quarantined == 1
    assert spool.settle()
    told = json.loads(waiting(spool)[-1].data)
    assert (told["count"], told["ranges"]) == (1, [{"first": 1, "last": 1}])
