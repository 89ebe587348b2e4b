"""The floor: what it lets go back, and what it never does."""

from pathlib import Path

import pytest

from agent.errors import AllowlistRejected
from agent.helpers.sync.tuf.rollback_floor import (
    NAME,
    RollbackFloor,
    load_rollback_floor,
    save_rollback_floor,
)

SEEN = RollbackFloor(
    root=2,
    timestamp=9,
    snapshot=7,
    time=1000.0,
    roles={"acme": 4},
    sequences={"acme/list.json": 41},
)


def test_what_was_kept_is_read_back(tmp_path: Path) -> None:
    save_rollback_floor(tmp_path, SEEN)
    assert load_rollback_floor(tmp_path) == SEEN


def test_a_host_without_a_floor_begins_low(tmp_path: Path) -> None:
    assert load_rollback_floor(tmp_path) == RollbackFloor()


@pytest.mark.parametrize(
    "text", ["", "[]", "null", '{"root": "2"}', '{"roles": 3}', '{"other": 1}']
)
def test_a_spoilt_floor_is_never_taken_for_a_low_one(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    with pytest.raises(AllowlistRejected, match=NAME):
        load_rollback_floor(tmp_path)


def test_lower_versions_are_refused_and_equal_ones_are_not() -> None:
    SEEN.check_role("acme", 4)
    SEEN.check_role("never.seen", 1)
    SEEN.check_sequence("acme/list.json", 41)
    with pytest.raises(AllowlistRejected, match="version 3 is older than 4"):
        SEEN.check_role("acme", 3)
    with pytest.raises(AllowlistRejected, match=r"acme/list.json: sequence 40 is older than 41"):
        SEEN.check_sequence("acme/list.json", 40)


def test_floors_only_rise() -> None:
    after = (
        SEEN.with_timestamp(3, 8)
        .with_roles({"acme": 1, "acme.pay": 2})
        .with_sequences({"acme/list.json": 42})
        .with_time(900, vouched_until=5000)
        .after_root(1, recovers=False)
    )
    assert after == RollbackFloor(
        root=2,
        timestamp=9,
        snapshot=8,
        time=1000.0,
        roles={"acme": 4, "acme.pay": 2},
        sequences={"acme/list.json": 42},
    )


def test_time_never_rises_beyond_what_a_timestamp_vouches_for() -> None:
    assert SEEN.with_time(9e9, vouched_until=1500).time == 1500


def test_other_signers_of_the_snapshot_void_all_that_the_former_ones_counted() -> None:
    assert SEEN.after_root(3, recovers=True) == RollbackFloor(root=3)
    assert SEEN.after_root(3, recovers=False).snapshot == 7
