"""The lab by hand: ``python -m tests.lab up | list | clean``."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from tests.lab import images, leftovers
from tests.lab.catalogue import CATALOGUE
from tests.lab.errors import LabError
from tests.lab.host import LabHost
from tests.lab.registry import Registry


def up(options: argparse.Namespace) -> int:
    """Build one host with a registry and an approved-looking image; hold it until it is left."""
    with (
        LabHost(options.engine, cgroup=options.cgroup, store=options.store) as host,
        Registry(host) as registry,
    ):
        image = registry.push(images.build("acme/web", "1"))
        print(f"host {host.name}: engine {host.engine.version}, cgroup {host.cgroup}, {host.store}")
        print(f"image {image.reference()}")
        print(f"cgroup {host.containers_cgroup}")
        settings = " ".join(f"{name}={value}" for name, value in host.environment.items())
        print(
            f"enter  nsenter --mount=/proc/{host.holder_pid}/ns/mnt --net=/run/netns/{host.name}"
            f" env {settings} bash"
        )
        sys.stdout.flush()
        if sys.stdin.isatty():
            print("a shell inside; leave it to take the host down", flush=True)
            subprocess.run(
                host.enter(["bash", "--norc"]), env={**os.environ, **host.environment}, check=False
            )
        else:
            signal.pause()
    return 0


def show(_: argparse.Namespace) -> int:
    """List what there is of hosts, and whether the process that made each is still alive."""
    for name in leftovers.names():
        state = "in use" if leftovers.owned(name) else "left over: python -m tests.lab clean"
        print(f"{name}  {state}")
    return 0


def clean(options: argparse.Namespace) -> int:
    """Remove the hosts whose maker is dead; exit 1 if something stays."""
    failed = 0
    for name in leftovers.names():
        if leftovers.owned(name) and not options.all:
            continue
        try:
            leftovers.remove_host(name)
            print(f"removed {name}")
        except LabError as error:
            print(error, file=sys.stderr)
            failed = 1
    return failed


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and do what it says."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    commands = parser.add_subparsers(required=True)
    builder = commands.add_parser("up", help="build a host to play with")
    builder.add_argument("--engine", choices=tuple(CATALOGUE), default="20.10")
    builder.add_argument("--cgroup", choices=("v1", "v2"))
    builder.add_argument("--store", choices=("classic", "containerd"), default="classic")
    builder.set_defaults(run=up)
    commands.add_parser("list", help="list hosts").set_defaults(run=show)
    cleaner = commands.add_parser("clean", help="remove what crashed runs left")
    cleaner.add_argument("--all", action="store_true", help="hosts in use, too")
    cleaner.set_defaults(run=clean)
    options = parser.parse_args(arguments)
    if os.geteuid() != 0:
        print("the lab needs root: run it with sudo", file=sys.stderr)
        return 1
    try:
        return int(options.run(options))
    except LabError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    sys.exit(main())
