"""The servers that the collector's benchmark loads: the collector, and one that stores nothing."""

import os
import zlib

import msgspec
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from collector.app import make_app
from collector.ingest.decode import Event
from collector.ingest.request_limits import Rate
from collector.store.database import Database

URL = "BENCHMARK_DATABASE"
WRITERS = "BENCHMARK_WRITERS"
_DECODER = msgspec.json.Decoder(list[Event])


def make() -> FastAPI:
    """The collector over the database that the environment names, without page and limits."""
    writers = int(os.environ.get(WRITERS, "1"))
    return make_app(Database.open(os.environ[URL]), rate=Rate(0), writers=writers)


async def null(scope: Scope, receive: Receive, send: Send) -> None:
    """Inflates and decodes the envelopes, then answers: no framework, no token, no store."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    events = _DECODER.decode(zlib.decompress(body, 31)) if body else []
    answer = b'{"accepted":%d,"duplicates":0}' % len(events)
    headers = [(b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
