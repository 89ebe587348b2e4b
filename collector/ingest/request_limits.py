"""What is checked before anything is parsed: sizes and rates; knows no records and no clock."""

import zlib
from dataclasses import dataclass, field

LONGEST_BODY = 1024 * 1024  # bytes
LONGEST_INFLATED = 4 * 1024 * 1024
_GZIP = 16 + zlib.MAX_WBITS
_MOST_BUCKETS = 200_000


class TooLarge(Exception):
    """More bytes than are taken."""


class NoGzip(Exception):
    """The body is not one whole gzip member."""


def inflate(body: bytes, limit: int = LONGEST_INFLATED) -> bytes:
    """Undo gzip, never making more than `limit` bytes. Raises `TooLarge` or `NoGzip`."""
    machine = zlib.decompressobj(_GZIP)
    try:
        data = machine.decompress(body, limit + 1)
    except zlib.error as error:
        raise NoGzip(f"the body is not gzip: {error}") from error
    if len(data) > limit:
        raise TooLarge(f"the body inflates to more than {limit} bytes")
    if not machine.eof or machine.unused_data:
        raise NoGzip("the body is not one whole gzip member")
    return data


@dataclass(frozen=True, slots=True)
class Rate:
    """How many events a host may send on average, and at once; a rate of 0 means no limit."""

    per_second: float = 1000.0
    burst: float = 5000.0


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


@dataclass(slots=True)
class Buckets:
    """A token bucket a host; may run into debt, so that the price of a batch need not be known
    before it is parsed. Times are monotonic seconds."""

    rate: Rate
    _buckets: dict[str, _Bucket] = field(default_factory=dict)

    def wait(self, host_id: str, now: float) -> float:
        """Seconds until the host may send again; 0 if it may now."""
        if self.rate.per_second <= 0:
            return 0.0
        bucket = self._filled(host_id, now)
        return 0.0 if bucket.tokens >= 1 else (1 - bucket.tokens) / self.rate.per_second

    def take(self, host_id: str, events: int, now: float) -> None:
        """Charge for a batch."""
        if self.rate.per_second > 0:
            self._filled(host_id, now).tokens -= max(1, events)

    def _filled(self, host_id: str, now: float) -> _Bucket:
        bucket = self._buckets.get(host_id)
        if bucket is None:
            if len(self._buckets) >= _MOST_BUCKETS:
                self._buckets.clear()  # all start full again: kinder than growing without end
            bucket = self._buckets[host_id] = _Bucket(self.rate.burst, now)
        elapsed = max(0.0, now - bucket.at)
        bucket.tokens = min(self.rate.burst, bucket.tokens + elapsed * self.rate.per_second)
        bucket.at = now
        return bucket
