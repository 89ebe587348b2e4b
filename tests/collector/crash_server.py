"""Forks collectors that are to be killed: everything is imported once, so a start takes little.

    python -m tests.collector.crash_server URL

For each line read it forks one that serves, and prints its process id and port.
"""

import os
import signal
import socket
import sys

import uvicorn

from collector.app import make_app
from collector.ingest.request_limits import Rate
from collector.store.database import Database


def main(url: str) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel takes the dead away
    for _ in sys.stdin:
        listener = socket.create_server(("127.0.0.1", 0))
        child = os.fork()
        if child == 0:
            serve(url, listener)
        print(child, listener.getsockname()[1], flush=True)
        listener.close()


def serve(url: str, listener: socket.socket) -> None:
    app = make_app(Database.open(url), rate=Rate(0))
    uvicorn.run(app, fd=listener.detach(), log_level="critical", access_log=False)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
