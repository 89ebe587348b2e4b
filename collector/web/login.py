"""Signing in with a password, and out; knows argon2 and cookies, no pages but its own.

Passwords are kept as argon2id with the parameters of RFC 9106, section 4 (second choice), which
are argon2-cffi's own. Wrong names take as long as wrong passwords.
"""

import secrets
from datetime import timedelta
from threading import Lock
from typing import Final
from urllib.parse import urlsplit

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from starlette.responses import RedirectResponse, Response

from collector.model.accounts import Account, Role
from collector.web.cookies import (
    LOGIN_COOKIE_LIFETIME,
    drop_cookie,
    key_of,
    login_cookie,
    new_session,
    session_cookie,
    set_cookie,
)
from collector.web.render import rendered
from collector.web.request_context import RequestContext

MOST_FAILURES: Final = 5  # from one address
WITHIN: Final = timedelta(minutes=15)
_LONGEST: Final = 1024  # characters of a password
_HASHER: Final = PasswordHasher()
_NOBODY: Final = _HASHER.hash(secrets.token_urlsafe())
_one_at_a_time = Lock()  # each takes 64 MiB, and none slips past the limit beside another


def hash_password(password: str) -> str:
    """What `Account.password_hash` holds."""
    return _HASHER.hash(password)


def show_login(context: RequestContext) -> Response:
    """The form; who is signed in already goes on."""
    if context.session:
        return RedirectResponse(safe_next(context.query.get("next", "")), 303)
    return _form(context, context.query.get("next", ""))


def log_in(context: RequestContext) -> Response:
    """Open a session, or refuse without saying whether it was the name or the password."""
    parsed = context.form.get("next", "")
    name = context.form.get("name", "")[:_LONGEST]
    with _one_at_a_time:
        failures = context.ports.audit.failed_logins(context.address, context.now - WITHIN)
        if failures >= MOST_FAILURES:
            minutes = int(WITHIN.total_seconds() // 60)
            refusal = _form(
                context, parsed, f"Too many failed logins: try again in {minutes} minutes.", 429
            )
            refusal.headers["Retry-After"] = str(int(WITHIN.total_seconds()))
            return refusal
        account = context.ports.accounts.account(name)
        if not _is_right(account, context.form.get("password", "")) or account is None:
            context.note("login.failed", name, who="")
            return _form(context, parsed, "Name or password is wrong.", 401)
    answer = RedirectResponse(safe_next(parsed), 303)
    return sign_in(context, answer, account.name, account.role)


def sign_in(context: RequestContext, answer: Response, who: str, role: Role) -> Response:
    """Give the answer a new session, whatever cookie there was before."""
    session, text = new_session(who, role, context.now, context.settings)
    _close(context)
    context.ports.accounts.open_session(session)
    context.note("login.succeeded", who, f"as {role}", who=who)
    lifetime = int(context.settings.session_lifetime.total_seconds())
    set_cookie(answer, session_cookie(context.settings), text, lifetime, context.settings)
    drop_cookie(answer, login_cookie(context.settings), context.settings)
    return answer


def log_out(context: RequestContext) -> Response:
    """The session ends here, not only in the browser."""
    _close(context)
    context.note("logout", context.actor.who)
    answer = RedirectResponse("/login", 303)
    drop_cookie(answer, session_cookie(context.settings), context.settings)
    return answer


def safe_next(parsed: str) -> str:
    """A path on this site, or the first page: a login must not lead elsewhere."""
    parts = urlsplit(parsed)
    ours = parsed.startswith("/") and not parsed.startswith(("//", "/\\"))
    clean = parsed.isprintable() and "\\" not in parsed
    return parsed if ours and clean and not parts.scheme and not parts.netloc else "/"


def _is_right(account: Account | None, password: str) -> bool:
    if len(password) > _LONGEST:
        return False
    try:
        _HASHER.verify(account.password_hash if account else _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
    return account is not None


def _close(context: RequestContext) -> None:
    text = context.cookies.get(session_cookie(context.settings), "")
    if text:
        context.ports.accounts.close_session(key_of(text))


def _form(context: RequestContext, parsed: str, problem: str = "", status: int = 200) -> Response:
    token = context.cookies.get(login_cookie(context.settings), "") or secrets.token_urlsafe(32)
    answer = rendered(
        context, "login.html", status=status, csrf=token, parsed=parsed, problem=problem
    )
    set_cookie(
        answer, login_cookie(context.settings), token, LOGIN_COOKIE_LIFETIME, context.settings
    )
    return answer
