"""A repository behind a web server, file by file; trusts nothing that comes."""

import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

from registrar.registrar_errors import RepositoryBroken

_SECONDS: Final = 30
_LARGEST: Final = 8 << 20  # bytes


class Served:
    """Files below a URL (`tree.Files`); the environment's proxies are used."""

    def __init__(self, url: str, ca_file: Path | None = None) -> None:
        self._base = url.rstrip("/")
        self._context = ssl.create_default_context(cafile=ca_file) if ca_file else None

    def read(self, path: str) -> bytes | None:
        """One file; None where the server has none. Raises `RepositoryBroken`."""
        url = f"{self._base}/{path}"
        try:
            with urllib.request.urlopen(url, timeout=_SECONDS, context=self._context) as answer:
                data: bytes = answer.read(_LARGEST + 1)
        except urllib.error.HTTPError as error:
            if error.code in (403, 404):  # object stores answer 403 for what is not there
                return None
            raise RepositoryBroken(f"{url}: {error}", hint="see the server's log") from error
        except OSError as error:
            raise RepositoryBroken(f"{url}: {error}", hint="is the server up?") from error
        if len(data) > _LARGEST:
            raise RepositoryBroken(f"{url}: more than {_LARGEST} bytes", hint="publish again")
        return data
