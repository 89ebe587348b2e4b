"""Kills a writer at a random moment; to be used in a process without threads (it forks)."""

import os
import random
import signal
import time
from collections.abc import Callable

RUNS = 250


def killed(write: Callable[[int], None], chance: random.Random) -> int:
    """Call `write(1)`, `write(2)`, … in a child and kill it with SIGKILL within 5 ms after the
    first; returns the number of the last call that returned."""
    results, acknowledge = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(results)
        number = 0
        while True:
            number += 1
            write(number)
            os.write(acknowledge, number.to_bytes(4, "big"))
    os.close(acknowledge)
    with open(results, "rb", buffering=0) as stream:
        last = stream.read(4)
        time.sleep(chance.random() * 0.005)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        while following := stream.read(4):
            last = following
    assert last, "the writer died by itself before its first result"
    return int.from_bytes(last, "big")
