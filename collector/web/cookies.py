"""The session's cookie and its tokens; knows no passwords and no pages."""

import hashlib
import hmac
import secrets
from datetime import datetime
from typing import Final

from starlette.responses import Response

from collector.model.accounts import Role, Session
from collector.web.request_context import PageSettings

LOGIN_COOKIE_LIFETIME: Final = 3600  # seconds


def session_cookie(settings: PageSettings) -> str:
    """`__Host-` makes browsers demand Secure, this host and the whole path (RFC 6265bis)."""
    return "__Host-dockwarden" if settings.https else "dockwarden"


def login_cookie(settings: PageSettings) -> str:
    """Holds the CSRF token of a login form, when there is no session yet."""
    return session_cookie(settings) + "-login"


def new_session(who: str, role: Role, now: datetime, settings: PageSettings) -> tuple[Session, str]:
    """A session and the text for its cookie, of which only the hash is kept."""
    text = secrets.token_urlsafe(32)
    session = Session(
        key=key_of(text),
        who=who,
        role=role,
        csrf=secrets.token_urlsafe(32),
        opened_at=now,
        expires_at=now + settings.session_lifetime,
    )
    return session, text


def key_of(text: str) -> str:
    """The key under which a cookie's session is stored: a reader of the store cannot use it."""
    return hashlib.sha256(text.encode()).hexdigest()


def equal(one: str, other: str) -> bool:
    """Whether two tokens are the same and not empty, in constant time."""
    return bool(one) and hmac.compare_digest(one.encode(), other.encode())


def set_cookie(
    response: Response, name: str, text: str, lifetime: int, settings: PageSettings
) -> None:
    """For `lifetime` seconds; no script reads it and no other site's request carries it."""
    response.set_cookie(
        name,
        text,
        max_age=lifetime,
        path="/",
        secure=settings.https,
        httponly=True,
        samesite="strict",
    )


def drop_cookie(response: Response, name: str, settings: PageSettings) -> None:
    """Make the browser forget it."""
    response.delete_cookie(name, path="/", secure=settings.https, httponly=True, samesite="strict")
