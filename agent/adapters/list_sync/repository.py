"""The port `ListRepository`: polls by itself, has the helper do all that needs cryptography."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from agent.adapters.list_sync.helper import Helper
from agent.errors import AllowlistRejected, SyncFailed
from agent.helpers.sync.sync_request import Request, SyncReport, sync_report_of, to_json
from agent.log import get_logger
from agent.ports import TrustedList
from core.network.web_address import without_secrets

log = get_logger(__name__)

TIMESTAMP: Final = "metadata/timestamp.json"
TIMESTAMP_LIMIT: Final = 16 << 10  # bytes, as TUF clients have it
POLL_SECONDS: Final = 10.0
_FOLDER: Final = "file://"


class HelperRepository:
    """`request` says what to sync from where (its `now` is filled in); `read` a generation's
    summary, `lowest_time` the floor below which the clock cannot be, `open_list` its list."""

    def __init__(
        self,
        request: Request,
        helper: Helper,
        *,
        read: Callable[[Path], SyncReport | None],
        lowest_time: Callable[[Path], datetime | None],
        open_list: Callable[[Path], TrustedList],
    ) -> None:
        self._request, self._helper = request, helper
        self._directory = Path(request.directory)
        self._read, self._lowest_time, self._open = read, lowest_time, open_list
        self._polled = b""  # the hash of what the server has, by the last full answer
        self._validators: Mapping[str, str] = {}

    def close(self) -> None:
        """End a sync that is under way: the agent stops."""
        self._helper.close()

    # The list.

    def load(self) -> TrustedList:
        """The generation in force; raises `AllowlistRejected` when there is none, or when it
        cannot be read."""
        number = self._current()
        if number is None:
            raise AllowlistRejected(
                f"no list was fetched from {self._request.source} yet",
                hint="dockwarden sync --wait reports what prevents it",
            )
        return self._open(self._directory / str(number))

    def last_good(self) -> TrustedList | None:
        """The newest older generation that can be read."""
        current = self._current()
        for number in self._generations():
            if number != current:
                try:
                    return self._open(self._directory / str(number))
                except AllowlistRejected as error:
                    log.warning("list.generation_unusable", number=number, error=str(error))
        return None

    def in_force(self) -> SyncReport | None:
        """See the port."""
        number = self._current()
        return None if number is None else self._read(self._directory / str(number))

    def floor(self) -> datetime | None:
        """See the port."""
        return self._lowest_time(self._directory)

    def _current(self) -> int | None:
        try:
            text = (self._directory / "CURRENT").read_text().strip()
        except OSError:
            return None
        return int(text) if text.isascii() and text.isdigit() else None

    def _generations(self) -> Iterator[int]:
        try:
            names = [entry.name for entry in self._directory.iterdir()]
        except OSError:
            return
        yield from sorted((int(name) for name in names if name.isdigit()), reverse=True)

    # News.

    def changed(self) -> bool:
        """See the port."""
        source = self._request.source
        if source.startswith(_FOLDER):
            path = Path(unquote(source.removeprefix(_FOLDER)), TIMESTAMP)
            try:
                self._polled = _hash(path.read_bytes())
            except OSError as error:
                raise SyncFailed(f"{path} cannot be read: {error.strerror}") from error
        else:
            self._ask(f"{source}/{TIMESTAMP}")
        return self._polled != self._known()

    def _ask(self, url: str) -> None:
        # http.client and ssl cost memory: only hosts that poll a server pay for them.
        from core.network.web_client import WebClient
        from core.network.web_errors import WebFailed
        from core.network.web_exchange import WebLimits, WebRequest

        client = WebClient(ca_file=self._request.ca_file)
        try:
            reply = client.send(
                WebRequest("GET", url, self._validators), WebLimits(POLL_SECONDS, TIMESTAMP_LIMIT)
            )
        except WebFailed as error:
            hint = error.hint or "can this host reach it?"
            raise SyncFailed(error.message, hint=hint) from error
        if reply.status == 304 and self._validators:
            return
        if reply.status != 200:
            raise SyncFailed(
                f"{without_secrets(url)}: the server answered {reply.status}",
                hint="is [allowlist] source right?",
            )
        self._polled = _hash(reply.body)
        tags = {"If-None-Match": "etag", "If-Modified-Since": "last-modified"}
        given = {name: reply.headers.get(header, "") for name, header in tags.items()}
        self._validators = {name: value for name, value in given.items() if value}

    def _known(self) -> bytes:
        number = self._current()
        try:
            return _hash((self._directory / str(number) / TIMESTAMP).read_bytes())
        except OSError:
            return b""

    def sync(self, now: datetime) -> SyncReport:
        """See the port."""
        request = replace(self._request, now=now.astimezone(UTC).timestamp())
        said = self._helper.run(to_json(request))
        try:
            return sync_report_of(said)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise SyncFailed(
                "the sync helper's answer cannot be understood",
                hint="was one dockwarden installed over another? journalctl -u dockwarden",
            ) from error


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
