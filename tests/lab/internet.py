"""An internet for a lab host: a network namespace behind a veth pair, with registries at any
address. Knows nothing of firewalls.

Everything lives in namespaces; the machine's own network never sees any of it.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.lab import tools
from tests.lab.errors import LabError
from tests.lab.machine import Machine
from tests.lab.namespaces import NETWORKS
from tests.patience import PATIENCE

HOST4, GATEWAY4 = "192.0.2.2", "192.0.2.1"
HOST6, GATEWAY6 = "2001:db8:2::2", "2001:db8:2::1"
UPLINK = "up0"

_REGISTRY = """\
version: 0.1
log: {{level: error}}
storage:
  filesystem: {{rootdirectory: {root}}}
  maintenance: {{readonly: {{enabled: true}}}}
http: {{addr: "[::]:{port}"}}
"""

# Passes every connection on to the registry, slowly after the first kilobytes; as a proxy it takes
# `GET http://host/path` like any path, which is all that a registry behind it needs.
_SLOW = """\
import socket, sys, threading, time
def pump(a, b, rate):
    sent = 0
    try:
        while data := a.recv(16384):
            b.sendall(data)
            sent += len(data)
            if rate and sent > 65536:
                time.sleep(len(data) / rate)
    except OSError:
        pass
    for s in (a, b):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
here = ("::", int(sys.argv[1]))
listener = socket.create_server(here, family=socket.AF_INET6, dualstack_ipv6=True)
while True:
    one, peer = listener.accept()
    print("from", peer[0], flush=True)
    two = socket.create_connection(("127.0.0.1", 80))
    threading.Thread(target=pump, args=(one, two, 0), daemon=True).start()
    threading.Thread(target=pump, args=(two, one, 200_000), daemon=True).start()
"""


class Internet:
    """A context manager; `host` then reaches `addresses` (IPv4 or IPv6), which serve what
    `storage` (a registry's directory) holds on port 80 and 5001, slowly on 8080."""

    def __init__(self, host: Machine, storage: Path, addresses: Sequence[str]) -> None:
        self._host, self._storage, self._addresses = host, storage, addresses
        self._stack = ExitStack()
        self._pid = 0
        self.slow_log = host.work / "slow.log"

    def __enter__(self) -> Self:
        try:
            self._build()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the internet's network; its failure raises LabError."""
        done = subprocess.run(self._enter(argv), capture_output=True, text=True, check=False)
        if done.returncode:
            raise LabError(f"{' '.join(argv)}: {done.stderr.strip()}")
        return done

    def _enter(self, argv: Sequence[str]) -> list[str]:
        return ["nsenter", f"--net=/proc/{self._pid}/ns/net", *argv]

    def _start(self, argv: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process

    def _build(self) -> None:
        holder = self._start(["unshare", "--net", "sleep", "infinity"], self._host.work / "net.log")
        self._pid = holder.pid
        own, end = Path("/proc/self/ns/net").stat().st_ino, time.monotonic() + PATIENCE
        while Path(f"/proc/{holder.pid}/ns/net").stat().st_ino == own:
            if time.monotonic() > end:
                raise LabError("no network namespace for the internet")
            time.sleep(0.01)
        inside = f"--net={NETWORKS / self._host.name}"
        ip = ["nsenter", inside, "ip"]
        pair = [
            "link",
            "add",
            UPLINK,
            "type",
            "veth",
            "peer",
            "name",
            "wan",
            "netns",
            str(self._pid),
        ]
        self._check([*ip, *pair])
        for words in (
            f"addr add {HOST4}/24 dev {UPLINK}",
            f"addr add {HOST6}/64 dev {UPLINK} nodad",
            f"link set {UPLINK} up",
        ):
            self._check([*ip, *words.split()])
        self.run("ip", "link", "set", "lo", "up")
        self.run("ip", "addr", "add", f"{GATEWAY4}/24", "dev", "wan")
        self.run("ip", "addr", "add", f"{GATEWAY6}/64", "dev", "wan", "nodad")
        self.run("ip", "link", "set", "wan", "up")
        for address in self._addresses:
            length = "/128" if ":" in address else "/32"
            self.run("ip", "addr", "add", address + length, "dev", "lo")
        self._check([*ip, "route", "add", "default", "via", GATEWAY4])
        self._check([*ip, "-6", "route", "add", "default", "via", GATEWAY6])
        self._serve()

    def _serve(self) -> None:
        for port in (80, 5001):
            configuration = self._host.work / f"public-{port}.yml"
            configuration.write_text(_REGISTRY.format(root=self._storage / "data", port=port))
            program = [str(tools.docker_registry()), "serve", str(configuration)]
            self._start(self._enter(program), self._host.work / f"public-{port}.log")
        self._start(self._enter([sys.executable, "-c", _SLOW, "8080"]), self.slow_log)
        for port in (80, 5001, 8080):
            self._wait(port)

    def _wait(self, port: int) -> None:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self._host.connect(GATEWAY4, port).close()
                return
            except OSError as error:
                if time.monotonic() > end:
                    raise LabError(f"nothing listens on port {port}: {error}") from error
                time.sleep(0.05)

    @staticmethod
    def _check(argv: Sequence[str]) -> None:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            raise LabError(f"{' '.join(argv)}: {done.stderr.strip()}")
