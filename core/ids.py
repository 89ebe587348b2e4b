"""Identifiers that sort by time; knows no clock and no source of randomness."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = (1 << 48) - 1


def new_id(now: datetime, random: bytes) -> str:
    """A UUIDv7 in its text form: ids of later microseconds sort after those of earlier ones.

    `now` is aware; `random` is at least 8 random bytes (`os.urandom(8)`), of which 62 bits are
    used. Layout: RFC 9562, section 5.7, with the fraction of the millisecond in `rand_a`
    (section 6.2, method 3). A clock before 1970 counts as 1970.
    """
    if len(random) < 8:
        raise ValueError(f"8 random bytes are needed, {len(random)} were given")
    microseconds = max(0, (now - _EPOCH) // timedelta(microseconds=1))
    milliseconds, rest = divmod(microseconds, 1000)
    high = (min(milliseconds, _LAST_MS) << 16) | 0x7000 | (rest * 4096 // 1000)
    low = (int.from_bytes(random[:8], "big") & (1 << 62) - 1) | 1 << 63
    digits = f"{high:016x}{low:016x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
