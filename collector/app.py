"""The collector as one ASGI application: the API, health, and the page behind them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI, Response
from starlette.types import ASGIApp

from collector.collector_errors import SchemaBehind, StoreUnavailable
from collector.ingest.enrol_route import enrol_route
from collector.ingest.known import REMEMBERED, KnownTokens
from collector.ingest.request_limits import Buckets, Rate
from collector.ingest.route import IngestAccess, events_route
from collector.store.database import Database
from collector.store.enrolment_store import EnrolmentStore
from collector.store.migrate import check_current
from collector.store.writing.writer import Writer
from core import __version__

_LINGER = 0.003  # seconds: PostgreSQL shares a commit between requests that come this close


def make_app(
    database: Database,
    *,
    rate: Rate,
    page: ASGIApp | None = None,
    remembered: float = REMEMBERED,
    writers: int = 1,
    background: Callable[[], AbstractAsyncContextManager[None]] | None = None,
) -> FastAPI:
    """The application over a migrated database; it writes while its lifespan lasts.

    `background` runs beside it (sweeps, alerts, pruning). `page` answers all other addresses.
    """
    linger = 0.0 if database.is_sqlite else _LINGER
    writer = Writer(database, threads=1 if database.is_sqlite else writers, linger=linger)
    enrolments = EnrolmentStore(database)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        writer.start()
        try:
            if background is None:
                yield
            else:
                async with background():
                    yield
        finally:
            await asyncio.to_thread(writer.stop)

    app = FastAPI(
        title="dockwarden collector",
        version=__version__,
        lifespan=lifespan,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    access = IngestAccess(KnownTokens(enrolments.host_of, remembered), Buckets(rate), writer)
    app.include_router(events_route(access))
    app.include_router(enrol_route(enrolments))
    _add_health(app, database, writer)
    if page is not None:
        app.mount("/", page)
    return app


def _add_health(app: FastAPI, database: Database, writer: Writer) -> None:
    @app.get("/healthz", response_class=Response)
    async def alive() -> Response:
        """The process answers."""
        return Response(status_code=204)

    @app.get("/readyz", response_class=Response)
    async def ready() -> Response:
        """The process can keep reports: what a balancer should ask."""
        try:
            await asyncio.to_thread(check_current, database)
            if writer.failing:
                await asyncio.to_thread(writer.try_again)
        except (StoreUnavailable, SchemaBehind):
            return Response(status_code=503)
        return Response(status_code=204)
