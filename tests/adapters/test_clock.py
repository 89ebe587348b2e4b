"""The clock is aware, in UTC, and its monotonic time does not go back."""

from datetime import timedelta

from agent.adapters.system_clock import SystemClock


def test_now_is_aware_and_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)


def test_monotonic_time_never_goes_back() -> None:
    clock = SystemClock()
    times = [clock.monotonic() for _ in range(1000)]
    assert times == sorted(times)
