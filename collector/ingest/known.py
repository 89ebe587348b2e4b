"""Which host a token belongs to, remembered for a few seconds; knows no database.

A revoked token is refused `remembered` seconds later at the latest.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

REMEMBERED = 10.0  # seconds
_MOST = 200_000


@dataclass(slots=True)
class KnownTokens:
    """`look_up` may block; it runs on a worker thread. Times are monotonic seconds."""

    look_up: Callable[[str], str | None]
    remembered: float = REMEMBERED
    _known: dict[bytes, tuple[float, str | None]] = field(default_factory=dict)

    async def host(self, authorization: str, now: float) -> str | None:
        """The host's id, or None for a sender without a valid token. Raises `StoreUnavailable`."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            return None
        key = sha256(token.encode("utf-8", "surrogatepass")).digest()
        until, host_id = self._known.get(key, (0.0, None))
        if now < until:
            return host_id
        host_id = await asyncio.to_thread(self.look_up, token)
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[key] = (now + self.remembered, host_id)
        return host_id
