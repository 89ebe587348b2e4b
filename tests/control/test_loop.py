"""The loop: order, ticks, slow work elsewhere, and an end with the error that nobody had named."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from agent.app.loop import Loop
from agent.errors import EngineUnavailable

SOON = 0.001  # seconds


def make(pool: ThreadPoolExecutor, **given: Callable[..., None]) -> Loop:
    """A loop of which only some parts matter."""
    parts: dict[str, Callable[..., None]] = {"handle": lambda _: None, "tick": lambda: None}
    parts |= given
    return Loop(pool, handle=parts["handle"], tick=parts["tick"], period=SOON)


def test_messages_come_in_order_and_stop_comes_last() -> None:
    heard: list[object] = []
    with ThreadPoolExecutor(1) as pool:
        loop = make(pool, handle=heard.append)
        for number in range(5):
            loop.post(number)
        loop.call(lambda: heard.append("called"))
        loop.stop()
        loop.post("too late")
        loop.run()
    assert heard == [0, 1, 2, 3, 4, "called"]


def test_results_and_named_errors_come_back_on_the_loop() -> None:
    threads: list[object] = []
    results: list[object] = []

    def job() -> int:
        threads.append(threading.current_thread())
        return 7

    def fail() -> int:
        raise EngineUnavailable("hung")

    def then(result: object) -> None:
        threads.append(threading.current_thread())
        results.append(result)
        if len(results) == 2:
            loop.stop()

    with ThreadPoolExecutor(1) as pool:
        loop = make(pool)
        loop.submit(job, then)
        loop.submit(fail, then)
        loop.run()
    assert results[0] == 7
    assert isinstance(results[1], EngineUnavailable)
    assert threads[0] is not threads[1] is threading.current_thread()


def test_an_urgent_job_does_not_wait_for_stuck_ones() -> None:
    stuck = threading.Event()
    with ThreadPoolExecutor(1) as pool, ThreadPoolExecutor(1) as urgent:
        loop = Loop(pool, urgent=urgent, handle=lambda _: None, tick=lambda: None)
        loop.submit(stuck.wait, lambda _: None)
        loop.submit(stuck.wait, lambda _: None)
        loop.submit(lambda: None, lambda _: loop.stop(), urgent=True)
        loop.run()
        stuck.set()


@pytest.mark.parametrize("where", ["job", "then", "handle", "tick", "producer"])
def test_an_error_that_nobody_named_ends_the_run_with_it(where: str) -> None:
    class Unforeseen(Exception):
        pass

    def fail(*_: object) -> None:
        raise Unforeseen

    with ThreadPoolExecutor(1) as pool:
        given = {where: fail} if where in ("handle", "tick") else {}
        loop = make(pool, **given)
        if where == "producer":
            loop.crash(Unforeseen())
        loop.post("anything")
        loop.submit(
            fail if where == "job" else lambda *_: None, fail if where == "then" else lambda _: None
        )
        with pytest.raises(Unforeseen):
            loop.run()


def test_it_ticks_when_nothing_comes() -> None:
    with ThreadPoolExecutor(1) as pool:
        loop = make(pool, tick=lambda: loop.stop())  # noqa: PLW0108 - there is no loop yet
        loop.run()


def test_it_ticks_even_if_messages_never_end() -> None:
    ticks: list[int] = []

    def again(_: object) -> None:
        if ticks:
            loop.stop()
        else:
            loop.post("more")

    with ThreadPoolExecutor(1) as pool:
        loop = make(pool, handle=again, tick=lambda: ticks.append(1))
        loop.post("first")
        loop.post("second")
        loop.run()
    assert ticks
