"""`ports.own.Own` through psutil and /proc; psutil is imported when first asked."""

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

from agent.ports.own import Figures, System

if TYPE_CHECKING:
    import psutil

_RELEASE = (Path("/etc/os-release"), Path("/usr/lib/os-release"))
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class OwnProcesses:
    """This process and its children: the gate, the firewall's helper, the uplink."""

    def figures(self) -> Figures:
        """See `ports.own.Own`; a child that ends meanwhile is left out."""
        import psutil

        own = psutil.Process()
        rss, cpu, threads = 0, 0.0, 0
        for process in [own, *own.children(recursive=True)]:
            found = _of(process)
            rss, cpu, threads = rss + found[0], cpu + found[1], threads + found[2]
        up = max(0.0, _boot_seconds() - _started(own))
        return Figures(rss, round(cpu, 3), round(up, 3), threads)

    def system(self) -> System:
        """See `ports.own.Own`."""
        return System(_pretty_name(), platform.release(), _text(_BOOT_ID))


def _of(process: "psutil.Process") -> tuple[int, float, int]:
    import psutil

    try:
        with process.oneshot():
            times = process.cpu_times()
            return process.memory_info().rss, times.user + times.system, process.num_threads()
    except psutil.Error:
        return 0, 0.0, 0


def _started(process: "psutil.Process") -> float:
    """Seconds after the boot; field 22 of proc(5)'s stat, which no set clock moves."""
    stat = Path(f"/proc/{process.pid}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")


def _boot_seconds() -> float:
    return float(Path("/proc/uptime").read_text().split()[0])


def _pretty_name() -> str:
    for path in _RELEASE:
        for line in _text(path).splitlines():
            key, _, value = line.partition("=")
            if key == "PRETTY_NAME":
                return value.strip("\"'")
    return platform.system()


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
