"""A stand-in for an engine that replays recorded events as fast as the reader takes them.

Runs as a process of its own, so that it takes no time from the reader:
`python -m benchmarks.replay SOCKET COUNT`.
"""

import re
import socket
import sys
from pathlib import Path

RECORDED = Path(__file__).parent / "recorded" / "events-28.5.jsonl"
_BLOCK = 512  # events in one write
_JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_DATE = b"Date: Mon, 23 Nov 2026 12:00:00 GMT\r\n"


def blocks(count: int) -> list[bytes]:
    """`count` events, each a chunk of its own as the engine sends them, numbered by `timeNano`."""
    recorded = RECORDED.read_bytes().splitlines(keepends=True)
    chunks = []
    for number in range(count):
        line = recorded[number % len(recorded)]
        line = re.sub(rb'"timeNano":\d+', b'"timeNano":%d' % (10**18 + number), line)
        chunks.append(b"%x\r\n%b\r\n" % (len(line), line))
    return [b"".join(chunks[at : at + _BLOCK]) for at in range(0, count, _BLOCK)]


def serve(path: str, count: int) -> None:
    """Answer every connection: `/events` with all events, anything else with a version."""
    ready = blocks(count)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(8)
    print("ready", flush=True)
    while True:
        connection, _ = listener.accept()
        with connection:
            request = connection.recv(65536)
            if b"/events" not in request:
                version = b'{"ApiVersion":"1.51"}'
                length = b"Content-Length: %d\r\n\r\n" % len(version)
                connection.sendall(_JSON_HEAD + _DATE + length + version)
                continue
            connection.sendall(_JSON_HEAD + _DATE + b"Transfer-Encoding: chunked\r\n\r\n")
            for block in ready:
                connection.sendall(block)
            connection.sendall(b"0\r\n\r\n")


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
