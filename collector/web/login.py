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

from collector.web.accounts import Account, Role
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
from collector.web.visit import Visit

MOST_FAILURES: Final = 5  # from one address
WITHIN: Final = timedelta(minutes=15)
_LONGEST: Final = 1024  # characters of a password
_HASHER: Final = PasswordHasher()
_NOBODY: Final = _HASHER.hash(secrets.token_urlsafe())
_one_at_a_time = Lock()  # each takes 64 MiB, and none slips past the limit beside another


def hash_password(password: str) -> str:
    """What `Account.password_hash` holds."""
    return _HASHER.hash(password)


def show_login(visit: Visit) -> Response:
    """The form; who is signed in already goes on."""
    if visit.session:
        return RedirectResponse(safe_next(visit.query.get("next", "")), 303)
    return _form(visit, visit.query.get("next", ""))


def log_in(visit: Visit) -> Response:
    """Open a session, or say no without telling whether it was the name or the password."""
    wanted = visit.form.get("next", "")
    name = visit.form.get("name", "")[:_LONGEST]
    with _one_at_a_time:
        failures = visit.ports.audit.failed_logins(visit.address, visit.now - WITHIN)
        if failures >= MOST_FAILURES:
            minutes = int(WITHIN.total_seconds() // 60)
            refusal = _form(visit, wanted, f"Too often wrong: try again in {minutes} minutes.", 429)
            refusal.headers["Retry-After"] = str(int(WITHIN.total_seconds()))
            return refusal
        account = visit.ports.accounts.account(name)
        if not _is_right(account, visit.form.get("password", "")) or account is None:
            visit.note("login.failed", name, who="")
            return _form(visit, wanted, "Name or password is wrong.", 401)
    answer = RedirectResponse(safe_next(wanted), 303)
    return sign_in(visit, answer, account.name, account.role)


def sign_in(visit: Visit, answer: Response, who: str, role: Role) -> Response:
    """Give the answer a new session, whatever cookie there was before."""
    session, text = new_session(who, role, visit.now, visit.settings)
    _close(visit)
    visit.ports.accounts.open_session(session)
    visit.note("login.succeeded", who, f"as {role}", who=who)
    lifetime = int(visit.settings.session_lifetime.total_seconds())
    set_cookie(answer, session_cookie(visit.settings), text, lifetime, visit.settings)
    drop_cookie(answer, login_cookie(visit.settings), visit.settings)
    return answer


def log_out(visit: Visit) -> Response:
    """The session ends here, not only in the browser."""
    _close(visit)
    visit.note("logout", visit.actor.who)
    answer = RedirectResponse("/login", 303)
    drop_cookie(answer, session_cookie(visit.settings), visit.settings)
    return answer


def safe_next(wanted: str) -> str:
    """A path on this site, or the first page: a login must not lead elsewhere."""
    parts = urlsplit(wanted)
    ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    clean = wanted.isprintable() and "\\" not in wanted
    return wanted if ours and clean and not parts.scheme and not parts.netloc else "/"


def _is_right(account: Account | None, password: str) -> bool:
    if len(password) > _LONGEST:
        return False
    try:
        _HASHER.verify(account.password_hash if account else _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
    return account is not None


def _close(visit: Visit) -> None:
    text = visit.cookies.get(session_cookie(visit.settings), "")
    if text:
        visit.ports.accounts.close_session(key_of(text))


def _form(visit: Visit, wanted: str, problem: str = "", status: int = 200) -> Response:
    token = visit.cookies.get(login_cookie(visit.settings), "") or secrets.token_urlsafe(32)
    answer = rendered(
        visit, "login.html", status=status, csrf=token, wanted=wanted, problem=problem
    )
    set_cookie(answer, login_cookie(visit.settings), token, LOGIN_COOKIE_LIFETIME, visit.settings)
    return answer
