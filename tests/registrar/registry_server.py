"""A small registry on this machine's loopback that answers as a test reports it to: it may ask for
credentials, stall, lie, be too busy. Its images are made by hand; no engine is needed."""

import base64
import http.server
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.lab.built import (
    MEDIA_TYPES,
    BuiltImage,
    Media,
    PlatformImage,
    canonical,
    descriptor,
    digest,
)
from tests.lab.images import layer

PLATFORMS = ("linux/amd64", "linux/arm64")


@dataclass
class Stored:
    """What the registry holds and how it behaves. `hook` sees (method, path, headers) first and
    may answer itself with (status, headers, body)."""

    manifests: dict[tuple[str, str], tuple[str, bytes]] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)
    hook: Callable[[str, str, Mapping[str, str]], tuple[int, dict[str, str], bytes] | None] = (
        lambda _method, _path, _headers: None
    )
    address: str = ""

    def push(self, image: BuiltImage, *, tag: str = "") -> BuiltImage:
        """Hold an image under its name."""
        for one in image.images:
            kind = image.media_type("manifest")
            self.put(image.repository, one.manifest_digest, kind, one.manifest)
            self.blobs[one.config_digest] = one.config
            self.blobs |= {made.digest: made.blob for made in one.layers}
        top = image.index or image.images[0].manifest
        kind = image.media_type("manifest" if image.index is None else "index")
        self.put(image.repository, tag or image.tag, kind, top)
        return image

    def put(self, repository: str, reference: str, kind: str, content: bytes) -> str:
        """Hold a manifest under a tag or digest, and under its digest."""
        for name in (reference, digest(content)):
            self.manifests[repository, name] = (kind, content)
        return digest(content)

    def reference(self, image: BuiltImage) -> str:
        """By tag."""
        return image.reference(self.address)


def make_image(
    repository: str = "team/web",
    tag: str = "1",
    *,
    platforms: Sequence[str] = PLATFORMS,
    media: Media = "oci",
    index: bool = True,
) -> BuiltImage:
    """An image of one tiny layer a platform; distinct by repository and tag."""
    made = tuple(_platform(f"{repository}:{tag}", name, media) for name in platforms)
    listed = _index(media, made) if index else None
    return BuiltImage(repository, tag, media, made, listed)


def _platform(mark: str, platform: str, media: Media) -> PlatformImage:
    one = layer({"mark": f"{mark} {platform}".encode()})
    system, architecture = platform.split("/")
    rootfs = {"type": "layers", "diff_ids": [one.diff_id]}
    config = canonical({"os": system, "architecture": architecture, "rootfs": rootfs})
    types = MEDIA_TYPES[media]
    manifest = {
        "schemaVersion": 2,
        "mediaType": types["manifest"],
        "config": descriptor(types["config"], config),
        "layers": [descriptor(types["layer"], one.blob)],
    }
    return PlatformImage(platform, canonical(manifest), config, (one,))


def _index(media: Media, images: Sequence[PlatformImage]) -> bytes:
    types = MEDIA_TYPES[media]
    listed = [entry(types["manifest"], one.manifest, one.platform) for one in images]
    return canonical({"schemaVersion": 2, "mediaType": types["index"], "manifests": listed})


def entry(kind: str, content: bytes, platform: str) -> dict[str, Any]:
    """An index's entry."""
    system, architecture = platform.split("/")
    named = {"os": system, "architecture": architecture}
    return {**descriptor(kind, content), "platform": named}


@contextmanager
def serving() -> Iterator[Stored]:
    """The registry, until the test is over."""
    stored = Stored()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            stored.requests.append((self.command, self.path, headers))
            answer = stored.hook(self.command, self.path, headers)
            status, sent, content = answer or _answer(stored, self.command, self.path, body)
            self.send_response(status)
            for name, value in sent.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_POST = do_PUT = _serve

        def log_message(self, *_arguments: object) -> None:
            """Tests print nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stored.address = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield stored
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _answer(
    stored: Stored, method: str, path: str, body: bytes
) -> tuple[int, dict[str, str], bytes]:
    parts = urlsplit(path)
    repository, _, rest = parts.path.removeprefix("/v2/").partition("/manifests/")
    if rest and method in ("GET", "HEAD"):
        kind, content = stored.manifests.get((repository, rest), ("", b""))
        return (200, {"Content-Type": kind}, content) if kind else (404, {}, b"")
    if method in ("GET", "HEAD") and "/blobs/" in parts.path:
        name = parts.path.rpartition("/")[2]
        return (200, {}, stored.blobs[name]) if name in stored.blobs else (404, {}, b"")
    if method == "POST" and parts.path.endswith("/blobs/uploads/"):
        asked = parse_qs(parts.query)
        if asked.get("mount", [""])[0] in stored.blobs:
            return 201, {}, b""
        return 202, {"Location": f"{parts.path}one?state=1"}, b""
    if method == "PUT" and "/blobs/uploads/" in parts.path:
        stored.blobs[parse_qs(parts.query)["digest"][0]] = body
        return 201, {}, b""
    if method == "PUT" and rest:
        stored.put(repository, rest, json.loads(body)["mediaType"], body)
        return 201, {}, b""
    return 404, {}, b'{"errors": [{"code": "NAME_UNKNOWN", "message": "not here"}]}'


def basic(user: str, password: str) -> str:
    """The header of Basic credentials."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
