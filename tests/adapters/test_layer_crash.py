"""SIGKILL at any point of apply and restore: every file is old or new, whole, and comes back.

Random kills first; then the writer dies at each of its system calls that change something, one
after the other. In a process of its own, since it forks.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from agent.adapters.engine_config import EngineConfigLayer
from agent.adapters.image_files import ImageFilesLayer, tool_files
from agent.files.backup import Backups
from agent.merging.merge_engine import EngineWish
from agent.ports import Layer
from tests.fakes.engine_config import FakeEngine
from tests.fakes.quick import quick_directory

RUNS = 500
MIRROR = "https://images.acme.test"
BEFORE = {
    "etc/docker/daemon.json": b'{\r\n\t"debug": true,\r\n\t"log-opts": {"max-size": "1m"}\r\n}',
    "etc/containerd/certs.d/_default/hosts.toml": b'server = "https://old.test"\n' * 200,
    "etc/containers/policy.json": b'{"default": [{"type": "insecureAcceptAnything"}]}\n',
    "etc/buildkit/buildkitd.toml": b"debug = true # no line end",
}
ABSENT = "etc/containers/registries.conf.d/zz-dockwarden.conf"
_CALLS = ("open", "write", "fsync", "rename", "replace", "unlink", "mkdir", "rmdir", "fchmod")


class Host:
    """A host's files and its layers, made again each time as after a restart of the agent."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name, data in BEFORE.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)

    def layers(self) -> list[Layer]:
        """Fresh ones; the engine is running."""
        backups = Backups(self.root / "backup")
        engine = FakeEngine(self.root / "etc/docker/daemon.json")
        return [
            EngineConfigLayer(engine, backups, EngineWish(MIRROR, live_restore=True)),
            ImageFilesLayer(lambda: tool_files(MIRROR, root=self.root), backups),
        ]

    def once(self) -> None:
        """Apply all and restore all."""
        for layer in self.layers():
            layer.apply()
        for layer in self.layers():
            layer.restore()

    def files(self) -> dict[str, bytes]:
        """Everything below /etc."""
        found = (path for path in (self.root / "etc").rglob("*") if path.is_file())
        return {str(path.relative_to(self.root)): path.read_bytes() for path in found}

    def wholes(self) -> dict[str, set[bytes]]:
        """Every content that a file may have while all goes well."""
        seen: dict[str, set[bytes]] = {name: {data} for name, data in BEFORE.items()}
        seen[ABSENT] = set()
        for layer in self.layers():
            layer.apply()
        after = self.files()
        for layer in self.layers():
            layer.restore()
        for name, data in after.items():
            seen[name].add(data)
        text = BEFORE["etc/docker/daemon.json"].decode()
        between = ',\r\n\t"registry-mirrors": [],\r\n\t"live-restore": false\r\n}'
        seen["etc/docker/daemon.json"].add(text.replace("\r\n}", between).encode())
        return seen


def _check(host: Host, wholes: dict[str, set[bytes]], when: str) -> int:
    """Whole files now, and exact ones after a restore; how many leftovers the kill had left."""
    leftovers = 0
    for name, data in host.files().items():
        if name.endswith(".aside"):
            leftovers += 1
        else:
            assert data in wholes[name], f"{when}: {name} is torn: {data[-200:]!r}"
    for layer in host.layers():
        layer.restore()
    assert host.files() == BEFORE, f"{when}: not restored"
    assert not (host.root / ABSENT).parent.exists()
    left = [path.name for path in (host.root / "backup").iterdir()]
    assert left == ["lock"], f"{when}: the backups hold {left}"
    return leftovers


def _forked(act: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        act()
        os._exit(0)
    return child


def _random_kills(host: Host, wholes: dict[str, set[bytes]]) -> None:
    chance = random.Random(11)

    def for_ever() -> None:
        while True:
            host.once()

    start = time.monotonic()
    host.once()
    longest = min(2 * (time.monotonic() - start), 0.2)
    touched = 0
    for run in range(RUNS):
        child = _forked(for_ever)
        time.sleep(chance.random() * longest)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        touched += host.files() != BEFORE
        _check(host, wholes, f"random kill {run}")
    assert touched > RUNS / 10, "hardly any kill met a changed host"


def _kill_at(number: int) -> None:
    """From now on the process dies before its `number`-th call that changes something."""
    left = number

    def guarded(call: Callable[..., object]) -> Callable[..., object]:
        def counted(*arguments: object, **options: object) -> object:
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return counted

    for name in _CALLS:
        setattr(os, name, guarded(getattr(os, name)))


def _kills_at_every_call(host: Host, wholes: dict[str, set[bytes]]) -> None:
    number = leftovers = 0
    while True:

        def until(limit: int = number) -> None:
            _kill_at(limit)
            host.once()

        _, status = os.waitpid(_forked(until), 0)
        leftovers += _check(host, wholes, f"kill at call {number}")
        if os.WIFEXITED(status):
            break
        number += 1
    assert number > 100, f"only {number} calls were met"
    assert leftovers, "no kill fell between a file's writing and its switch"


def _main() -> None:
    with quick_directory() as root:
        host = Host(root)
        wholes = host.wholes()
        _kills_at_every_call(host, wholes)
        _random_kills(host, wholes)


def test_a_killed_agent_leaves_whole_files_and_an_exact_way_back() -> None:
    done = subprocess.run(
        [sys.executable, "-m", __name__], check=False, timeout=600, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]


if __name__ == "__main__":
    _main()
