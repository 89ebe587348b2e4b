"""The page as one ASGI application: the table of addresses and what answers when one fails."""

import logging
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from collector.model.accounts import Role
from collector.web import enrolment_pages, fleet_pages, host_pages, login
from collector.web.headers import ProtectiveHeaders
from collector.web.oidc import oidc_routes
from collector.web.render import error_page
from collector.web.request_context import PageSettings, Ports
from collector.web.routing import Page, route
from core.base_errors import DockwardenError

log = logging.getLogger("collector.web")

ADMINISTRATOR: Final = Role.ADMINISTRATOR
PAGES: Final = (
    Page("/", fleet_pages.fleet),
    Page("/latest", fleet_pages.latest),
    Page("/violations", fleet_pages.violations),
    Page("/violations.{form:export}", fleet_pages.export_violations),
    Page("/images", fleet_pages.images),
    Page("/images.{form:export}", fleet_pages.export_images),
    Page("/images/{digest}/hosts.{form:export}", fleet_pages.export_image),
    Page("/images/{digest}", fleet_pages.image),
    Page("/hosts", host_pages.hosts),
    Page("/hosts.{form:export}", host_pages.export_hosts),
    Page("/hosts/{id}/timeline.{form:export}", host_pages.export_timeline),
    Page("/hosts/{id}", host_pages.host),
    Page("/hosts/{id}/revoke", host_pages.revoke_host, ADMINISTRATOR, "POST"),
    Page("/enrolment", enrolment_pages.enrolment),
    Page("/enrolment", enrolment_pages.create_secret, ADMINISTRATOR, "POST"),
    Page("/enrolment/{id}/revoke", enrolment_pages.revoke_secret, ADMINISTRATOR, "POST"),
    Page("/audit", enrolment_pages.audit),
    Page("/audit.{form:export}", enrolment_pages.export_audit),
    Page("/login", login.show_login, None),
    Page("/login", login.log_in, None, "POST"),
    Page("/logout", login.log_out, Role.READER, "POST"),
)


def make_page(ports: Ports, settings: PageSettings) -> ASGIApp:
    """Everything people see, to be mounted at `/` behind the API's own addresses."""
    routes: list[BaseRoute] = [route(page, ports, settings) for page in PAGES]
    if settings.oidc:
        routes.extend(oidc_routes(ports, settings, settings.oidc))
    routes.append(Mount("/static", StaticFiles(packages=[("collector.web", "static")])))
    app = Starlette(
        routes=routes,
        exception_handlers={
            HTTPException: _refused,
            DockwardenError: _unavailable,
            Exception: _failed,
        },
    )
    return ProtectiveHeaders(app, https=settings.https)


async def _refused(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else ""
    return _answer(request, status, detail)


async def _unavailable(request: Request, error: Exception) -> Response:
    """The store does not answer: the page says so, and only the log has the details."""
    log.warning("page.unavailable", extra={"path": request.url.path, "error": str(error)})
    return _answer(request, 503, "The collector's database does not answer. Try again soon.")


async def _failed(request: Request, _error: Exception) -> Response:
    return _answer(request, 500, "This is a defect of the collector; its log has the details.")


def _answer(request: Request, status: int, detail: str) -> Response:
    if request.url.path.endswith(".json"):
        return JSONResponse({"error": detail}, status)
    return error_page(status, detail)
