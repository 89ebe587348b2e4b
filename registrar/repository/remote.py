"""A repository behind a web server, file by file; trusts nothing that comes."""

from pathlib import Path
from typing import Final

from core.network.web_address import without_secrets
from core.network.web_client import WebClient
from core.network.web_errors import WebFailed
from core.network.web_exchange import WebLimits, WebRequest
from registrar.registrar_errors import RepositoryBroken

SECONDS: Final = 30.0  # for one file as a whole
_LARGEST: Final = 8 << 20  # bytes


class Served:
    """Files below a URL (`tree.Files`); proxy, trust and redirects are those of `core.network`."""

    def __init__(self, url: str, ca_file: Path | None = None, *, seconds: float = SECONDS) -> None:
        self._base = url.rstrip("/")
        self._client = WebClient(ca_file=str(ca_file or ""), keep=1)
        self._limits = WebLimits(seconds, _LARGEST)

    def read(self, path: str) -> bytes | None:
        """One file; None where the server has none. Raises `RepositoryBroken`."""
        url = f"{self._base}/{path}"
        try:
            answer = self._client.send(WebRequest("GET", url), self._limits)
        except WebFailed as error:
            raise RepositoryBroken(error.message, hint=error.hint or "is the server up?") from error
        if answer.status in (403, 404):  # object stores answer 403 for what is not there
            return None
        if answer.status != 200:
            raise RepositoryBroken(
                f"{without_secrets(url)}: the server answered {answer.status}",
                hint="see the server's log",
            )
        return answer.body
