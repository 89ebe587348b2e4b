"""Signing in through an OpenID Connect provider; the protocol itself is authlib's.

Authorization code flow with PKCE, state and nonce (OpenID Connect Core 1.0, section 3.1); the
ID token's issuer has to be the configured one. A signed cookie keeps the few values of a login
under way; it is Lax, since the provider's redirect back comes from another site.
"""

import logging
from collections.abc import Mapping
from typing import Any, Final

import httpx
from authlib.common.errors import AuthlibBaseError  # type: ignore[import-untyped] # publishes none
from authlib.integrations.starlette_client import OAuth  # type: ignore[import-untyped] # the same
from joserfc.errors import JoseError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from collector.httpx_transport import PolicyTransport
from collector.model.accounts import Role
from collector.web.login import safe_next, sign_in
from collector.web.render import rendered
from collector.web.request_context import OidcSettings, PageSettings, Ports, RequestContext
from collector.web.routing import context_of

log = logging.getLogger("collector.web.oidc")

_LIFETIME: Final = 600  # seconds that a login may take
SECONDS: Final = 10.0  # for each request to the provider as a whole
_WANTED: Final = "wanted"
# What the provider can do wrong: refuse, be away, or answer with what cannot be believed.
_FAILURES: Final = (
    AuthlibBaseError,
    JoseError,
    httpx.HTTPError,
    RuntimeError,
    ValueError,
    KeyError,
)


def oidc_routes(ports: Ports, settings: PageSettings, oidc: OidcSettings) -> list[Route]:
    """The two addresses of the flow; the provider has to know `URL/login/oidc/callback`."""
    provider = provider_client(oidc)

    async def start(request: Request) -> Response:
        request.session[_WANTED] = safe_next(request.query_params.get("next", ""))
        try:
            answer: Response = await provider.authorize_redirect(
                request, settings.url + "/login/oidc/callback"
            )
        except _FAILURES as error:
            raise _refused(error) from error
        return answer

    async def callback(request: Request) -> Response:
        checks = {"iss": {"essential": True, "values": [oidc.issuer]}}
        try:
            token = await provider.authorize_access_token(request, claims_options=checks)
            claims: Mapping[str, Any] = token["userinfo"]
        except _FAILURES as error:
            raise _refused(error) from error
        context = context_of(request, ports, settings)
        parsed = safe_next(str(request.session.pop(_WANTED, "")))
        return await run_in_threadpool(_finish, context, oidc, claims, parsed)

    cookie = Middleware(
        SessionMiddleware,
        secret_key=settings.cookie_key,
        session_cookie="dockwarden-oidc",
        max_age=_LIFETIME,
        path="/login/oidc",
        same_site="lax",
        https_only=settings.https,
    )
    return [
        Route("/login/oidc", start, middleware=[cookie]),
        Route("/login/oidc/callback", callback, middleware=[cookie]),
    ]


def role_of(claims: Mapping[str, Any], oidc: OidcSettings) -> Role | None:
    """The highest role of all mapped groups; None, which is no access, if there is none."""
    claimed = claims.get(oidc.groups_claim, ())
    groups = [claimed] if isinstance(claimed, str) else claimed if isinstance(claimed, list) else []
    roles = {oidc.groups[group] for group in groups if group in oidc.groups}
    return next((role for role in (Role.ADMINISTRATOR, Role.READER) if role in roles), None)


def name_of(claims: Mapping[str, Any]) -> str:
    """For the audit log: the subject always, since only it is unique and never given again."""
    subject = str(claims.get("sub", ""))
    name = str(claims.get("email") or claims.get("preferred_username") or "")
    return f"{name} ({subject})" if name else subject


def _finish(
    context: RequestContext, oidc: OidcSettings, claims: Mapping[str, Any], parsed: str
) -> Response:
    who, role = name_of(claims), role_of(claims, oidc)
    if role is None:
        context.note("login.refused", who, f"in no mapped group of {oidc.groups_claim}")
        raise HTTPException(403, "None of your groups may sign in: ask an administrator.")
    # A page instead of a redirect: browsers send Strict cookies only once we lead on ourselves.
    return sign_in(context, rendered(context, "signed_in.html", parsed=parsed), who, role)


def provider_client(oidc: OidcSettings, seconds: float = SECONDS) -> Any:
    """authlib's client of the provider; `seconds` bound each of its requests as a whole."""
    registry = OAuth()
    registry.register(
        "company",
        client_id=oidc.client_id,
        client_secret=oidc.client_secret,
        server_metadata_url=oidc.issuer.rstrip("/") + "/.well-known/openid-configuration",
        client_kwargs={
            "scope": oidc.scopes,
            "code_challenge_method": "S256",
            "transport": PolicyTransport(seconds),
            "trust_env": False,
        },
    )
    return registry.create_client("company")


def _refused(error: Exception) -> HTTPException:
    """The details, which may hold secrets of the provider, go to the log's owner only."""
    log.warning("oidc.refused", extra={"error": type(error).__name__, "detail": str(error)})
    return HTTPException(
        502,
        "The sign-in service did not confirm who you are. Try again, or ask its administrators.",
    )
