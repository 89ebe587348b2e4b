"""Answers a registry's challenge with a token or Basic credentials; knows no manifests.

Rules: RFC 9110, 11.6.1 (challenges); distribution's "Token Authentication Specification" and
"OAuth2 token authentication" (what an identity token is traded in by).
"""

import base64
import json
import re
import threading
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode, urlsplit

from core.network.web_exchange import WebResponse
from registrar.registry.credentials import Credentials
from registrar.registry.registry_errors import RegistryRefused
from registrar.registry.transport import Request, Transport

CLIENT: Final = "dockwarden-registrar"
_TOKEN_LIMIT: Final = 1 << 20
_TOKEN = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_PART = re.compile(rf'\s*,?\s*({_TOKEN})\s*=\s*("(?:[^"\\]|\\.)*"|{_TOKEN})')
_SCHEME = re.compile(rf"\s*,?\s*({_TOKEN})(?=\s|,|$)(?!\s*=)")


def challenges(header: str) -> dict[str, dict[str, str]]:
    """The parameters of each scheme in a WWW-Authenticate header; scheme names in lower case."""
    found: dict[str, dict[str, str]] = {}
    scheme, at = "", 0
    while at < len(header):
        if scheme and (part := _PART.match(header, at)):
            value = part[2]
            if value.startswith('"'):
                value = re.sub(r"\\(.)", r"\1", value[1:-1])
            found[scheme].setdefault(part[1].lower(), value)
            at = part.end()
        elif begin := _SCHEME.match(header, at):
            scheme = begin[1].lower()
            found.setdefault(scheme, {})
            at = begin.end()
        else:
            break
    return found


class Authoriser:
    """Keeps what one registry accepted, by scope; shared by threads."""

    def __init__(self, domain: str, transport: Transport, credentials: Credentials | None) -> None:
        self._domain = domain
        self._transport = transport
        self._credentials = credentials or Credentials()
        self._accepted: dict[tuple[str, ...], str] = {}
        self._lock = threading.Lock()

    def header(self, scopes: tuple[str, ...]) -> Mapping[str, str]:
        """What to send with a first try."""
        with self._lock:
            value = self._accepted.get(scopes, "")
        return {"Authorization": value} if value else {}

    def respond(self, refused: WebResponse, scopes: tuple[str, ...], url: str) -> Mapping[str, str]:
        """What to send with a second try, after a 401. Raises `RegistryRefused`."""
        offered = challenges(refused.headers.get("www-authenticate", ""))
        if "bearer" in offered:
            value = f"Bearer {self._token(offered['bearer'], scopes, url)}"
        elif "basic" in offered and self._credentials.user:
            value = _basic(self._credentials)
        else:
            raise self._refused("it asks for credentials, and none are known")
        with self._lock:
            self._accepted[scopes] = value
        return {"Authorization": value}

    def _token(self, asked: Mapping[str, str], scopes: tuple[str, ...], url: str) -> str:
        known = self._credentials
        if known.bearer_token:
            return known.bearer_token
        realm = asked.get("realm", "")
        if urlsplit(realm).scheme not in {"https", urlsplit(url).scheme}:
            raise self._refused(f"its token server {realm[:100]!r} is not https")
        wanted = scopes or (asked.get("scope", ""),)
        if known.identity_token:
            request = _traded(realm, asked.get("service", ""), wanted, known.identity_token)
        else:
            request = _asked(realm, asked.get("service", ""), wanted, known)
        response = self._transport.send(request)
        if response.status != 200:
            words = " ".join(response.body[:200].decode(errors="replace").split())
            raise self._refused(f"its token server answers {response.status}: {words}")
        try:
            said = json.loads(response.body)
            token = said.get("token") or said.get("access_token")
        except (ValueError, AttributeError, RecursionError):
            token = None
        if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
            raise self._refused("its token server answers no token")
        return token

    def _refused(self, why: str) -> RegistryRefused:
        who = f"as {self._credentials.user}" if self._credentials.user else "without credentials"
        return RegistryRefused(
            f"{self._domain} refused the request {who}: {why}",
            hint=f"log in as a user who may read it: docker login {self._domain}",
        )


def _asked(realm: str, service: str, scopes: tuple[str, ...], known: Credentials) -> Request:
    query = [("service", service), *(("scope", scope) for scope in scopes)]
    text = urlencode([(name, value) for name, value in query if value])
    joined = f"{realm}{'&' if '?' in realm else '?'}{text}"
    headers = {"Authorization": _basic(known)} if known.user else {}
    return Request("GET", joined, headers, limit=_TOKEN_LIMIT)


def _traded(realm: str, service: str, scopes: tuple[str, ...], token: str) -> Request:
    form = {
        "grant_type": "refresh_token",
        "service": service,
        "client_id": CLIENT,
        "scope": " ".join(scopes),
        "refresh_token": token,
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return Request("POST", realm, headers, urlencode(form).encode(), limit=_TOKEN_LIMIT)


def _basic(known: Credentials) -> str:
    pair = f"{known.user}:{known.password}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"
