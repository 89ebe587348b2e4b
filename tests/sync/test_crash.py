"""A sync that is killed at any point leaves one whole list in force, never an older one."""

import os
import random
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.helpers.sync.sync_request import Request, SyncReport, sync_report_of, to_json
from agent.helpers.sync.sync_run import sync
from tests.sync.documents import NOW, approval
from tests.sync.enforced import Enforced
from tests.sync.repository import SignedRepository
from tests.sync.roles import new_key

SCOPES = ("acme", "acme.pay")
SWITCH = 40  # accesses to files from the last steps of staging to the end of a sync
FILE_EVENTS = ("open", "os.", "shutil.", "sqlite3.connect")


@dataclass
class Town:
    """A repository that keeps changing, a host, and every state that was published."""

    directory: Path
    repository: SignedRepository = field(init=False)
    states: list[dict[str, bytes]] = field(default_factory=list)
    in_force: int = -1

    def __post_init__(self) -> None:
        self.repository = SignedRepository(self.directory / "repository", SCOPES, long=["acme.pay"])
        self.root_file = self.directory / "root.json"
        self.root_file.write_bytes(self.repository.root_file.read_bytes())

    @property
    def request(self) -> Request:
        return Request(
            source=self.repository.url,
            scope=SCOPES[-1],
            root_file=str(self.root_file),
            directory=str(self.directory / "host"),
            now=NOW.timestamp(),
        )

    def change(self, number: int) -> None:
        """Publish something new, of another kind each time."""
        repository = self.repository
        repository.approve("acme.pay", f"image-{number}")
        if number % 2:
            repository.deny("acme", f"bad-{number}")
        if number % 3 == 0 and number:
            repository.contents["acme.pay"].approvals.pop(approval(f"image-{number - 1}")["id"])
        if number % 7 == 6:
            repository.keys["timestamp"] = [new_key(f"timestamp-{number}")]
            repository.publish_keys()
        repository.publish()
        state = {}
        for scope in (*SCOPES, "emergency"):
            for path, target in repository.roles[scope].signed.targets.items():
                name = path.rpartition("/")[2]
                folder = repository.path / "targets" / scope
                found = (folder / f"{target.hashes['sha256']}.{name}").read_bytes()
                state[f"{scope}.{name}"] = found
        self.states.append(state)

    def check(self, acknowledged: SyncReport | None) -> None:
        """What is in force now is one of the published states, whole, and no older one."""
        enforced = Enforced.of(self.directory / "host")
        if enforced.generation == 0:
            assert self.in_force == -1
            assert acknowledged is None
            return
        enforced.check_whole()
        now = self.states.index(enforced.payload)
        assert now >= self.in_force
        if acknowledged:
            assert acknowledged.error == ""
            assert acknowledged.generation == enforced.generation
            assert now == len(self.states) - 1
        self.in_force = now

    def check_ends_well(self) -> None:
        """One sync that nobody kills brings everything in order."""
        self.check(sync(self.request))
        assert self.in_force == len(self.states) - 1
        host = self.directory / "host"
        numbers = [int(entry.name) for entry in host.iterdir() if entry.name.isdigit()]
        in_force = Enforced.of(host).generation
        assert len([number for number in numbers if number <= in_force]) <= 3
        assert not list(host.glob(".*.new")) + list(host.glob(".staging"))


def forked(request: Request, *, die_at: int = 0) -> tuple[int, int]:
    """A sync in a process of its own: its id, and where its answer can be read.

    With `die_at` it kills itself before its so many-th access to files.
    """
    readable, writable = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writable)
        return pid, readable
    try:
        if die_at:
            sys.addaudithook(_Accesses(die_at))
        os.write(writable, to_json(sync(request)))
    finally:
        os._exit(0)


def accesses(request: Request) -> int:
    """How often a sync that nobody kills goes to files."""
    readable, writable = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            count = _Accesses()
            sys.addaudithook(count)
            sync(request)
            os.write(writable, b"%d" % count.number)
        finally:
            os._exit(0)
    os.close(writable)
    os.waitpid(pid, 0)
    with open(readable, "rb") as stream:
        return int(stream.read())


class _Accesses:
    """Counts a process' accesses to files, as an audit hook; kills it before the last one."""

    def __init__(self, last: int = 0) -> None:
        self.number = 0
        self._last = last

    def __call__(self, event: str, _: object) -> None:
        if event.startswith(FILE_EVENTS):
            self.number += 1
            if self.number == self._last:
                os.kill(os.getpid(), signal.SIGKILL)


def launched(request: Request) -> tuple[int, int]:
    """`python -m agent.helpers.sync` itself: its id, and where its answer can be read."""
    readable, writable = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "agent.helpers.sync"], stdin=subprocess.PIPE, stdout=writable
    )
    os.close(writable)
    assert process.stdin is not None
    process.stdin.write(to_json(request))
    process.stdin.close()
    process.returncode = 0  # `ended` waits for it
    return process.pid, readable


def ended(pid: int, readable: int) -> SyncReport | None:
    """The answer of a sync that has ended; None when it was killed before it had one."""
    os.waitpid(pid, 0)
    with open(readable, "rb") as stream:
        data = stream.read()
    return sync_report_of(data) if data.endswith(b"\n") else None


def kill_at_random(town: Town, start: Callable[[Request], tuple[int, int]], runs: int) -> None:
    chance = random.Random(20)
    span = 0.05  # seconds; follows how long a sync takes
    killed = 0
    for number in range(runs):
        town.change(number)
        pid, readable = start(town.request)
        select.select([readable], [], [], chance.uniform(0, span))
        os.kill(pid, signal.SIGKILL)
        acknowledged = ended(pid, readable)
        killed += acknowledged is None
        span *= 1.1 if acknowledged is None else 0.9
        town.check(acknowledged)
    town.check_ends_well()
    assert 0 < killed < runs


def test_killed_at_random_200_times(tmp_path: Path) -> None:
    kill_at_random(Town(tmp_path), forked, 200)


@pytest.mark.slow
def test_the_program_itself_killed_at_random_200_times(tmp_path: Path) -> None:
    kill_at_random(Town(tmp_path), launched, 200)


@pytest.mark.parametrize("stride", [7, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("earlier", [0, 6])
def test_killed_at_every_access_to_files(tmp_path: Path, earlier: int, stride: int) -> None:
    """The first sync, and a later one that also finds new keys; at each access from the switch
    on, before that at each `stride`-th."""
    town = Town(tmp_path)
    for number in range(earlier):
        town.change(number)
    if earlier:
        town.check(sync(town.request))
    town.change(earlier)
    host, kept = town.directory / "host", tmp_path / "kept"
    host.mkdir(exist_ok=True)
    shutil.copytree(host, kept)
    before = town.in_force
    total = accesses(town.request)
    assert total > SWITCH
    for die_at in [*range(1, total - SWITCH, stride), *range(total - SWITCH, total + 1)]:
        shutil.rmtree(host)
        shutil.copytree(kept, host)
        town.in_force = before
        assert ended(*forked(town.request, die_at=die_at)) is None
        town.check(None)
        town.check_ends_well()
