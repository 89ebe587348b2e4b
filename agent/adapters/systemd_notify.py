"""Reports to systemd how the service is (sd_notify(3)); knows nothing of what the service does."""

import os
import socket
from collections.abc import Mapping

from core.text import printable


class SystemdNotify:
    """Sends the service's state; does nothing when it was not started by systemd.

    No method raises or waits: a supervisor that cannot be reached must not stop the agent. Each
    returns whether the message was handed over.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        # An abstract socket is spelt with @ and addressed with a zero byte (unix(7)).
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._interval = _watchdog_interval(environ)

    @property
    def watchdog_interval(self) -> float | None:
        """Seconds between two `watchdog()` calls: half of what systemd allows, as
        sd_watchdog_enabled(3) asks; None when it does not watch this process."""
        return self._interval

    def ready(self, status: str) -> bool:
        """Start-up is done."""
        return self._send(f"READY=1\nSTATUS={printable(status)}")

    def status(self, status: str) -> bool:
        """One line for `systemctl status`."""
        return self._send(f"STATUS={printable(status)}")

    def watchdog(self) -> bool:
        """The loop made progress."""
        return self._send("WATCHDOG=1")

    def stopping(self) -> bool:
        """The end was asked for and begins."""
        return self._send("STOPPING=1")

    def _send(self, message: str) -> bool:
        if not self._address:
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
                notify.setblocking(False)
                notify.sendto(message.encode(), self._address)
        except OSError:
            return False
        return True


def _watchdog_interval(environ: Mapping[str, str]) -> float | None:
    meant_for = environ.get("WATCHDOG_PID") or str(os.getpid())
    microseconds = environ.get("WATCHDOG_USEC", "")
    if meant_for != str(os.getpid()) or not microseconds.isdecimal() or int(microseconds) == 0:
        return None
    return int(microseconds) / 2_000_000
