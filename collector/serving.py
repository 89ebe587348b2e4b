"""From the configuration to a running server: the only place where the collector's parts meet."""

import os
import ssl
from datetime import timedelta
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from collector import collector_clock
from collector.app import make_app
from collector.background import Background
from collector.collector_config import FILE_VARIABLE, Config, load
from collector.ingest.request_limits import Rate
from collector.model.accounts import Role
from collector.opening import open_database
from collector.store import partitions
from collector.store.access import AccountBook, AuditLog
from collector.store.enrolment_store import EnrolmentStore
from collector.store.migrate import check_current, migrate
from collector.store.retention import Retention
from collector.store.shared import cookie_key
from collector.store.views.fleet import FleetReader
from collector.web.page_app import make_page
from collector.web.request_context import OidcSettings, PageSettings, Ports

_GRACEFUL_SECONDS = 15


def prepare(config: Config) -> None:
    """Make SQLite's tables; PostgreSQL's are made by `migrate`, since an upgrade of what replicas
    share is a decision. Raises `SchemaBehind` or `StoreUnavailable`."""
    database = open_database(config)
    try:
        if database.is_sqlite:
            migrate(database)
        check_current(database)
        partitions.ensure(database, collector_clock.now())
    finally:
        database.close()


def make() -> FastAPI:
    """The application of one worker process, for uvicorn."""
    config = load(None, os.environ)
    database = open_database(config)
    background = Background(
        database,
        Retention(**dict(config.retention)),
        collector_clock.now,
        config.alerts.webhook,
    )
    ports = Ports(
        FleetReader(database),
        EnrolmentStore(database),
        AuditLog(database),
        AccountBook(database),
        collector_clock.now,
    )
    return make_app(
        database,
        rate=Rate(config.limits.events_per_second, config.limits.burst),
        page=make_page(ports, _page_settings(config, cookie_key(database))),
        writers=config.database.writers,
        background=background.running,
    )


def serve(config: Config, file: Path | None) -> None:
    """Serve until SIGTERM or SIGINT; requests that are under way are completed."""
    prepare(config)
    if file is not None:
        os.environ[FILE_VARIABLE] = str(file)  # for the worker processes
    host, _, port = config.server.listen.rpartition(":")
    server = config.server
    uvicorn.run(
        "collector.serving:make",
        factory=True,
        host=host.strip("[]"),
        port=int(port),
        workers=server.workers,
        ssl_certfile=server.tls_certificate or None,
        ssl_keyfile=server.tls_key or None,
        ssl_ca_certs=server.tls_client_ca or None,
        ssl_cert_reqs=ssl.CERT_REQUIRED if server.tls_client_ca else ssl.CERT_NONE,
        proxy_headers=bool(server.trusted_proxies),
        forwarded_allow_ips=server.trusted_proxies or None,
        access_log=False,
        server_header=False,
        log_level="info",
        timeout_graceful_shutdown=_GRACEFUL_SECONDS,
    )


def _page_settings(config: Config, key: str) -> PageSettings:
    page = config.page
    oidc = OidcSettings(
        issuer=page.oidc_issuer,
        client_id=page.oidc_client_id,
        client_secret=page.oidc_client_secret,
        groups={group: Role(role) for group, role in page.oidc_groups.items()},
        groups_claim=page.oidc_groups_claim,
    )
    return PageSettings(
        url=config.server.url.rstrip("/"),
        https=config.server.url.startswith("https:"),
        cookie_key=key,
        session_lifetime=timedelta(hours=page.session_hours),
        oidc=oidc if page.oidc_issuer else None,
    )
