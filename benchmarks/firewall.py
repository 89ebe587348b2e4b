"""How long the firewall takes to be installed and to come back, what it weighs and what it costs.

`python -m benchmarks.firewall [--quick] [--json FILE]`, as root: in a network namespace of its own,
with a real helper. A healing time is the hole that connections found, from the first to the last
that got through after `nft flush ruleset`; it holds for tables without an owner (a kernel before
6.9), since the others cannot be flushed.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from agent.adapters.egress.firewall_link import FirewallLink
from benchmarks.figures import Figure, show, write
from tests.firewall.network_namespace import KNOWN4, PRIVATE4, UNKNOWN4, NetworkNamespace

SIZES = (20, 2_000, 100_000)

# Connects until standard input closes; prints how many milliseconds lay between the first and the
# last connection that got through.
_HOLE = """\
import select, socket, sys, time
print("up", flush=True)
times = []
while not select.select([sys.stdin], [], [], 0)[0]:
    for _ in range(20):
        with socket.socket() as s:
            began = time.perf_counter()
            if s.connect_ex((sys.argv[1], 80)) == 0:
                times += [began, time.perf_counter()]
print((times[-1] - times[0]) * 1000 if times else 0)
"""

_STREAM = """\
import socket, sys, threading, time
def drain(listener):
    one = listener.accept()[0]
    while one.recv(1 << 20):
        pass
listener = socket.create_server((sys.argv[1], 0))
threading.Thread(target=drain, args=(listener,), daemon=True).start()
block, seconds, sent, used = bytes(1 << 16), float(sys.argv[2]), 0, time.process_time()
with socket.create_connection(listener.getsockname()) as s:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        sent += s.send(block)
print(sent / (time.process_time() - used) / 1e6)
"""

_PACKETS = """\
import socket, sys, time
sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sink.bind((sys.argv[1], 0))
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.connect(sink.getsockname())
    sent, end, used = 0, time.perf_counter() + float(sys.argv[2]), time.process_time()
    while time.perf_counter() < end:
        for _ in range(100):
            s.send(b"x")
        sent += 100
    used = time.process_time() - used
print(sent / used / 1000)
"""

# What a host with Docker has anyway: connections are tracked.
_TRACKED = (
    "add table ip tracked; add chain ip tracked c { type filter hook output priority 0; }; "
    "add rule ip tracked c ct state invalid counter"
)


def known(count: int) -> list[str]:
    """The lines of so many addresses of one registry."""
    addresses = [f"100.{64 + (n >> 16)}.{n >> 8 & 255}.{n & 255}" for n in range(count)]
    return [
        " ".join(["deny", "many.test", *addresses[at : at + 150]]) for at in range(0, count, 150)
    ]


def hole(netns: NetworkNamespace, address: str, *, engine: bool) -> float:
    """Milliseconds for which a flush let connections through."""
    process = netns.start(
        [sys.executable, "-c", _HOLE, address],
        engine=engine,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    netns.heard.clear()
    netns.nft("flush ruleset")
    netns.await_heard("disturbed")
    output, _ = process.communicate(b"\n")
    return float(output)


def weight(link: FirewallLink) -> tuple[float, float]:
    """(now, at most) resident MiB of the helper."""
    status = Path(f"/proc/{link.pid}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    now, most = (int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    return now, most


def of_size(size: int, rounds: int) -> dict[str, Figure]:
    """Installing, healing and weight with so many known addresses."""
    lines, name = known(size), f"{size}"
    installs, engine_holes, known_holes = [], [], []
    with ExitStack() as stack:
        netns = NetworkNamespace(stack)
        link = netns.link(own=False)
        for _ in range(rounds):
            link.ask("remove")
            began = time.perf_counter()
            netns.apply(link, *lines)
            installs.append(time.perf_counter() - began)
            engine_holes.append(hole(netns, UNKNOWN4, engine=True))
            known_holes.append(hole(netns, KNOWN4, engine=False))
        now, most = weight(link)
    goal = "<= 1" if size == SIZES[-1] else ""
    return {
        f"install_{name}_s": Figure(statistics.median(installs), "s", goal),
        f"heal_engine_{name}_ms": Figure(statistics.median(engine_holes), "ms", "<= 50"),
        f"heal_engine_{name}_most_ms": Figure(max(engine_holes), "ms"),
        f"heal_known_{name}_ms": Figure(statistics.median(known_holes), "ms"),
        f"memory_{name}_mib": Figure(now, "MiB"),
        f"memory_{name}_peak_mib": Figure(most, "MiB"),
    }


def path_ratios(rounds: int, seconds: float) -> dict[str, Figure]:
    """The packet path with the firewall against the path without, in turns, at 1,000 elements."""
    found: dict[str, dict[bool, list[float]]] = {}
    with ExitStack() as stack:
        netns = NetworkNamespace(stack)
        netns.nft(_TRACKED)
        link, lines = netns.link(), known(1000)
        for turn in range(rounds * 2):
            guarded = bool(turn % 2)
            if guarded:
                netns.apply(link, *lines)
            else:
                link.ask("remove")
            for name, script in (("stream", _STREAM), ("packets", _PACKETS)):
                rate = float(netns.run(sys.executable, "-c", script, PRIVATE4, str(seconds)))
                found.setdefault(name, {}).setdefault(guarded, []).append(rate)
    figures = {}
    for name, unit in (("stream", "MB/s of CPU"), ("packets", "1000 packets/s of CPU")):
        with_it, without = (statistics.median(found[name][guarded]) for guarded in (True, False))
        goal = ">= 0.98" if name == "stream" else ""
        figures[f"path_{name}_ratio"] = Figure(with_it / without, "with / without", goal)
        figures[f"path_{name}"] = Figure(with_it, unit, baseline=without)
    return figures


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.firewall", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here, too")
    given = parser.parse_args(arguments)
    figures: dict[str, Figure] = {}
    for size in SIZES:
        figures |= of_size(size, 2 if given.quick else 7)
    figures |= path_ratios(3 if given.quick else 9, 0.3 if given.quick else 1.0)
    print(show(figures))
    if given.json:
        write(figures, given.json)


if __name__ == "__main__":
    main()
