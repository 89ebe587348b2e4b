"""The poll over TLS: certificates are checked, and a proxy tunnels."""

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agent.adapters.list_sync.list_http import get
from agent.errors import SyncFailed

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


@dataclass(frozen=True, slots=True)
class Site:
    """A TLS server on 127.0.0.1 and the certificate that vouches for it."""

    port: int
    ca_file: str


def certificate(folder: Path, name: str) -> tuple[str, str]:
    """A key and a self-signed certificate for an address or a name, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lists")])
    now = datetime.datetime.now(datetime.UTC)
    alternative: x509.GeneralName = (
        x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / f"{name}.key", folder / f"{name}.pem"
    files[0].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    files[1].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return str(files[0]), str(files[1])


def answering(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            plain, _ = listener.accept()
        except OSError:  # closed: the test is over
            return
        try:
            with context.wrap_socket(plain, server_side=True) as connection:
                connection.recv(4096)
                connection.sendall(ANSWER)
        except OSError:  # the client did not like the certificate
            plain.close()


def site(folder: Path, name: str) -> Iterator[Site]:
    key, made = certificate(folder, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answering, args=(listener, context), daemon=True)
        thread.start()
        yield Site(listener.getsockname()[1], made)
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def honest(tmp_path: Path) -> Iterator[Site]:
    yield from site(tmp_path, "127.0.0.1")


@pytest.fixture
def misnamed(tmp_path: Path) -> Iterator[Site]:
    yield from site(tmp_path, "other.acme.test")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def fetch(site: Site, ca_file: str) -> bytes:
    url = f"https://127.0.0.1:{site.port}/x"
    return get(url, headers={}, limit=100, seconds=5, ca_file=ca_file).body


def test_a_certificate_of_the_given_authority_is_believed(honest: Site) -> None:
    assert fetch(honest, honest.ca_file) == b"hi"


def test_one_of_nobody_known_is_not(honest: Site, misnamed: Site) -> None:
    for ca_file in ("", misnamed.ca_file):
        with pytest.raises(SyncFailed, match="certificate is not trusted"):
            fetch(honest, ca_file)


def test_one_for_another_name_is_not(misnamed: Site) -> None:
    with pytest.raises(SyncFailed, match="certificate is not trusted"):
        fetch(misnamed, misnamed.ca_file)


def test_an_authority_file_that_is_missing_is_said(honest: Site, tmp_path: Path) -> None:
    with pytest.raises(SyncFailed, match="No such file"):
        fetch(honest, str(tmp_path / "none.pem"))


def test_a_proxy_tunnels(honest: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []

    def proxy(listener: socket.socket) -> None:
        client, _ = listener.accept()
        asked.append(client.recv(4096))
        server = socket.create_connection(("127.0.0.1", honest.port))
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        back = threading.Thread(target=_pump, args=(server, client), daemon=True)
        back.start()
        _pump(client, server)
        back.join()
        for end in (client, server):
            end.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=proxy, args=(listener,), daemon=True)
        thread.start()
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{listener.getsockname()[1]}")
        assert fetch(honest, honest.ca_file) == b"hi"
        thread.join(5)
    assert asked[0].startswith(f"CONNECT 127.0.0.1:{honest.port} HTTP/1.0".encode())


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(4096):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:  # one of the two hung up
        return
