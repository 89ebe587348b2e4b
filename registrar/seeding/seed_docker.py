"""Asks a container engine which images its containers run; the engine's API over its socket."""

import http.client
import json
import socket
from collections import Counter
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from core.base_errors import InvalidDigest
from core.image.digest import Digest
from registrar.seeding.seed_sources import entry_of
from registrar.seeding.seeds import Entry, SeedInvalid, merged

_SECONDS: Final = 30
_LIMIT: Final = 64 << 20  # bytes of an answer


def from_docker(path: Path, *, every: bool = False) -> list[Entry]:
    """The images of running containers; with `every` of all images that the engine holds.

    Raises `SeedInvalid` where the engine does not answer.
    """
    found: Counter[tuple[str, str]] = Counter()
    for container in _get(path, "/containers/json"):
        found[str(container.get("ImageID")), str(container.get("Image"))] += 1
    if every:
        known = {image_id for image_id, _ in found}
        for image in _get(path, "/images/json"):
            tags = image.get("RepoTags") or image.get("RepoDigests") or []
            if image.get("Id") not in known and tags:
                found[str(image["Id"]), str(tags[0])] += 0
    return merged(_entry(path, *key, containers=count) for key, count in found.items())


def _entry(path: Path, image_id: str, claimed: str, *, containers: int) -> Entry:
    described = _get(path, f"/images/{quote(image_id)}/json")
    digests = described.get("RepoDigests") or []
    try:
        identity = Digest.parse(image_id)
    except InvalidDigest as error:
        raise SeedInvalid(
            f"{path}: the engine names an image {image_id[:80]!r}", hint="is it Docker Engine?"
        ) from error
    # Digests that the engine only remembers may be wrong: approving asks the registry.
    return entry_of(claimed, identity, tuple(map(str, digests)), containers=containers)


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_SECONDS)
        self._path = path

    def connect(self) -> None:
        """To the socket instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_SECONDS)
        self.sock.connect(str(self._path))


def _get(path: Path, target: str) -> Any:
    connection = _Connection(path)
    try:
        connection.request("GET", target)
        response = connection.getresponse()
        body = response.read(_LIMIT)
        if response.status != 200:
            words = body[:200].decode(errors="replace").strip()
            raise SeedInvalid(
                f"{path}: the engine answers {response.status} to {target}: {words}",
                hint="try again when the engine works",
            )
        return json.loads(body)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise SeedInvalid(
            f"{path}: the engine does not answer: {error}",
            hint="give its socket, usually /var/run/docker.sock, and run as a user who may use it",
        ) from error
    finally:
        connection.close()
