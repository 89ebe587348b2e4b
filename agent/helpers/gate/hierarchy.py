"""Freezing, thawing and killing in both kinds of cgroup hierarchy; knows nothing of containers.

Methods raise `OSError`; `is_gone` says whether it means that the cgroup was removed meanwhile.
Sources: kernel, Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/freezer-subsystem.rst.
"""

from __future__ import annotations

import errno
import os

_PASSES = 10
SIGKILL = 9  # the signal module would bring enum along


def is_gone(error: OSError) -> bool:
    """Whether a cgroup's directory vanished: before the open (ENOENT) or after it (ENODEV)."""
    return error.errno in (errno.ENOENT, errno.ENODEV)


def read(path: str) -> str:
    """The whole of one small kernel file."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(fd, 65536):
            parts.append(part)
        return os.fsdecode(b"".join(parts))
    finally:
        os.close(fd)


def write(path: str, text: str) -> None:
    """One write to a kernel file, which acts on it before it returns."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def children(path: str) -> list[str]:
    """The cgroups right below one; empty when it is gone."""
    try:
        with os.scandir(path) as entries:
            return [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError as error:
        if is_gone(error) or error.errno == errno.ENOTDIR:
            return []
        raise


def walk(path: str) -> list[str]:
    """A cgroup and everything below it, parents first."""
    found = [path]
    for each in found:  # grows while it is read
        found.extend(children(each))
    return found


def pids(path: str) -> list[int]:
    """The processes of a cgroup and of all below it. 0 means one of a foreign PID namespace
    and is left out: kill(0) would hit the caller's own process group."""
    listed: list[int] = []
    for each in walk(path):
        try:
            listed.extend(int(pid) for pid in read(f"{each}/cgroup.procs").split())
        except OSError as error:
            if each == path or not (is_gone(error) or error.errno == errno.EOPNOTSUPP):
                raise
    return [pid for pid in listed if pid > 0]


def signal_all(processes: list[int]) -> None:
    """SIGKILL to each; those that ended by themselves are passed over."""
    for pid in processes:
        try:
            os.kill(pid, SIGKILL)
        except ProcessLookupError:
            continue


class FreezerV1:
    """The v1 `freezer` controller. A SIGKILL waits there until the thaw, and is then taken before
    any further user instruction."""

    version = "1"
    _state = "freezer.state"

    def freeze(self, path: str) -> None:
        """Freeze all that is or comes into the cgroup."""
        write(f"{path}/{self._state}", "FROZEN")

    def thaw(self, path: str) -> None:
        """Undo `freeze`."""
        write(f"{path}/{self._state}", "THAWED")

    def is_frozen(self, path: str) -> bool:
        """Whether this very cgroup was set to freeze (not one above it)."""
        return read(f"{path}/freezer.self_freezing").strip() == "1"

    def is_thawed(self, path: str) -> bool:
        """Whether its processes run (nothing above it is frozen either)."""
        return read(f"{path}/{self._state}").strip() == "THAWED"

    def is_populated(self, path: str) -> bool:
        """Whether a process is in it or below it."""
        return bool(pids(path))

    def kill_step(self, path: str) -> bool:
        """One step of killing a frozen cgroup; False when it was found empty (and is frozen).

        Only when all are frozen do we list, signal and thaw: then nobody can have forked
        between the list and the signal, and all die on their way out of the freezer.
        """
        state = read(f"{path}/{self._state}").strip()
        found = pids(path)
        if not found:
            if state != "FROZEN":
                self.freeze(path)  # the next one to join must not run either
            return False
        signal_all(found)
        if state == "FROZEN":
            self._thaw_all(path)
        return True

    def kill(self, path: str) -> bool:
        """SIGKILL every process at once, frozen or not; False when there was none.

        Listed again until none is new, for children that were born while we signalled; those
        that fork faster than that are frozen first.
        """
        killed: set[int] = set()
        for _ in range(_PASSES):
            fresh = [pid for pid in pids(path) if pid not in killed]
            if not fresh:
                break
            signal_all(fresh)
            killed.update(fresh)
        else:
            self.freeze(path)
            signal_all(pids(path))
        if killed and not self.is_thawed(path):
            self._thaw_all(path)
        return bool(killed)

    def _thaw_all(self, path: str) -> None:
        """Some below it may have been frozen on their own."""
        for each in walk(path):
            try:
                self.thaw(each)
            except OSError as error:
                if each == path or not is_gone(error):
                    raise


class FreezerV2:
    """The unified hierarchy's core files. A frozen process dies of SIGKILL as it is."""

    version = "2"

    def freeze(self, path: str) -> None:
        """Freeze all that is or comes into the cgroup."""
        write(f"{path}/cgroup.freeze", "1")

    def thaw(self, path: str) -> None:
        """Undo `freeze`."""
        write(f"{path}/cgroup.freeze", "0")

    def is_frozen(self, path: str) -> bool:
        """Whether this very cgroup was set to freeze (not one above it)."""
        return read(f"{path}/cgroup.freeze").strip() == "1"

    def is_thawed(self, path: str) -> bool:
        """Whether its processes run (nothing above it is frozen either)."""
        return "frozen 0" in read(f"{path}/cgroup.events")

    def is_populated(self, path: str) -> bool:
        """Whether a process is in it or below it."""
        return "populated 1" in read(f"{path}/cgroup.events")

    def kill_step(self, path: str) -> bool:
        """One step of killing a frozen cgroup; False when it was found empty (and is frozen)."""
        return self.kill(path)

    def kill(self, path: str) -> bool:
        """SIGKILL every process at once, frozen or not; False when there was none."""
        if not self.is_populated(path):
            return False
        try:
            write(f"{path}/cgroup.kill", "1")
        except FileNotFoundError:  # kernel before 5.14, or gone: pids() reports
            signal_all(pids(path))
        return True


Freezer = FreezerV1 | FreezerV2


def freezer(version: str) -> Freezer:
    """The freezer of a hierarchy by its version, "1" or "2"."""
    return FreezerV1() if version == "1" else FreezerV2()
