"""POST /v1/events: who, how much, what, kept; in that order. Knows no SQL.

Contract: docs/internals/reporting.md. No model of FastAPI's: msgspec decodes ten times as fast.
"""

import asyncio
import math
import time
from concurrent.futures import Future
from dataclasses import dataclass

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from collector import collector_clock
from collector.collector_errors import StoreUnavailable
from collector.ingest.decode import NotTheirs, TooMany, Unreadable, decode
from collector.ingest.known import KnownTokens
from collector.ingest.openapi import EVENTS
from collector.ingest.request_limits import LONGEST_BODY, Buckets, NoGzip, TooLarge, inflate
from collector.model.records import Batch, Result
from collector.model.times import us
from collector.store.writing.writer import Busy, Writer

BATCH_TYPE = "application/cloudevents-batch+json"
_BUSY_SECONDS = 5


@dataclass(frozen=True, slots=True)
class IngestAccess:
    """What the route needs."""

    tokens: KnownTokens
    buckets: Buckets
    writer: Writer


class HttpError(Exception):
    """Anything but success: status, words, and seconds to wait if any."""

    def __init__(self, status: int, error: str, retry_after: float | None = None) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.retry_after = retry_after


def events_route(access: IngestAccess) -> APIRouter:
    """The router with the one route."""
    router = APIRouter()

    @router.post("/v1/events", openapi_extra=EVENTS, response_class=Response)
    async def events(request: Request) -> Response:
        """Keep a batch of reports: answered with 200 only when it is committed."""
        try:
            result = await _take(access, request)
        except HttpError as refusal:
            return refused(refusal.status, refusal.error, refusal.retry_after)
        except (NotTheirs, Unreadable) as problem:
            return _unreadable(problem)
        except (StoreUnavailable, Busy):
            return refused(503, "the collector cannot store reports now", _BUSY_SECONDS)
        except ClientDisconnect:
            return refused(400, "the connection ended within the body")
        return _json(200, result)

    return router


async def _take(access: IngestAccess, request: Request) -> Result:
    headers = request.headers
    host_id = await access.tokens.host(headers.get("authorization", ""), time.monotonic())
    if host_id is None:
        raise HttpError(401, "the token is unknown or revoked")
    if wait := access.buckets.wait(host_id, time.monotonic()):
        raise HttpError(429, "this host sends more than its limit", wait)
    if headers.get("content-type", "").partition(";")[0].strip().lower() != BATCH_TYPE:
        raise HttpError(415, f"the content type must be {BATCH_TYPE}")
    body = _plain(await read_body(request, LONGEST_BODY), headers.get("content-encoding", ""))
    batch = decode(body, host_id=host_id, received_at=us(collector_clock.now()))
    access.buckets.take(host_id, len(batch.records), time.monotonic())
    return await _kept(access.writer, batch)


async def _kept(writer: Writer, batch: Batch) -> Result:
    if not batch.records:
        return Result(0, 0)
    future: Future[Result] = writer.submit(batch)
    return await asyncio.wrap_future(future)


async def read_body(request: Request, limit: int) -> bytes:
    """At most `limit` bytes; raises `HttpError` when there are, or are announced, more."""
    declared = request.headers.get("content-length", "0")
    if not declared.isascii() or not declared.isdigit() or int(declared[:20]) > limit:
        raise HttpError(413, f"the body may have {limit} bytes")
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise HttpError(413, f"the body may have {limit} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def refused(status: int, error: str, retry_after: float | None = None) -> Response:
    """An answer that says why."""
    response = _json(status, {"error": error})
    if retry_after is not None:
        response.headers["Retry-After"] = str(max(1, math.ceil(retry_after)))
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _plain(body: bytes, encoding: str) -> bytes:
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip":
            try:
                return inflate(body)
            except TooLarge as error:
                raise HttpError(413, str(error)) from error
            except NoGzip as error:
                raise Unreadable(str(error)) from error
        case other:
            raise HttpError(415, f"content encoding {other[:40]!r} is not known; use gzip")


def _unreadable(problem: NotTheirs | Unreadable) -> Response:
    if isinstance(problem, NotTheirs):
        return refused(403, str(problem))
    if isinstance(problem, TooMany):
        return refused(413, problem.reason)
    faults = [{"index": f.index, "id": f.id, "reason": f.reason} for f in problem.faults]
    return _json(400, {"error": problem.reason, "events": faults})


def _json(status: int, value: object) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
