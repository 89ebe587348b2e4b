"""The registry client over TLS: only what a known authority vouches for is spoken to."""

import http.server
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from registrar.registry import NotAsClaimed, RegistryUnavailable, Transport
from registrar.registry.transport import Limits, Request
from tests.patience import PATIENCE


class Handler(http.server.BaseHTTPRequestHandler):
    """Says yes, or sends the client on to a place without TLS."""

    def do_GET(self) -> None:
        moved = self.path == "/moved"
        self.send_response(302 if moved else 200)
        if moved:
            self.send_header("Location", "http://127.0.0.1:9/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Tests print nothing."""


def make_certificate(directory: Path) -> Path:
    """One that vouches for itself, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = directory / "certificate.pem"
    kind, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, kind, plain)
    path.write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    certificate = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"https://127.0.0.1:{server.server_address[1]}", certificate
    server.shutdown()
    thread.join()
    server.server_close()


def transport(ca_file: Path | None, pauses: list[float] | None = None) -> Transport:
    waited: list[float] = [] if pauses is None else pauses
    return Transport(ca_file=ca_file, limits=Limits(PATIENCE, PATIENCE, 3), sleep=waited.append)


def test_a_certificate_of_a_known_authority_is_trusted(served: tuple[str, Path]) -> None:
    address, certificate = served
    assert transport(certificate).send(Request("GET", f"{address}/v2/")).status == 200


def test_any_other_is_refused_at_once_with_the_way_out(served: tuple[str, Path]) -> None:
    pauses: list[float] = []
    with pytest.raises(NotAsClaimed, match="certificate is not trusted") as caught:
        transport(None, pauses).send(Request("GET", f"{served[0]}/v2/"))
    assert "--ca-file" in caught.value.hint
    assert pauses == []


def test_nobody_is_sent_on_to_a_place_without_tls(served: tuple[str, Path]) -> None:
    address, certificate = served
    with pytest.raises(NotAsClaimed, match="which is less safe"):
        transport(certificate).send(Request("GET", f"{address}/moved"))


def test_a_proxy_of_the_environment_is_used(
    served: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, certificate = served
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(RegistryUnavailable):
        transport(certificate).send(Request("GET", f"{address}/v2/"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert transport(certificate).send(Request("GET", f"{address}/v2/")).status == 200
