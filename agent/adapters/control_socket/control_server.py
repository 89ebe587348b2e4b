"""Serves the CLI on a unix socket: one JSON line each way, then closed.

It knows no verb: what each one means is its handlers' business, which run in the server's own
thread and so must only read snapshots or post messages. Nobody who connects can make it wait:
one thread serves all peers without blocking, and each has a deadline.
"""

import selectors
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.adapters.control_socket.socket_access import group_id, inode, may_ask, open_listener
from agent.adapters.control_socket.wire import (
    LARGEST_LINE,
    error_line,
    parse_request,
    result_line,
)
from agent.log import get_logger
from core.base_errors import DockwardenError

PEER_SECONDS = 5.0  # from connecting to having read the reply
MOST_PEERS = 64
_SHORT_OF_DESCRIPTORS = 0.2  # seconds to wait before accepting again

Handler = Callable[[Mapping[str, Any]], Any]
log = get_logger(__name__)


@dataclass(slots=True, eq=False)
class _Peer:
    sock: socket.socket
    deadline: float  # monotonic seconds
    received: bytearray = field(default_factory=bytearray)
    to_send: memoryview | None = None


class ControlServer:
    """Serves `handlers` by verb on a socket file of `mode`, owned by `group` if one is named.

    Peers must be root, this process's own user, or, where the mode lets them, of the group or
    anybody: the kernel is asked (SO_PEERCRED), the request is not believed.
    """

    def __init__(
        self, path: str, handlers: Mapping[str, Handler], mode: int, group: str | None = None
    ) -> None:
        self._path = Path(path)
        self._handlers = handlers
        self._mode = mode
        self._group = group
        self._gid: int | None = None
        self._peers: set[_Peer] = set()
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name=f"control {path}", daemon=True)
        self._inode: tuple[int, int] | None = None

    def start(self) -> None:
        """Bind and serve; raises `ControlUnavailable` when the socket cannot be had."""
        self._gid = group_id(self._group, self._path)
        listener, self._inode = open_listener(self._path, self._mode, self._gid, MOST_PEERS)
        self._selector.register(listener, selectors.EVENT_READ, None)
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        self._thread.start()

    def close(self) -> None:
        """Stop serving and remove the socket file, unless another agent has replaced it."""
        self._wake.close()
        if self._thread.is_alive():
            self._thread.join()
        with suppress(FileNotFoundError):
            if inode(self._path) == self._inode:
                self._path.unlink()
        self._woken.close()

    def _serve(self) -> None:
        while True:
            soonest = min((peer.deadline for peer in self._peers), default=None)
            wait = None if soonest is None else max(0.0, soonest - time.monotonic())
            events = self._selector.select(wait)
            self._expire({key.data for key, _ in events})
            for key, _ in events:
                if key.fileobj is self._woken:
                    self._end()
                    return
                if key.data is None:
                    self._accept(key.fileobj)
                elif key.data in self._peers:
                    self._advance(key.data)

    def _expire(self, ready: set[_Peer | None]) -> None:
        """Drop those who are late, unless what they sent waited for us."""
        now = time.monotonic()
        for peer in [peer for peer in self._peers - ready if peer.deadline <= now]:
            self._drop(peer)

    def _end(self) -> None:
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket) and key.fileobj is not self._woken:
                key.fileobj.close()
        self._selector.close()

    def _accept(self, listener: Any) -> None:
        try:
            sock, _ = listener.accept()
        except BlockingIOError:
            return  # it went away again
        except OSError as error:
            log.warning("control.accept_failed", error=str(error))
            time.sleep(_SHORT_OF_DESCRIPTORS)
            return
        if not may_ask(sock, self._mode, self._gid):
            sock.close()
            return
        if len(self._peers) >= MOST_PEERS:  # an honest peer is done in milliseconds
            self._drop(min(self._peers, key=lambda peer: peer.deadline))
        sock.setblocking(False)
        peer = _Peer(sock, time.monotonic() + PEER_SECONDS)
        self._peers.add(peer)
        self._selector.register(sock, selectors.EVENT_READ, peer)

    def _advance(self, peer: _Peer) -> None:
        try:
            if peer.to_send is None:
                self._receive(peer)
            else:
                peer.to_send = peer.to_send[peer.sock.send(peer.to_send) :]
                if not peer.to_send:
                    self._drop(peer)
        except BlockingIOError:
            return
        except OSError:
            self._drop(peer)  # it hung up

    def _receive(self, peer: _Peer) -> None:
        data = peer.sock.recv(65536)
        peer.received += data
        if b"\n" in data or len(peer.received) > LARGEST_LINE:
            peer.to_send = memoryview(self._answer(peer.received.partition(b"\n")))
            peer.deadline = time.monotonic() + PEER_SECONDS
            self._selector.modify(peer.sock, selectors.EVENT_WRITE, peer)
        elif not data or peer.deadline <= time.monotonic():
            self._drop(peer)

    def _answer(self, received: tuple[bytearray, bytearray, bytearray]) -> bytes:
        line, newline, _ = received
        if not newline:
            return error_line("the request is larger than 1 MiB", "ask for less at once")
        try:
            verb, args = parse_request(bytes(line))
            if verb not in self._handlers:
                raise DockwardenError(
                    f"this socket does not serve {verb[:50]!r}",
                    hint=f"it serves {', '.join(sorted(self._handlers))}; root may ask for more",
                )
            return result_line(self._handlers[verb](args))
        except DockwardenError as error:
            return error_line(error.message, error.hint)
        except Exception as error:  # noqa: BLE001 - a wrong answer must not take the agent down
            log.error("control.failed", error=repr(error))
            return error_line("the agent could not answer", "see: journalctl -u dockwarden")

    def _drop(self, peer: _Peer) -> None:
        self._selector.unregister(peer.sock)
        self._peers.discard(peer)
        peer.sock.close()
