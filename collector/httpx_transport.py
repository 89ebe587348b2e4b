"""Sends httpx's requests by the one policy of the network, for a library that insists on httpx.

With a transport of its own, a client of httpx reads no proxies and no certificates by itself.
"""

import asyncio
from typing import Final

import httpx

from core.network.web_client import WebClient
from core.network.web_errors import WebFailed
from core.network.web_exchange import WebLimits, WebRequest

# What belongs to one connection; the client sets its own.
_OWN: Final = {"host", "connection", "content-length", "transfer-encoding", "accept-encoding"}


class PolicyTransport(httpx.AsyncBaseTransport):
    """`seconds` bound each request as a whole. Redirects are left to the client of httpx."""

    def __init__(self, seconds: float) -> None:
        self._client = WebClient()
        self._limits = WebLimits(seconds, redirects=0)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As the interface says. Raises `httpx.TransportError`."""
        content = await request.aread()
        headers = {name: text for name, text in request.headers.items() if name not in _OWN}
        sent = WebRequest(request.method, str(request.url), headers, content or None)
        try:
            answer = await asyncio.to_thread(self._client.send, sent, self._limits)
        except WebFailed as error:
            raise httpx.TransportError(str(error), request=request) from error
        taken = {name: text for name, text in answer.headers.items() if name not in _OWN}
        return httpx.Response(answer.status, headers=taken, content=answer.body, request=request)
