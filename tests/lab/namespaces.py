"""The namespaces of a lab host: its own network, its own /run, /etc, /var/lib and cgroups.

A holder process keeps the mount namespace. It is entered with nsenter, never with ``ip netns
exec``, which would remount /sys and so hide the cgroups.
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.apt import run_checked
from tests.lab.errors import LabError
from tests.lab.paths import HOST_NAME
from tests.patience import PATIENCE

NETWORKS = Path("/run/netns")
CLONE_NEWNET = 0x40000000

PRIVATE = (
    "/etc/docker",
    "/etc/dockwarden",
    "/var/lib/dockwarden",
    "/var/log/dockwarden",
    "/var/cache/dockwarden",
)

# Overlays give a private place to make mount points in; the machine's own tree stays untouched.
HOLDER = """\
set -eu
work=$1 cgroup=$2; shift 2
mkdir -p "$work/overlay"
mount -t tmpfs -o mode=755 tmpfs "$work/overlay"
for tree in etc var/lib var/log; do
  mkdir -p "$work/overlay/$tree/upper" "$work/overlay/$tree/work"
  mount -t overlay -o "lowerdir=/$tree,upperdir=$work/overlay/$tree/upper,\
workdir=$work/overlay/$tree/work" overlay "/$tree"
done
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/dockwarden
rm -f /etc/resolv.conf
echo 'nameserver 127.0.0.1' > /etc/resolv.conf
for path in "$@"; do
  mkdir -p "$work/private$path" "$path"
  mount --bind "$work/private$path" "$path"
done
ln -s "$work/docker.sock" /run/docker.sock
if [ "$cgroup" = v2 ]; then
  awk '$5 ~ "^/sys/fs/cgroup(/|$)" { print $5 }' /proc/self/mountinfo | sort -r |
    while read -r path; do umount -l "$path"; done
  mount -t cgroup2 none /sys/fs/cgroup
fi
mount --make-rshared /
touch "$work/held"
exec sleep infinity
"""


@dataclass(frozen=True, slots=True)
class Namespaces:
    """A host's namespaces: the network's name, the pid of the process that holds the mounts."""

    network: str
    holder: int

    def enter(self, argv: Sequence[str], procs: Sequence[Path] = ()) -> list[str]:
        """Return the command that runs ``argv`` inside, sitting in the cgroups of ``procs``."""
        return [
            *join_cgroups(procs),
            *("nsenter", f"--mount=/proc/{self.holder}/ns/mnt", f"--net={NETWORKS / self.network}"),
            *argv,
        ]

    def path(self, inside: str) -> Path:
        """Return how a path inside the mount namespace is reached from outside."""
        return Path(f"/proc/{self.holder}/root") / inside.lstrip("/")


def join_cgroups(procs: Sequence[Path]) -> list[str]:
    """Return a command prefix that moves itself into cgroups and then becomes its arguments."""
    moves = "".join(f"echo 0 > {path}\n" for path in procs)
    return ["sh", "-c", f'{moves}exec "$@"', "sh"]


def add_network(name: str) -> None:
    """Make a network namespace that has a loopback and nothing else."""
    run_checked(["ip", "netns", "add", name])
    run_checked(["nsenter", f"--net={NETWORKS / name}", "ip", "link", "set", "lo", "up"])


def remove_network(name: str) -> None:
    """Remove a host's network namespace if it is there."""
    if not HOST_NAME.match(name):
        raise ValueError(f"{name!r} is not the network of a lab host")
    if (NETWORKS / name).exists():
        run_checked(["ip", "netns", "delete", name])


def hold(
    network: str, work: Path, cgroup: str, procs: Sequence[Path]
) -> tuple[Namespaces, subprocess.Popen[bytes]]:
    """Start the process that makes and holds the mount namespace; it ends when it is killed.

    The namespace is a slave of the machine's: unmounts there reach it, nothing goes back.
    """
    command = [
        *join_cgroups(procs),
        *("nsenter", f"--net={NETWORKS / network}", "unshare", "--mount", "--propagation", "slave"),
        *("sh", "-c", HOLDER, "hold", str(work), cgroup, *PRIVATE),
    ]
    log = work / "holder.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            start_new_session=True,
        )
    end = time.monotonic() + PATIENCE
    while not (work / "held").exists():
        if process.poll() is not None or time.monotonic() > end:
            raise LabError(f"{network}: no mount namespace: {log.read_text().strip()[-400:]}")
        time.sleep(0.005)
    return Namespaces(network, process.pid), process


def connect(network: str, address: tuple[str, int], *, timeout_s: float = 10.0) -> socket.socket:
    """Return a TCP connection made inside a host's network, for use by the calling process.

    A socket belongs to the network namespace it was made in. Namespaces are a thread's own, so a
    short-lived thread enters, connects and ends; the calling thread never leaves its network.
    """
    answer: list[socket.socket] = []
    errors: list[OSError] = []

    def dial() -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        try:
            descriptor = os.open(NETWORKS / network, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if libc.setns(descriptor, CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), f"cannot enter the network of {network}")
            finally:
                os.close(descriptor)
            answer.append(socket.create_connection(address, timeout=timeout_s))
        except OSError as error:
            errors.append(error)

    thread = threading.Thread(target=dial, name=f"dial-{network}")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return answer[0]
