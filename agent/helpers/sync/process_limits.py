"""Bounds this process: memory, processor time, size of files, wall-clock time, and its privileges.

Whatever a server sends, the helper must never cost the host more than this. Knows no list.
"""

import os
import pwd
import resource
import signal
from pathlib import Path
from types import FrameType
from typing import Final

from agent.errors import AllowlistRejected
from agent.helpers.sync.deadline import DeadlinePassed
from core.durable import make_directory

MEMORY: Final = 1 << 30  # bytes of address space; a part of a list inflates to 64 MiB at most
FILE: Final = 4 << 30  # bytes; an index of a million approvals takes some 400 MB
_GRACE: Final = 10  # seconds to write down the answer


def bound(seconds: float) -> None:
    """Set the limits; after `seconds` `DeadlinePassed` is raised in the main thread, and a little
    later the kernel ends a process that is deaf to it."""
    whole = int(seconds) + 1
    for what, limit in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_FSIZE, FILE),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, whole + _GRACE),
    ):
        _, hard = resource.getrlimit(what)
        lower = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(what, (lower, lower))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write past the limit is then an OSError
    signal.signal(signal.SIGALRM, _passed)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))


def _passed(_signal: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(_GRACE)
    raise DeadlinePassed


def unalarmed() -> None:
    """No more `DeadlinePassed`: the answer is being written."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, _GRACE)


def become(user: str, directory: Path) -> None:
    """From root to `user` for good; the state directory is made theirs if it is not there.

    Does nothing for who is not root. Raises `AllowlistRejected` when there is no such user or the
    directory is someone else's, and `OSError`.
    """
    if os.geteuid() != 0:
        return
    try:
        entry = pwd.getpwnam(user)
    except KeyError as error:
        raise AllowlistRejected(
            f"{user[:100]!r} is not a user of this host", hint="make the user, or choose another"
        ) from error
    if not directory.exists():
        make_directory(directory)
        os.chown(directory, entry.pw_uid, entry.pw_gid)
    owner = directory.stat().st_uid
    if owner != entry.pw_uid:
        raise AllowlistRejected(
            f"{directory}: it belongs to user {owner}, not to {user}",
            hint=f"chown -R {user}: {directory}",
        )
    os.setgroups([])
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
