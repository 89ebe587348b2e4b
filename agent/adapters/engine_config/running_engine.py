"""The engine that runs: reload, validation and its own word, through its socket.

Its questions are asked in HTTP/1.0, whose answers are not cut into chunks: Python's own client
weighs 3 MiB.
"""

import json
import os
import signal
import socket
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.adapters.engine_config.dockerd_process import dockerd_behind, flag_value, told
from agent.adapters.engine_config.engine_word import EngineWord, said_by
from agent.errors import EngineUnavailable, LayerFailed

if TYPE_CHECKING:
    import psutil

DEFAULT_FILE = "/etc/docker/daemon.json"
_POLL_S = 0.02
_LARGEST = 16 << 20  # bytes of an answer
_VALIDATE_S = 30.0
_RELOADS = "%7B%22type%22%3A%5B%22daemon%22%5D%2C%22event%22%3A%5B%22reload%22%5D%7D"
_SYSTEMDS = ("NOTIFY_", "LISTEN_", "WATCHDOG_")  # not meant for a second process


class RunningEngine:
    """One dockerd behind a unix socket. `timeout` (seconds) bounds each question, and how long a
    reload may take to show."""

    def __init__(self, socket_path: str, *, timeout: float = 10.0) -> None:
        self._socket, self._timeout = socket_path, timeout

    def running(self) -> bool:
        """Whether something listens on the socket."""
        try:
            self._connected().close()
        except OSError:
            return False
        return True

    def pid(self) -> int:
        """Its process; 0 when that cannot be found."""
        process = self._process()
        return process.pid if process else 0

    def arguments(self) -> Sequence[str]:
        """Its command line; empty when its process cannot be found."""
        process = self._process()
        return told(process.cmdline, []) if process else []

    def config_file(self) -> str:
        """The file that it reads, from its command line."""
        process = self._process()
        named = flag_value(told(process.cmdline, []), "--config-file") if process else None
        if process is None or named is None:
            return DEFAULT_FILE
        return str(Path(told(process.cwd, "/")) / named)

    def word(self) -> EngineWord:
        """Its own word. Raises `EngineUnavailable`."""
        return said_by(self._info())

    def reload(self, desired: EngineWord) -> bool:
        """Make it read its file, and wait until it did and its word is `desired`; False when that
        does not come. A failed reload emits no event and changes nothing. Its word alone would
        not do: it may be right already, and an earlier reload on its way make it wrong.
        Raises `LayerFailed` when it cannot be signalled, `EngineUnavailable` when it is silent."""
        import psutil

        process = self._process()
        if process is None:
            raise LayerFailed(
                f"no dockerd process was found behind {self._socket}",
                hint="let it read its file: systemctl reload docker",
            )
        before = self._last_reload()
        try:
            process.send_signal(signal.SIGHUP)  # checks that the pid was not given to another
        except psutil.Error as error:
            raise LayerFailed(
                f"dockerd {process.pid} cannot be made to reload: {error}",
                hint="the agent needs CAP_KILL; or: systemctl reload docker",
            ) from error
        end = time.monotonic() + self._timeout
        while self._last_reload() <= before or self.word() != desired:
            if time.monotonic() > end:
                return False
            time.sleep(_POLL_S)
        return True

    def objection(self, file: Path) -> str:
        """What the engine's own check, with its own flags and environment, says against a file.

        Empty: nothing, or it has none (before 23.0), or its program cannot be run from here.
        """
        import subprocess

        process = self._process()
        if process is None:
            return ""
        program, environment = told(process.exe, ""), told(process.environ, {})
        if not program or not os.access(program, os.X_OK):
            return ""
        flags = told(process.cmdline, [])[1:]
        try:
            done = subprocess.run(
                [program, *flags, "--validate", "--config-file", str(file)],
                env={k: v for k, v in environment.items() if not k.startswith(_SYSTEMDS)} or None,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=_VALIDATE_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        said = (done.stderr + done.stdout).decode(errors="replace").strip()
        if done.returncode == 0 or "unknown flag: --validate" in said:
            return ""
        return said.replace(str(file), "it") or f"exit status {done.returncode}"

    def _process(self) -> "psutil.Process | None":
        try:
            with self._connected() as connection:
                return dockerd_behind(connection)
        except OSError:
            return None

    def _connected(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(self._timeout)
        try:
            connection.connect(self._socket)
        except OSError:
            connection.close()
            raise
        return connection

    def _last_reload(self) -> int:
        """When its last reload came to its end, in its own nanoseconds; 0: none that it knows."""
        now = datetime.fromisoformat(str(self._info().get("SystemTime"))).timestamp()
        lines = self._ask(f"/events?since=1&until={now:.9f}&filters={_RELOADS}").splitlines()
        return max((json.loads(line)["timeNano"] for line in lines), default=0)

    def _info(self) -> dict[str, Any]:
        content = json.loads(self._ask("/info"))
        if not isinstance(content, dict):
            raise EngineUnavailable(
                f"{self._socket} answers /info with {content!r:.60}",
                hint="see: journalctl -u docker",
            )
        return content

    def _ask(self, path: str) -> bytes:
        """The answer to one question, as JSON that was read once."""
        try:
            with self._connected() as connection:
                connection.sendall(f"GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
                with connection.makefile("rb") as stream:
                    head, _, body = stream.read(_LARGEST).partition(b"\r\n\r\n")
            for line in body.splitlines():
                json.loads(line)
        except (OSError, ValueError) as error:
            raise EngineUnavailable(
                f"{self._socket} does not answer: {error}",
                hint="is the engine running? See: systemctl status docker",
            ) from error
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise EngineUnavailable(
                f"{self._socket} answers {path} with {head[:60]!r}",
                hint="see: journalctl -u docker",
            )
        return body
