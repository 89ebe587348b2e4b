"""Requests to one registry with its authority, and its refusals as errors; knows no content."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import BinaryIO, Final
from urllib.parse import quote, urljoin

from core.network.web_exchange import WebResponse
from registrar.registry.authorise import Authoriser
from registrar.registry.credentials import HUB, Credentials
from registrar.registry.registry_errors import (
    NotAsClaimed,
    NotInRegistry,
    RegistryError,
    RegistryRefused,
)
from registrar.registry.transport import SMALL, Request, Transport

HUB_HOST: Final = "registry-1.docker.io"  # where docker.io's images really are
_LOCAL = re.compile(r"(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]+)?")
_NEXT = re.compile(r'<([^>]+)>\s*;[^,]*\brel="?next"?')


def is_local(domain: str) -> bool:
    """Whether the name means this machine, the only one that is used without TLS by default."""
    return _LOCAL.fullmatch(domain) is not None


def scopes(repository: str, *, push: bool = False, source: str = "") -> tuple[str, ...]:
    """What a token has to permit (distribution, "Token Scope Documentation")."""
    own = f"repository:{repository}:{'pull,push' if push else 'pull'}"
    return (own, f"repository:{source}:pull") if source else (own,)


class RegistrySession:
    """What a client says to its registry; threads may share it."""

    def __init__(
        self,
        domain: str,
        transport: Transport,
        credentials: Credentials | None,
        *,
        plain_http: bool,
    ) -> None:
        self.domain = domain
        scheme = "http" if plain_http or is_local(domain) else "https"
        self._origin = f"{scheme}://{HUB_HOST if domain == HUB else domain}/"
        self._root = f"{self._origin}v2/"
        self._transport = transport
        self._authoriser = Authoriser(domain, transport, credentials)

    def ask(
        self,
        method: str,
        repository: str,
        place: str,
        *,
        accept: str = "*/*",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        sink: BinaryIO | None = None,
        limit: int = SMALL,
        push: bool = False,
        source: str = "",
    ) -> WebResponse:
        """A request about a repository; `place` is what follows `/v2/<repository>/`."""
        url = f"{self._root}{quote(repository)}/{place}"
        sent = {"Accept": accept, **(headers or {})}
        request = Request(method, url, sent, body, None, sink, limit)
        return self.send(request, scopes(repository, push=push, source=source))

    def send(self, request: Request, wanted: tuple[str, ...]) -> WebResponse:
        """A request with the authority of these scopes, unless it goes elsewhere, such as an
        upload to a storage that the registry named."""
        if not request.url.startswith(self._origin):
            return self._transport.send(request)
        response = self._with(request, self._authoriser.header(wanted))
        if response.status == 401:  # none was sent yet, or what was sent has ended
            response = self._with(request, self._authoriser.respond(response, wanted, request.url))
        return response

    def absolute(self, location: str) -> str:
        """An address of an answer, which may be relative."""
        return urljoin(self._root, location)

    def next_page(self, response: WebResponse, repository: str) -> str | None:
        """Where a list goes on (RFC 8288), below the repository; None at its end."""
        found = _NEXT.search(response.headers.get("link", ""))
        if found is None:
            return None
        base = f"{self._root}{quote(repository)}/"
        target: str = urljoin(f"{base}tags/list", found[1])
        if not target.startswith(base):
            raise NotAsClaimed(f"{self.domain} continues its tags elsewhere", hint="name a tag")
        return target.removeprefix(base)

    def expect(self, response: WebResponse, at: str, *wanted: int) -> None:
        """Raise what an answer of another status means."""
        if response.status in wanted:
            return
        words = _words(response.body)
        message = f"{at}: the registry answers {response.status}{': ' if words else ''}{words}"
        if response.status == 404:
            raise NotInRegistry(message, hint="is the name right, and has it been pushed?")
        if response.status in (401, 403):
            raise RegistryRefused(
                message, hint=f"log in as a user who may read it: docker login {self.domain}"
            )
        if response.status == 429:
            wait = response.headers.get("retry-after", "")
            raise RegistryRefused(
                message, hint=f"try again later{f' (in {wait} s)' if wait else ''}"
            )
        raise RegistryError(message, hint="look into the registry's log")

    def _with(self, request: Request, authority: Mapping[str, str]) -> WebResponse:
        return self._transport.send(replace(request, headers={**request.headers, **authority}))


def _words(body: bytes) -> str:
    try:
        errors = json.loads(body)["errors"]
        text = "; ".join(f"{e.get('code')}: {e.get('message')}" for e in errors)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        text = body[:200].decode(errors="replace")
    return " ".join(text.split())[:300]
