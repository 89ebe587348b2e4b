"""systemd hears of the service's state, and its absence or silence does no harm."""

import os
import socket
from pathlib import Path

import pytest

from agent.adapters.systemd_notify import SystemdNotify


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "notify") if request.param == "path" else f"@dockwarden-{os.getpid()}"


def _listen(address: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind("\0" + address[1:] if address.startswith("@") else address)
    return listener


def test_every_state_arrives(address: str) -> None:
    with _listen(address) as listener:
        notify = SystemdNotify({"NOTIFY_SOCKET": address})
        sent = notify.ready("watching"), notify.status("a\nSTOPPING=1"), notify.watchdog()
        assert (*sent, notify.stopping()) == (True,) * 4
        assert [listener.recv(100) for _ in range(4)] == [
            b"READY=1\nSTATUS=watching",
            b"STATUS=a\\nSTOPPING=1",
            b"WATCHDOG=1",
            b"STOPPING=1",
        ]


def test_without_systemd_nothing_is_sent(tmp_path: Path) -> None:
    assert not SystemdNotify({}).ready("x")
    assert not SystemdNotify({"NOTIFY_SOCKET": str(tmp_path / "gone")}).watchdog()


def test_a_systemd_that_does_not_read_holds_nobody(address: str) -> None:
    with _listen(address):
        notify = SystemdNotify({"NOTIFY_SOCKET": address})
        assert not all(notify.watchdog() for _ in range(10_000))


@pytest.mark.parametrize(
    ("environ", "interval"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_interval_is_half_of_what_systemd_allows(
    environ: dict[str, str], interval: float | None
) -> None:
    assert SystemdNotify(environ).watchdog_interval == interval
