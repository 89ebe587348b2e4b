"""`serve` is what the agent starts; `thaw` is for people and for a service's ExecStopPost."""

from __future__ import annotations

import sys

if not __package__:  # started by its path, so that no search path and no site module is needed
    sys.path.append(__file__.rsplit("/", 4)[0])


def serve(arguments: list[str]) -> int:
    """The gate: `key=value` arguments, `root=` as often as needed (see gate_process)."""
    from agent.helpers.gate.gate_process import serve as run

    pairs = [argument.partition("=")[::2] for argument in arguments]
    options = dict(pairs)
    return run(int(options["fd"]), options, [value for key, value in pairs if key == "root"])


def thaw(arguments: list[str]) -> int:
    """Thaw (or kill) every container left frozen that nobody paused, and print what was done."""
    import argparse  # only here: the gate itself must stay small

    from agent.helpers.gate.container_names import EngineFiles
    from agent.helpers.gate.hierarchy import freezer, read
    from agent.helpers.gate.mounts import below, hierarchies
    from agent.helpers.gate.recovery import recover

    parser = argparse.ArgumentParser(
        prog="python -m agent.helpers.gate thaw", description=thaw.__doc__
    )
    parser.add_argument("--roots", default="/", help="cgroups to look below, comma separated")
    parser.add_argument("--engine-root", default="/var/lib/docker", help="Docker Root Dir")
    parser.add_argument("--version", choices=["1", "2"], help="cgroup version (default: both)")
    parser.add_argument("--mount", help="mount point of that version's hierarchy")
    parser.add_argument("--kill", action="store_true", help="kill them instead")
    given = parser.parse_args(arguments)
    if given.mount and not given.version:
        parser.error("--mount needs --version")
    found = hierarchies(read("/proc/self/mountinfo"))
    if given.mount:
        found = {given.version: given.mount}

    def say(line: str) -> None:
        words = line.split(" ")
        if words[0] == "hold_ended":
            sys.stdout.write(f"{words[1]} {words[2]}\n")

    for version, mount in found.items():
        if given.version in (None, version):
            recover(
                freezer(version),
                EngineFiles(given.engine_root),
                below(mount, given.roots.split(",")),
                answer="kill" if given.kill else "thaw",
                decisions={},
                say=say,
            )
    return 0


def main() -> int:
    """Dispatch on the first argument."""
    verbs = {"serve": serve, "thaw": thaw}
    if len(sys.argv) < 2 or sys.argv[1] not in verbs:
        sys.stderr.write("usage: python -m agent.helpers.gate thaw [--help]\n")
        return 2
    return verbs[sys.argv[1]](sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
