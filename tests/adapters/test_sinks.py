"""The sinks beside the host, against real receivers: TLS syslog, HTTP, the OCSF schema."""

import hashlib
import hmac
import json
import queue
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO

import jsonschema
import pytest
from hypothesis import given, settings
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as wire

from agent.adapters.sinks import otlp, sink_http, syslog, webhook
from agent.adapters.sinks.ocsf import as_ocsf
from agent.adapters.sinks.ocsf_file import OcsfFile
from agent.errors import SinkBusy, SinkFailed, SinkRefused
from core.findings.finding import Finding, Kind
from tests.adapters.tls import Authority, make_authority
from tests.fakes.findings import AT, a_finding, findings, with_name
from tests.patience import PATIENCE

SCHEMA = Path(__file__).resolve().parents[1] / "data" / "ocsf-1.8.0-detection-finding.schema.json"
OCSF = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))


class Receiver(ThreadingHTTPServer):
    """Keeps what was posted; gives scripted answers."""

    def __init__(self) -> None:
        self.posts: list[tuple[dict[str, str], bytes]] = []
        self.answer: tuple[int, dict[str, str], bytes] = (200, {}, b"")
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1/logs"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append((dict(self.headers), body))
        status, headers, answer = self.server.answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.shutdown()
    server.server_close()


def _attributes(record: Any) -> dict[str, Any]:
    return {
        pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in record.attributes
    }


def test_otlp_is_what_the_protocols_own_library_reads(receiver: Receiver) -> None:
    assert otlp.Otlp(sink_http.Web(receiver.url)).send([a_finding(1), a_finding(2)]) == 0
    headers, body = receiver.posts[0]
    assert headers["Content-Type"] == "application/x-protobuf"
    told = wire.ExportLogsServiceRequest.FromString(body)
    resource = told.resource_logs[0]
    assert _attributes(resource.resource)["host.name"] == "db-7"
    first, second = resource.scope_logs[0].log_records
    assert first.event_name == second.event_name == "dockwarden.container.refused"
    assert first.severity_text == "WARNING" and first.severity_number == 13
    assert first.time_unix_nano == int(AT.timestamp()) * 10**9 + 10**9 + 567_890_000
    attributes = _attributes(first)
    assert attributes["container.name"] == "web-1"
    assert attributes["container.image.id"].startswith("sha256:")
    assert attributes["dockwarden.took_ms"] == 3.25
    assert attributes["dockwarden.list_sequence"] == 41


@settings(max_examples=25)
@given(finding=findings)
def test_otlp_carries_any_finding(finding: Finding) -> None:
    told = wire.ExportLogsServiceRequest.FromString(otlp.request([finding]))
    record = told.resource_logs[0].scope_logs[0].log_records[0]
    keys = [pair.key for pair in record.attributes]
    assert len(keys) == len(set(keys)) and "dockwarden.id" in keys


def test_otlp_counts_what_a_partial_success_rejects(receiver: Receiver) -> None:
    partial = wire.ExportLogsPartialSuccess(rejected_log_records=1, error_message="too old")
    answer = wire.ExportLogsServiceResponse(partial_success=partial).SerializeToString()
    receiver.answer = (200, {}, answer)
    assert otlp.Otlp(sink_http.Web(receiver.url)).send([a_finding(1), a_finding(2)]) == 1


@settings(max_examples=25)
@given(finding=findings)
def test_ocsf_keeps_to_the_released_schema(finding: Finding) -> None:
    event = as_ocsf(finding)
    assert (event is None) == (finding.kind is Kind.NOTICE)
    if event is not None:
        OCSF.validate(json.loads(json.dumps(event, allow_nan=False)))


def test_the_pinned_schema_can_refuse() -> None:
    event = as_ocsf(a_finding())
    assert event is not None
    assert (event["class_uid"], event["disposition"]) == (2004, "Blocked")
    assert not OCSF.is_valid({**event, "class_uid": 2005})
    assert not OCSF.is_valid({**event, "surprise": 1})


def test_ocsf_file_holds_events_only(tmp_path: Path) -> None:
    file = OcsfFile(str(tmp_path / "ocsf.jsonl"), max_bytes=10**6, keep=2)
    file.send([a_finding(1), replace(a_finding(2), kind=Kind.NOTICE), a_finding(3)])
    file.close()
    lines = (tmp_path / "ocsf.jsonl").read_text().splitlines()
    assert [json.loads(line)["metadata"]["uid"] for line in lines] == [
        a_finding(1).id,
        a_finding(3).id,
    ]


