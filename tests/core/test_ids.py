"""Ids are UUIDv7 and sort by time."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ids import new_id

moments = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001 - Hypothesis adds the zone
    timezones=st.just(UTC),
)
noise = st.binary(min_size=8, max_size=12)


@given(moments, noise)
def test_is_a_version_7_uuid_of_its_millisecond(now: datetime, random: bytes) -> None:
    text = new_id(now, random)
    parsed = uuid.UUID(text)
    assert (str(parsed), parsed.version, parsed.variant) == (text, 7, uuid.RFC_4122)
    since = now - datetime(1970, 1, 1, tzinfo=UTC)
    assert parsed.int >> 80 == since // timedelta(milliseconds=1)


@given(moments, noise, noise)
def test_a_later_microsecond_sorts_later(now: datetime, first: bytes, second: bytes) -> None:
    if now < datetime.max.replace(tzinfo=UTC):
        assert new_id(now, first) < new_id(now + timedelta(microseconds=1), second)


@given(moments, noise)
def test_carries_the_randomness(now: datetime, random: bytes) -> None:
    carried = uuid.UUID(new_id(now, random)).int & (1 << 62) - 1
    assert carried == int.from_bytes(random[:8], "big") & (1 << 62) - 1


def test_the_example_of_the_rfc() -> None:
    """RFC 9562, appendix A.6, apart from rand_a, which holds the microseconds here."""
    now = datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)
    text = new_id(now, bytes.fromhex("18c4dc0c0c07398f"))
    assert text == "017f22e2-79b0-7000-98c4-dc0c0c07398f"


def test_a_clock_before_1970_counts_as_1970() -> None:
    text = new_id(datetime(1960, 1, 1, tzinfo=UTC), bytes(8))
    assert text == "00000000-0000-7000-8000-000000000000"


def test_too_little_randomness_is_refused() -> None:
    with pytest.raises(ValueError, match="8 random bytes"):
        new_id(datetime(2026, 1, 1, tzinfo=UTC), b"1234567")
