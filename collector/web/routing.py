"""From a request to a page: who is it, may they, is it meant; knows no page's content.

Order of each request: find the session, check the role, read the form (bounded), check its CSRF
token, run the page on a worker thread.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qs, quote

from starlette.concurrency import run_in_threadpool
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from collector.model.accounts import Role, Session
from collector.web.cookies import equal, key_of, login_cookie, session_cookie
from collector.web.request_context import PageSettings, Ports, RequestContext

Handler = Callable[[RequestContext], Response]
_LONGEST_FORM: Final = 16_384  # bytes
_MOST_FIELDS: Final = 32


@dataclass(frozen=True, slots=True)
class Page:
    """An address, who may use it (None: everybody), and what answers. A POST changes something
    and is refused without its CSRF token."""

    path: str
    handler: Handler
    needs: Role | None = Role.READER
    method: str = "GET"


class _ExportForm(Convertor[str]):
    """`{form:export}` in an address: csv or json."""

    regex = "csv|json"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("export", _ExportForm())


def route(page: Page, ports: Ports, settings: PageSettings) -> Route:
    """The page behind its guards."""

    async def endpoint(request: Request) -> Response:
        cookie = request.cookies.get(session_cookie(settings), "")
        session = (
            await run_in_threadpool(ports.accounts.session, key_of(cookie), ports.now())
            if cookie
            else None
        )
        refusal = _refusal(page, request, session)
        if refusal:
            return refusal
        form = await _form(request) if page.method == "POST" else {}
        context = context_of(request, ports, settings, session=session, form=form)
        if page.method == "POST" and not _is_meant(page, context):
            raise HTTPException(
                403, "This form has expired or came from another site: load the page again."
            )
        return await run_in_threadpool(page.handler, context)

    handler: Callable[[Request], Awaitable[Response]] = endpoint
    return Route(page.path, handler, methods=[page.method])


def context_of(
    request: Request,
    ports: Ports,
    settings: PageSettings,
    *,
    session: Session | None = None,
    form: Mapping[str, str] = MappingProxyType({}),
) -> RequestContext:
    """The request without its transport."""
    return RequestContext(
        ports=ports,
        settings=settings,
        now=ports.now(),
        path=request.url.path,
        address=request.client.host if request.client else "",
        session=session,
        query=dict(request.query_params),
        form=form,
        parts=dict(request.path_params),
        cookies=request.cookies,
    )


def _refusal(page: Page, request: Request, session: Session | None) -> Response | None:
    if page.needs is None:
        return None
    if session is None:
        return _to_login(request)
    if not session.role.covers(page.needs):
        raise HTTPException(
            403, "Your role may read but not change anything: ask an administrator."
        )
    return None


def _to_login(request: Request) -> Response:
    """Back to where they wanted to go afterwards; a program or a fragment gets a plain 401."""
    parsed = request.url.path + ("?" + request.url.query if request.url.query else "")
    login = "/login" + ("?next=" + quote(parsed) if request.method == "GET" else "")
    if request.headers.get("HX-Request") == "true":
        return Response(status_code=401, headers={"HX-Redirect": "/login"})
    if request.url.path.endswith((".csv", ".json")):
        raise HTTPException(401, "Sign in first.")
    return RedirectResponse(login, 303)


def _is_meant(page: Page, context: RequestContext) -> bool:
    """The token that the form carries is the session's, or before login the login cookie's."""
    if page.needs is None:
        expected = context.cookies.get(login_cookie(context.settings), "")
    else:
        expected = context.session.csrf if context.session else ""
    return equal(expected, context.form.get("csrf", ""))


async def _form(request: Request) -> dict[str, str]:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _LONGEST_FORM:
            raise HTTPException(413, "The form is too long.")
    try:
        fields = parse_qs(bytes(body).decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:  # neither UTF-8 nor so few fields
        raise HTTPException(400, "The form could not be read.") from None
    return {name: values[-1] for name, values in fields.items()}