def test_webhook_signs_what_it_sends(receiver: Receiver, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("open sesame\n")
    hook = webhook.Webhook(
        sink_http.Web(receiver.url, token_file=str(secret)),
        form="finding",
        secret_file=str(secret),
        now=lambda: AT,
    )
    hook.send([a_finding()])
    headers, body = receiver.posts[0]
    at = int(AT.timestamp())
    signed = hmac.new(b"open sesame", f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["Dockwarden-Signature"] == f"t={at},v1={signed}"
    assert headers["Authorization"] == "Bearer open sesame"
    assert json.loads(body)["findings"][0]["id"] == a_finding().id


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((413, {}, b""), SinkRefused),
        ((503, {"Retry-After": "7"}, b""), SinkBusy),
        ((500, {}, b"oops"), SinkFailed),
        ((302, {"Location": "http://127.0.0.1:1/"}, b""), SinkFailed),
    ],
)
def test_answers_are_distinguished(
    receiver: Receiver, answer: tuple[int, dict[str, str], bytes], error: type[SinkFailed]
) -> None:
    receiver.answer = answer
    with pytest.raises(SinkFailed) as raised:
        sink_http.Web(receiver.url).post(b"{}", {})
    assert type(raised.value) is error
    assert len(receiver.posts) == 1


def _size(file: BinaryIO) -> int:
    """The octet count before a frame; 0 at the end of the stream."""
    digits = b""
    while (one := file.read(1)) not in (b" ", b""):
        digits += one
    return int(digits or b"0")


class SyslogServer:
    """A real TLS listener that splits octet-counted frames."""

    def __init__(self, authority: Authority) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.cert_file, authority.key_file)
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.frames: queue.Queue[bytes] = queue.Queue()
        self.streams: queue.Queue[ssl.SSLSocket] = queue.Queue()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
                stream = self._context.wrap_socket(plain, server_side=True)
            except ssl.SSLError:
                continue  # a client that does not trust us
            except OSError:
                return
            self.streams.put(stream)
            threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream: ssl.SSLSocket) -> None:
        with stream.makefile("rb") as file:
            try:
                while size := _size(file):
                    self.frames.put(file.read(size))
            except (OSError, ValueError):
                return


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return make_authority(tmp_path)


@pytest.fixture
def server(authority: Authority) -> Iterator[SyslogServer]:
    listening = SyslogServer(authority)
    yield listening
    listening.close()


def test_syslog_arrives_whole_and_escaped(server: SyslogServer, authority: Authority) -> None:
    sink = syslog.SyslogTls("127.0.0.1", server.port, ca_file=str(authority.ca_file))
    evil = with_name(a_finding(), 'a"]\n<0>1 \\ü')
    sink.send([a_finding(), evil])
    first, second = server.frames.get(timeout=PATIENCE), server.frames.get(timeout=PATIENCE)
    sink.close()
    assert first.startswith(b"<84>1 2026-11-23T12:03:05.567890Z db-7 dockwarden - container.ref")
    assert b'verdict="unlisted"' in first and b"\n" not in second
    assert 'containerName="a\\"\\]\\\\n<0>1 \\\\ü"'.encode() in second
    assert b"] \xef\xbb\xbfContainer " in second


def test_syslog_trusts_no_other_authority(server: SyslogServer, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = make_authority(tmp_path / "other")
    sink = syslog.SyslogTls("127.0.0.1", server.port, ca_file=str(other.ca_file))
    with pytest.raises(SinkFailed, match="its TLS certificate is not trusted"):
        sink.send([a_finding()])


def test_syslog_names_a_ca_file_that_cannot_be_used() -> None:
    with pytest.raises(SinkFailed, match=r"the CA file /nowhere\.pem cannot be used"):
        syslog.SyslogTls("127.0.0.1", 1, ca_file="/nowhere.pem")


def test_syslog_bounds_the_time_of_a_batch_as_a_whole(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = int(silent.getsockname()[1])
        ca_file = str(authority.ca_file)
        sink = syslog.SyslogTls("127.0.0.1", port, ca_file=ca_file, seconds=0.2)
        with pytest.raises(SinkFailed, match=f"127.0.0.1:{port}: no answer in time"):
            sink.send([a_finding()])


def test_syslog_comes_back_after_the_receivers_restart(
    server: SyslogServer, authority: Authority
) -> None:
    sink = syslog.SyslogTls("127.0.0.1", server.port, ca_file=str(authority.ca_file))
    sink.send([a_finding(1)])
    assert a_finding(1).id.encode() in server.frames.get(timeout=PATIENCE)
    stream = server.streams.get(timeout=PATIENCE)
    stream.shutdown(socket.SHUT_RDWR)
    while not sink._gone(sink._stream) if sink._stream else False:
        pass  # the end is on its way
    sink.send([a_finding(2)])
    assert a_finding(2).id.encode() in server.frames.get(timeout=PATIENCE)
    sink.close()
