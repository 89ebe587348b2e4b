"""A PostgreSQL of the tests' own: made, started and stopped here, on a socket in a folder."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.patience import PATIENCE

_PLACES = ("/usr/lib/postgresql",)


def programs() -> Path:
    """The folder of initdb and pg_ctl; raises `FileNotFoundError` if there is none."""
    found = sorted(Path(_PLACES[0]).glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    if initdb is None:
        raise FileNotFoundError("PostgreSQL's initdb is missing: apt-get install postgresql")
    return Path(initdb).resolve().parent


@contextmanager
def cluster(*, durable: bool = True) -> Iterator[str]:
    """The URL of a server, up to the database's name (append one); gone afterwards.

    It answers on a unix socket only. Unless `durable` it would not survive a power cut.
    """
    home = Path(tempfile.mkdtemp(prefix="dockwarden-postgres-"))
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        shutil.chown(home, user, user)
    data = home / "data"
    tools = programs()

    def run(*command: str) -> None:
        subprocess.run(
            command,
            check=True,
            user=user,
            group=user,
            extra_groups=[] if user else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            cwd=home,
            timeout=PATIENCE,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        )

    try:
        run(str(tools / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8")
        options = f"-c listen_addresses='' -c unix_socket_directories={home} -c max_connections=60"
        options += "" if durable else " -c fsync=off"
        control = str(tools / "pg_ctl")
        run(
            control,
            "-D",
            str(data),
            "-w",
            "-t",
            "50",
            "-l",
            str(home / "log"),
            "-o",
            options,
            "start",
        )
        try:
            yield f"postgresql://postgres@/{{name}}?host={home}"
        finally:
            run(control, "-D", str(data), "-m", "immediate", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)
