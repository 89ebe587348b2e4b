"""Shows dockwarden at work on a host of its own and leaves nothing behind: scripts/demo runs it.

Knows how the host comes and goes, whatever happens meanwhile; the story is in another module.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType

from tests.lab import demo_kept, leftovers
from tests.lab.apt_sources import debian_mirror
from tests.lab.catalogue import CATALOGUE
from tests.lab.demo_story import STEPS, Story
from tests.lab.errors import LabError
from tests.lab.host import ImageStore, LabHost
from tests.lab.paths import cache_directory
from tests.lab.stage import Gone, Stage

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
TOOLS = ("busybox-static", "docker-registry")
DOWNLOADS = "docker.io, containerd and runc (some 80 MB), package lists (80 MB)"


class Interrupted(BaseException):
    """Somebody wants the demo to end; not an `Exception`, so that nothing on the way eats it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and do what it says; returns the exit code."""
    options = _options(arguments)
    if os.geteuid() != 0:
        return _complain("This needs root.", "sudo scripts/demo")
    stage = Stage()
    for number in SIGNALS:
        signal.signal(number, _interrupt)
    try:
        if options.remove:
            demo_kept.remove(options.remove)
            stage.lines(f"{options.remove} is removed; nothing of it is left.")
        else:
            show(stage, options.engine, keep=options.keep)
    except LabError as error:
        fix = error.hint or "run it on a machine of its own, or in a container with --privileged"
        return _complain(error.message, fix)
    except (OSError, subprocess.SubprocessError) as error:
        return _complain(str(error), "python -m tests.lab list says whether anything is left")
    except Interrupted as end:
        return 128 + end.number
    except Gone:
        return 128 + signal.SIGPIPE
    return 0


def show(stage: Stage, engine: str, *, keep: bool) -> None:
    """The whole demo; however it ends, the host is gone (or, with `keep`, ready to enter)."""
    stage.begin("dockwarden: this Docker host runs approved images only", STEPS + 1)
    stage.step("Build a container host to play with")
    stage.say(
        "A real Docker Engine with its own network, mounts and control groups. Engines, "
        "containers and networks that this machine may have are not touched."
    )
    _announce_downloads(stage, engine)
    began = time.monotonic()
    store: ImageStore = "containerd" if CATALOGUE[engine].containerd_store else "classic"
    host = LabHost(engine, cgroup="v2", store=store)
    kept = False
    try:
        host.build()
        took = f"{time.monotonic() - began:.1f} s"
        stage.good(f"host {host.name}: Docker {host.engine.version}, cgroup v2; {took}")
        story = Story(stage, host)
        story.tell()
        if keep:
            story.approve_again()
            host.docker("start", "web")
            advice, kept = demo_kept.keep(host), True
    except (Interrupted, LabError) as end:
        _say_if_heard(stage, _last_words(end))
        raise
    finally:
        if not kept:
            _take_down(host)
    how_left = f"All of it took {time.monotonic() - stage.began:.0f} s. "
    how_left += (
        f"The host {host.name} stays until it is removed; 1.4 has a waiver for a day."
        if kept
        else f"Nothing is left of {host.name}: no process, mount, network, cgroup or directory."
    )
    stage.summary([*story.summary(), how_left])
    if kept:
        stage.lines("", *advice)


def _take_down(host: LabHost) -> None:
    """Remove the host whole, undisturbed by further signals, and look whether it is gone."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    host.close()
    left = leftovers.traces(host.name)
    if not left.none:
        raise LabError(f"something of {host.name} is left: {left}", "python -m tests.lab clean")


def _announce_downloads(stage: Stage, engine: str) -> None:
    cache = cache_directory()
    wanted = [cache / "engines" / engine / "engine.json", *(cache / "tools" / t for t in TOOLS)]
    if not all(path.exists() for path in wanted):
        mirror = debian_mirror()
        stage.say(f"Downloading from {mirror}, once, to {cache}: {DOWNLOADS}, busybox, a registry.")
        stage.say("They are unpacked there and not installed.")


def _last_words(end: BaseException) -> str:
    word = "Interrupted" if isinstance(end, Interrupted) else "Failed"
    return f"{word}: everything is being removed."


def _say_if_heard(stage: Stage, text: str) -> None:
    try:
        stage.lines("", text)
    except Gone:
        return


def _interrupt(number: int, _: FrameType | None) -> None:
    raise Interrupted(number)


def _complain(sentence: str, fix: str) -> int:
    print(f"dockwarden: {sentence}\n  fix: {fix}", file=sys.stderr)
    return 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the host running")
    parser.add_argument("--engine", choices=tuple(CATALOGUE), default="20.10")
    parser.add_argument("--remove", metavar="HOST", default="", help="remove a host that was kept")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
