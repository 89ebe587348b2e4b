"""One registry over the OCI distribution API, bytes for bytes; knows no approvals.

Rules: OCI distribution-spec 1.1. Content asked for by digest is hashed here; what a registry says
of it (Docker-Content-Digest) is never believed.
"""

import hashlib
import io
import json
from typing import BinaryIO, Final
from urllib.parse import urlencode

from core.image.digest import Digest
from core.network.web_exchange import WebResponse
from registrar.registry.credentials import Credentials
from registrar.registry.manifests import (
    ACCEPT,
    LARGEST,
    OCI_INDEX,
    Descriptor,
    Manifest,
    entries,
    media_type_of,
)
from registrar.registry.registry_errors import NotAsClaimed
from registrar.registry.registry_session import RegistrySession, scopes
from registrar.registry.transport import SMALL, Request, Transport

PAGES: Final = 1_000
_CHUNK: Final = 1 << 20


class RegistryClient:
    """The images of one registry; threads may share it.

    `domain` is as in references (`docker.io`, `registry.example:5000`). All methods raise
    `RegistryError`s; `repository` is the path within the registry, `reference` a tag or digest.
    """

    def __init__(
        self,
        domain: str,
        transport: Transport,
        *,
        credentials: Credentials | None = None,
        plain_http: bool = False,
    ) -> None:
        self.domain = domain
        self._session = RegistrySession(domain, transport, credentials, plain_http=plain_http)

    def get_manifest(self, repository: str, reference: str | Digest) -> Manifest:
        """A manifest or index, whole and as it is stored. By digest it is what was asked for;
        by tag its digest is that of the bytes that came."""
        at = _named(self.domain, repository, reference)
        response = self._session.ask("GET", repository, f"manifests/{reference}", accept=ACCEPT)
        self._session.expect(response, at, 200)
        if isinstance(reference, Digest):
            _verify(reference, io.BytesIO(response.body), at)
        digest = reference if isinstance(reference, Digest) else Digest.of(response.body)
        kind = media_type_of(response.body, response.headers.get("content-type", ""), at)
        return Manifest(kind, digest, response.body)

    def get_blob(self, repository: str, digest: Digest, *, limit: int = 2 * SMALL) -> bytes:
        """A small blob, such as a config: at most `limit` bytes."""
        sink = io.BytesIO()
        self.read_blob(repository, digest, sink, limit=limit)
        return sink.getvalue()

    def read_blob(
        self, repository: str, digest: Digest, sink: BinaryIO, *, limit: int = LARGEST
    ) -> int:
        """A blob of any size into a seekable file of its own; returns its bytes. What is in the
        file after an error is not to be used."""
        at = _named(self.domain, repository, digest)
        response = self._session.ask("GET", repository, f"blobs/{digest}", sink=sink, limit=limit)
        self._session.expect(response, at, 200)
        return _verify(digest, sink, at)

    def head(self, repository: str, reference: str | Digest, *, blob: bool = False) -> int | None:
        """The size of a manifest (or blob) as the registry reports it, 0 if it does not; None when
        it has none. Its digest is not returned: only the bytes could prove it."""
        place = f"{'blobs' if blob else 'manifests'}/{reference}"
        response = self._session.ask("HEAD", repository, place, accept="*/*" if blob else ACCEPT)
        if response.status == 404:
            return None
        self._session.expect(response, _named(self.domain, repository, reference), 200)
        length = response.headers.get("content-length", "")
        return int(length) if length.isdecimal() else 0

    def put_blob(
        self, repository: str, digest: Digest, content: bytes | BinaryIO, *, size: int | None = None
    ) -> None:
        """Store a blob of this digest; a file needs its `size` in bytes."""
        at = _named(self.domain, repository, digest)
        begun = self._session.ask("POST", repository, "blobs/uploads/", body=b"", push=True)
        self._session.expect(begun, at, 202)
        self._finish(repository, digest, begun, content, size)

    def mount(self, repository: str, digest: Digest, source: str) -> bool:
        """Have the registry take a blob over from its repository `source`, without a copy on the
        way; whether it did."""
        query = urlencode({"mount": str(digest), "from": source})
        response = self._session.ask(
            "POST", repository, f"blobs/uploads/?{query}", body=b"", push=True, source=source
        )
        self._session.expect(response, _named(self.domain, repository, digest), 201, 202)
        return response.status == 201

    def put_manifest(
        self, repository: str, reference: str | Digest, media_type: str, content: bytes
    ) -> Digest:
        """Store a manifest or index, byte for byte, under a tag or its digest."""
        at = _named(self.domain, repository, reference)
        if isinstance(reference, Digest):
            _verify(reference, io.BytesIO(content), at)
        kind = {"Content-Type": media_type}
        place = f"manifests/{reference}"
        response = self._session.ask(
            "PUT", repository, place, body=content, headers=kind, push=True
        )
        self._session.expect(response, at, 201)
        return reference if isinstance(reference, Digest) else Digest.of(content)

    def tags(self, repository: str) -> tuple[str, ...]:
        """All tags, in the registry's order."""
        found: list[str] = []
        place: str | None = "tags/list?n=1000"
        for _ in range(PAGES):
            response = self._session.ask("GET", repository, place or "")
            self._session.expect(response, _named(self.domain, repository, "all tags"), 200)
            found += _tags(response.body, self.domain, repository)
            place = self._session.next_page(response, repository)
            if place is None:
                return tuple(found)
        raise NotAsClaimed(f"{self.domain}/{repository} lists no end of tags", hint="name one")

    def referrers(self, repository: str, digest: Digest) -> tuple[Descriptor, ...]:
        """What refers to a manifest: signatures, SBOMs, attestations. Where the registry has no
        such API, what the tag `sha256-<hex>` lists (distribution-spec, "Referrers Tag Schema")."""
        at = _named(self.domain, repository, f"referrers of {digest}")
        response = self._session.ask("GET", repository, f"referrers/{digest}", accept=OCI_INDEX)
        if response.status == 404:
            response = self._session.ask(
                "GET", repository, f"manifests/{_tag_of(digest)}", accept=ACCEPT
            )
            if response.status == 404:
                return ()
        self._session.expect(response, at, 200)
        return entries(Manifest(OCI_INDEX, Digest.of(response.body), response.body), at)

    def has_referrers_api(self, repository: str, digest: Digest) -> bool:
        """Whether the registry itself finds what refers to a manifest."""
        response = self._session.ask("GET", repository, f"referrers/{digest}", accept=OCI_INDEX)
        return response.status == 200

    def _finish(
        self,
        repository: str,
        digest: Digest,
        begun: WebResponse,
        content: bytes | BinaryIO,
        size: int | None,
    ) -> None:
        at = _named(self.domain, repository, digest)
        target = self._session.absolute(begun.headers.get("location", ""))
        target += f"{'&' if '?' in target else '?'}{urlencode({'digest': str(digest)})}"
        kind = {"Content-Type": "application/octet-stream"}
        request = Request("PUT", target, kind, content, size)
        response = self._session.send(request, scopes(repository, push=True))
        self._session.expect(response, at, 201)


def _verify(digest: Digest, content: BinaryIO, at: str) -> int:
    content.seek(0)
    sums, total = hashlib.new(digest.algorithm), 0
    while piece := content.read(_CHUNK):
        sums.update(piece)
        total += len(piece)
    if sums.hexdigest() != digest.hex:
        raise NotAsClaimed(
            f"{at}: the content's digest is {digest.algorithm}:{sums.hexdigest()}",
            hint="the registry or something on the way changed it: do not use it",
        )
    return total


def _tags(body: bytes, domain: str, repository: str) -> list[str]:
    try:
        tags = json.loads(body).get("tags") or []
    except (ValueError, AttributeError, RecursionError) as error:
        raise NotAsClaimed(
            f"{domain}/{repository}: the list of tags is not a JSON object", hint="name a tag"
        ) from error
    return [str(tag) for tag in tags]


def _tag_of(digest: Digest) -> str:
    return f"{digest.algorithm}-{digest.hex}"[:128]


def _named(domain: str, repository: str, reference: str | Digest) -> str:
    mark = "@" if isinstance(reference, Digest) else ":"
    return f"{domain}/{repository}{mark}{reference}"
