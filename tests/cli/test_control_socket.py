"""The control socket for real: honest peers are served whatever the others do."""

import json
import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.control_socket import ControlServer, call
from agent.adapters.control_socket.control_server import MOST_PEERS
from agent.adapters.control_socket.wire import LARGEST_LINE, parse_request, result_line
from agent.errors import ControlUnavailable
from core.base_errors import DockwardenError
from tests.patience import PATIENCE

NOBODY = 65534
AT = datetime(2026, 11, 23, tzinfo=UTC)


def _refuse(_: Mapping[str, Any]) -> Any:
    raise DockwardenError("not today", hint="come back tomorrow")


def _break(_: Mapping[str, Any]) -> Any:
    raise ZeroDivisionError


HANDLERS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "echo": dict,
    "values": lambda _: {"at": AT, "set": {"b", "a"}},
    "huge": lambda _: "x" * LARGEST_LINE,
    "large": lambda _: "x" * (LARGEST_LINE // 2),
    "refuse": _refuse,
    "break": _break,
}


@pytest.fixture
def path(tmp_path: Path) -> Iterator[str]:
    path = tmp_path / "agent.sock"
    server = ControlServer(str(path), HANDLERS, 0o600)
    server.start()
    yield str(path)
    server.close()
    assert not path.exists()


