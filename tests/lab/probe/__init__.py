"""The probe: a program in the lab's images that says whether user code ran, and for how long."""

from __future__ import annotations

import hashlib
import os
import struct
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.lab.apt import run_checked
from tests.lab.errors import LabError
from tests.lab.paths import cache_directory
from tests.patience import PATIENCE, until

SOURCE = Path(__file__).with_name("probe.c")
TIMES = struct.Struct("=qq")


@dataclass(frozen=True, slots=True)
class Reading:
    """When a container's own code ran, in CLOCK_MONOTONIC nanoseconds (``time.monotonic_ns``)."""

    first_ns: int
    last_ns: int

    @property
    def ran_ms(self) -> float:
        """For how long user code has run, in milliseconds."""
        return (self.last_ns - self.first_ns) / 1e6


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe's file, seen from outside, and what makes a container use it."""

    file: Path

    @property
    def volume(self) -> str:
        """The value of ``docker run -v``."""
        return f"{self.file.parent}:/probes"

    @property
    def command(self) -> tuple[str, str]:
        """The container's command: run until killed."""
        return ("/bin/probe", f"/probes/{self.file.name}")

    @property
    def command_once(self) -> tuple[str, str, str]:
        """The container's command: run once and exit within a millisecond."""
        return ("/bin/probe", "--once", f"/probes/{self.file.name}")

    def read(self) -> Reading | None:
        """Return what was written so far, None if user code never ran."""
        try:
            data = self.file.read_bytes()
        except FileNotFoundError:
            return None
        if len(data) < TIMES.size:
            return None
        first, last = TIMES.unpack(data[: TIMES.size])
        return Reading(first, last) if first else None

    @property
    def ran(self) -> bool:
        """Whether user code ran."""
        return self.read() is not None

    def wait(self) -> Reading:
        """Wait until user code runs."""
        end = time.monotonic() + PATIENCE
        while (reading := self.read()) is None:
            if time.monotonic() > end:
                raise LabError(f"no user code ran within {PATIENCE} s: {self.file.name}")
            time.sleep(0.001)
        return reading

    def wait_alive(self) -> None:
        """Wait until user code runs on from now."""
        self.wait()
        before = self.read()
        until(lambda: self.read() != before, f"{self.file.name} runs on", pause=0.001)

    def alive(self, *, within_s: float = 0.1) -> bool:
        """Whether user code runs just now (frozen or dead code does not, nor on a busy
        machine code that waits for its turn: show with `wait_alive` that it does)."""
        before = self.read()
        time.sleep(within_s)
        return before is not None and self.read() != before


@cache
def program() -> bytes:
    """Return the compiled probe, static; compiled once for each version of its source."""
    key = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    target = cache_directory() / "probe" / key
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_suffix(f".{os.getpid()}")
        run_checked(["gcc", "-static", "-O2", "-s", "-Wall", "-o", str(fresh), str(SOURCE)])
        fresh.rename(target)
    return target.read_bytes()
