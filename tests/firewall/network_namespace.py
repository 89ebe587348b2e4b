"""A network namespace with a loopback full of addresses, an engine's cgroup, and helpers in it.

The machine's own network namespace is never touched: each helper gets the inode of this one's
and refuses to act in any other.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from agent.adapters.egress.egress_settings import Launch
from agent.adapters.egress.firewall_link import FirewallLink
from agent.helpers.gate.mounts import hierarchies
from tests.patience import PATIENCE, until

KNOWN4, KNOWN6, UNKNOWN4, PRIVATE4 = "198.51.100.10", "2001:db8:1::10", "198.51.100.20", "10.9.9.9"
PRIVATE6, UNKNOWN6 = "fd09::9", "2001:db8:1::20"
PORT = 80

_LISTEN = """\
import socket
family = socket.AF_INET6
listener = socket.create_server(("::", 80), family=family, dualstack_ipv6=True, backlog=512)
print("up", flush=True)
while True:
    listener.accept()[0].close()
"""

# Connects for as long as standard input is open; reports how often it tried and got through.
_HAMMER = """\
import select, socket, sys
tried = through = 0
print("up", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    for _ in range(50):
        with socket.socket() as s:
            tried += 1
            through += s.connect_ex((sys.argv[1], 80)) == 0
print(tried, through)
"""

_CONNECT = """\
import socket, sys
for address in sys.argv[1:]:
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    s.settimeout(5)
    try:
        s.connect((address, 80))
        print("open")
    except OSError as error:
        print(type(error).__name__)
"""


class NetworkNamespace:
    """The namespace; `state` holds the lines of a usual desired state."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.cgroup = f"dwlab-firewall-{secrets.token_hex(4)}/engine"
        mounts = hierarchies(Path("/proc/self/mountinfo").read_text())
        self.mount = Path(mounts["2"])
        (self.mount / self.cgroup).mkdir(parents=True)
        stack.callback(self._remove_cgroups)
        self._holder = self.start(["unshare", "--net", "sleep", "infinity"], inside=False)
        self.namespace = Path(f"/proc/{self._holder.pid}/ns/net")
        own = Path("/proc/self/ns/net").stat().st_ino
        until(lambda: self.inode != own, "a network namespace")
        self.run("ip", "link", "set", "lo", "up")
        for address in (KNOWN4, KNOWN6, UNKNOWN4, UNKNOWN6, PRIVATE4, PRIVATE6):
            self.run("ip", "addr", "add", address, "dev", "lo")
        listener = self.start([sys.executable, "-c", _LISTEN], stdout=subprocess.PIPE)
        assert listener.stdout is not None
        assert listener.stdout.readline() == b"up\n"
        self.state = [
            f"allow {PRIVATE4} tcp {PORT}",
            f"allow {PRIVATE6} tcp {PORT}",
            f"deny quay.test {KNOWN4} {KNOWN6}",
            f"engine {self.cgroup}",
        ]
        self.heard: list[tuple[str, str]] = []

    @property
    def inode(self) -> int:
        """Which namespace this is."""
        return self.namespace.stat().st_ino

    def command(self, argv: Sequence[str], *, engine: bool = False) -> list[str]:
        """How a command is run inside, as an engine or as anybody."""
        entered = ["nsenter", f"--net={self.namespace}", *argv]
        if not engine:
            return entered
        procs = self.mount / self.cgroup / "cgroup.procs"
        return ["sh", "-c", f'echo 0 > {procs}; exec "$@"', "sh", *entered]

    def run(self, *argv: str, engine: bool = False) -> str:
        """Run a command to its end; its output."""
        done = subprocess.run(
            self.command(argv, engine=engine), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{argv}: {done.stderr}"
        return done.stdout

    def start(
        self, argv: Sequence[str], *, inside: bool = True, engine: bool = False, **options: Any
    ) -> subprocess.Popen[bytes]:
        """Start one; it ends with the namespace."""
        command = self.command(argv, engine=engine) if inside else list(argv)
        process = subprocess.Popen(command, **options)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process

    def connect(self, *addresses: str, engine: bool = False) -> list[str]:
        """How each connection went: `open`, or the error's name."""
        return self.run(sys.executable, "-c", _CONNECT, *addresses, engine=engine).split()

    def hammer(self, address: str, *, engine: bool) -> subprocess.Popen[bytes]:
        """Connections as fast as they go, until `Hammer.stop`."""
        process = self.start(
            [sys.executable, "-c", _HAMMER, address],
            engine=engine,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        return process

    def link(self, *, own: bool = True) -> FirewallLink:
        """A helper in this namespace."""
        link = FirewallLink(
            Launch(enter=self.command, own=own),
            self.inode,
            heard=lambda verb, rest: self.heard.append((verb, rest)),
            ended=lambda _link: None,
        )
        self._stack.callback(link.close)
        return link

    def apply(self, link: FirewallLink, *more: str) -> Sequence[str]:
        """Install the usual state and more."""
        return link.ask("apply", ["want", *self.state, *more])

    def observe(self, link: FirewallLink, *more: str) -> Sequence[str]:
        """What the helper sees, with the usual state wanted."""
        return link.ask("observe", ["want", *self.state, *more])

    def nft(self, *words: str) -> str:
        """Somebody else's nft."""
        return self.run("nft", *words)

    def ruleset(self) -> list[dict[str, Any]]:
        """Everything that nft sees."""
        listed: list[dict[str, Any]] = json.loads(self.nft("-j", "list", "ruleset"))["nftables"]
        return [entry for entry in listed if "metainfo" not in entry]

    def await_heard(self, verb: str) -> str:
        """The first thing of a kind that was heard."""
        end = time.monotonic() + PATIENCE
        while True:
            for heard, rest in self.heard:
                if heard == verb:
                    return rest
            assert time.monotonic() < end, f"no {verb}; heard {self.heard}"
            time.sleep(0.01)

    def _remove_cgroups(self) -> None:
        for path in (self.mount / self.cgroup, (self.mount / self.cgroup).parent):
            end = time.monotonic() + PATIENCE
            while path.exists():
                try:
                    path.rmdir()
                except OSError:
                    assert time.monotonic() < end, f"{path} stays"
                    time.sleep(0.02)


def stop(hammer: subprocess.Popen[bytes]) -> tuple[int, int]:
    """End it; returns how often it tried and how often it got through."""
    output, _ = hammer.communicate(b"\n", timeout=PATIENCE)
    tried, through = output.split()
    return int(tried), int(through)
