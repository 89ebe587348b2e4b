"""A real loop on a thread of its own, for what has to be asked from another thread."""

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from agent.app.loop import Loop


@contextlib.contextmanager
def looping() -> Iterator[Loop]:
    """A running loop that does nothing but what it is called for."""
    with ThreadPoolExecutor(1) as pool:
        loop = Loop(pool, handle=lambda _: None, tick=lambda: None)
        thread = threading.Thread(target=loop.run)
        thread.start()
        try:
            yield loop
        finally:
            loop.stop()
            thread.join()