def _connect(path: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.connect(path)
    sock.settimeout(PATIENCE)
    return sock


def _read_all(sock: socket.socket) -> bytes:
    return b"".join(iter(lambda: sock.recv(65536), b""))


def _raw(path: str, data: bytes) -> dict[str, Any]:
    with closing(_connect(path)) as sock:
        sock.sendall(data)
        reply: dict[str, Any] = json.loads(_read_all(sock))
        return reply


def test_the_result_comes_back(path: str) -> None:
    assert call(path, "echo", {"name": "wéb\n"}, 5) == {"name": "wéb\n"}
    assert call(path, "values", {}, 5) == {"at": "2026-11-23T00:00:00+00:00", "set": ["a", "b"]}


def test_a_large_reply_arrives_whole(path: str) -> None:
    assert len(call(path, "large", {}, 10)) == LARGEST_LINE // 2


def test_a_named_refusal_keeps_its_hint(path: str) -> None:
    with pytest.raises(DockwardenError) as caught:
        call(path, "refuse", {}, 5)
    assert (caught.value.message, caught.value.hint) == ("not today", "come back tomorrow")


def test_a_broken_handler_does_not_end_the_server(path: str) -> None:
    with pytest.raises(DockwardenError, match="could not answer"):
        call(path, "break", {}, 5)
    assert call(path, "echo", {"still": "here"}, 5) == {"still": "here"}


def test_an_unknown_verb_names_the_known_ones(path: str) -> None:
    with pytest.raises(DockwardenError) as caught:
        call(path, "kill-everything", {}, 5)
    assert "echo" in caught.value.hint


@pytest.mark.parametrize(
    "garbage",
    [b"\n", b"\xff\xfe\n", b"[" * 100_000 + b"\n", b"7\n", b'{"verb": 1}\n', b'{"args": {}}\n'],
)
def test_garbage_is_refused_in_words(path: str, garbage: bytes) -> None:
    reply = _raw(path, garbage)
    assert reply["ok"] is False and reply["error"]["message"]


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_one_named_error(data: bytes) -> None:
    try:
        verb, _ = parse_request(data)
    except DockwardenError:
        return
    assert isinstance(verb, str)


@given(st.recursive(st.none() | st.floats() | st.text() | st.datetimes(), st.lists, max_leaves=5))
def test_any_result_becomes_one_line(result: object) -> None:
    assert result_line(result).count(b"\n") == 1


def test_an_oversize_request_is_refused(path: str) -> None:
    assert "1 MiB" in _raw(path, b"x" * (LARGEST_LINE + 1))["error"]["message"]


def test_an_oversize_reply_is_refused(path: str) -> None:
    with pytest.raises(DockwardenError, match="1 MiB"):
        call(path, "huge", {}, 5)


def test_slow_and_silent_peers_hold_up_nobody(path: str) -> None:
    with closing(_connect(path)) as silent, closing(_connect(path)) as slow:
        slow.sendall(b'{"verb": "ec')
        assert call(path, "echo", {"n": 1}, 5) == {"n": 1}
        slow.sendall(b'ho"}\n')
        assert json.loads(_read_all(slow)) == {"ok": True, "result": {}}
        silent.sendall(b'{"verb": "echo"}\n')
        assert json.loads(_read_all(silent))["ok"] is True


def test_a_late_peer_is_dropped(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.adapters.control_socket.control_server.PEER_SECONDS", 0.05)
    with closing(_connect(path)) as silent:
        assert _read_all(silent) == b""


def test_a_crowd_of_idle_peers_gives_way(path: str) -> None:
    crowd = [_connect(path) for _ in range(MOST_PEERS + 5)]
    try:
        assert call(path, "echo", {"n": 1}, 5) == {"n": 1}
        assert crowd[0].recv(1) == b""  # the oldest was let go
    finally:
        for sock in crowd:
            sock.close()


def test_a_peer_that_hangs_up_harms_nobody(path: str) -> None:
    for request in (b"", b'{"verb"', b'{"verb": "large"}\n'):
        with closing(_connect(path)) as sock:
            sock.sendall(request)
    assert call(path, "echo", {}, 5) == {}


def test_two_clients_at_once(path: str) -> None:
    results: dict[int, Any] = {}

    def ask(number: int) -> None:
        results[number] = [call(path, "echo", {"n": number, "i": i}, 10) for i in range(30)]

    threads = [threading.Thread(target=ask, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {n: [{"n": n, "i": i} for i in range(30)] for n in (1, 2)}


def test_a_stale_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(path))
    server = ControlServer(str(path), HANDLERS, 0o600)
    server.start()
    try:
        assert call(str(path), "echo", {}, 5) == {}
        assert [p.name for p in tmp_path.iterdir()] == ["agent.sock"]
    finally:
        server.close()


def test_a_live_server_is_not_replaced(path: str) -> None:
    with pytest.raises(ControlUnavailable, match="another agent"):
        ControlServer(path, HANDLERS, 0o600).start()
    assert call(path, "echo", {}, 5) == {}


def test_what_is_no_socket_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    path.write_text("precious")
    with pytest.raises(ControlUnavailable, match="move it away"):
        ControlServer(str(path), HANDLERS, 0o600).start()
    assert path.read_text() == "precious"


def test_closing_leaves_a_successors_file(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    first = ControlServer(str(path), HANDLERS, 0o600)
    first.start()
    path.unlink()
    second = ControlServer(str(path), HANDLERS, 0o600)
    second.start()
    first.close()
    try:
        assert call(str(path), "echo", {}, 5) == {}
    finally:
        second.close()


def test_mode_and_group_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "explain.sock"
    server = ControlServer(str(path), HANDLERS, 0o660, "daemon")
    server.start()
    try:
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert path.stat().st_gid == 1
    finally:
        server.close()


def test_a_missing_group_names_the_key(tmp_path: Path) -> None:
    server = ControlServer(str(tmp_path / "s"), HANDLERS, 0o660, "no-such-group")
    with pytest.raises(ControlUnavailable) as caught:
        server.start()
    assert "explain_group" in caught.value.hint
    server.close()


def test_a_path_that_is_too_long_is_a_named_error(tmp_path: Path) -> None:
    server = ControlServer(str(tmp_path / ("x" * 120)), HANDLERS, 0o600)
    with pytest.raises(ControlUnavailable, match="too long"):
        server.start()
    server.close()


def _as_nobody(ask: Callable[[], Any], groups: list[int]) -> int:
    """The exit code of a child that asks as another user: 0 served, 1 refused."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups(groups)
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            ask()
            code = 0
        except DockwardenError:
            code = 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
@pytest.mark.parametrize(
    ("mode", "group", "groups", "code"),
    [
        (0o600, None, [], 1),
        (0o660, "daemon", [], 1),
        (0o660, "daemon", [1], 0),
        (0o666, None, [], 0),
    ],
)
def test_who_may_ask(
    tmp_path: Path, mode: int, group: str | None, groups: list[int], code: int
) -> None:
    path = tmp_path / "agent.sock"
    server = ControlServer(str(path), HANDLERS, mode, group)
    server.start()
    for folder in [tmp_path, *tmp_path.parents][:3]:
        folder.chmod(0o755)
    try:
        assert _as_nobody(lambda: call(str(path), "echo", {}, 5), groups) == code
        path.chmod(0o666)  # though the file lets everybody in, the kernel's word counts
        assert _as_nobody(lambda: call(str(path), "echo", {}, 5), groups) == code
    finally:
        server.close()


def test_a_full_queue_is_given_up_in_time(tmp_path: Path) -> None:
    path = str(tmp_path / "full.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen(0)
        with closing(_connect(path)), pytest.raises(ControlUnavailable, match="within"):
            call(path, "status", {}, 0.1)


def test_no_agent_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ControlUnavailable) as caught:
        call(str(tmp_path / "none"), "status", {}, 1)
    assert "no agent is running" in caught.value.message
    assert "systemctl start dockwarden" in caught.value.hint


@pytest.mark.parametrize("reply", [b"", b"hello\n", b"[]\n", b"x" * (LARGEST_LINE + 2)])
def test_a_foreign_server_is_a_named_error(tmp_path: Path, reply: bytes) -> None:
    path = str(tmp_path / "foreign.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen()

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(1000)
                try:
                    peer.sendall(reply)
                except OSError:
                    return  # the client had enough

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(ControlUnavailable):
            call(path, "status", {}, 10)
        thread.join()


def test_a_silent_server_is_given_up(tmp_path: Path) -> None:
    path = str(tmp_path / "silent.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen()
        with pytest.raises(ControlUnavailable, match="did not answer within"):
            call(path, "status", {}, 0.1)
