"""kill -9 of agent, uplink and collector at random points: nothing is lost, nothing is twice."""

from __future__ import annotations

from pathlib import Path
from random import Random

from agent.helpers.uplink import host_identity
from agent.helpers.uplink.http import Http
from agent.helpers.uplink.outbox import Outbox
from tests.uplink import crashing
from tests.uplink.collector_process import CollectorProcess, collector_process

AGENT_RUNS, UPLINK_RUNS, COLLECTOR_RUNS = 100, 100, 12
SEED = 20261123


def test_killed_at_random_points(tmp_path: Path) -> None:
    random = Random(SEED)
    spool, kept, token = tmp_path / "spool.db", tmp_path / "kept", tmp_path / "token"
    with collector_process(tmp_path / "collector") as collector:
        own = host_identity.enrol(
            Http(collector.url).post, collector.url, collector.secret(), "web-1"
        )
        host_identity.keep(token, own)
        crashing.settle(spool)
        for run in range(max(AGENT_RUNS, UPLINK_RUNS)):
            _kill_while_writing(spool, kept, random, anywhere=run % 2 == 0)
            crashing.killed_after(random.uniform(0, 0.12), lambda: _quietly(spool, token))
            if run % (UPLINK_RUNS // COLLECTOR_RUNS) == 1:
                _kill_while_sending(collector, spool, token, random)
        crashing.settle(spool)
        assert crashing.send(spool, token).why == ""
        assert Outbox(spool).empty()
        _nothing_lost_nothing_twice(collector, kept)


def _kill_while_writing(spool: Path, kept: Path, random: Random, *, anywhere: bool) -> None:
    """`anywhere`: also before it noted a record."""
    before = _size(kept)
    crashing.killed_after(
        random.uniform(0, 0.08),
        lambda: crashing.write(spool, kept, 40),
        begun=lambda: anywhere or _size(kept) > before,
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _quietly(spool: Path, token: Path) -> None:
    crashing.send(spool, token)


def _kill_while_sending(
    collector: CollectorProcess, spool: Path, token: Path, random: Random
) -> None:
    crashing.killed_after(0.05, lambda: crashing.write(spool, spool.with_name("kept"), 40))
    child_delay = random.uniform(0, 0.03)
    crashing.killed_after(child_delay, lambda: _quietly(spool, token))
    collector.end()
    collector.start()


def _nothing_lost_nothing_twice(collector: CollectorProcess, kept: Path) -> None:
    wanted = set(kept.read_text().split())
    rows = collector.rows("SELECT event_id, sequence, occurrences FROM events ORDER BY sequence")
    there = [_text(row[0]) for row in rows]
    assert len(there) == len(set(there))
    assert [row[1] for row in rows] == list(range(1, len(rows) + 1))
    assert {row[2] for row in rows} == {1}
    assert wanted - set(there) == set()
    assert len(wanted) >= AGENT_RUNS // 2  # every second writer was left to note one
    # Killed between the commit and the note, a record is durable though nobody was informed.
    assert len(there) - len(wanted) <= AGENT_RUNS + COLLECTOR_RUNS + 1
    assert collector.rows("SELECT * FROM gaps") == []
    told = collector.rows("SELECT sum(occurrences) FROM rollups")
    assert told == [(len(rows),)]


def _text(value: object) -> str:
    text = value.hex() if isinstance(value, bytes) else str(value).replace("-", "")
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
