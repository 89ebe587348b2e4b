"""Findings as RFC 5424 syslog over TLS (RFC 5425); knows the form, not what findings mean.

Syslog has no acknowledgement: what was written just before a connection broke may be lost.
"""

import contextlib
import re
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from agent.config.sinks_config import SyslogSink
from agent.errors import SinkFailed
from core.connection_faults import connection_fault
from core.findings.finding import Finding, Severity
from core.findings.finding_record import timestamp
from core.network.timed_socket import TimedSocket, connected, left
from core.network.tls_trust import client_context
from core.network.web_address import host_port
from core.network.web_errors import WebUnusable
from core.text import printable, shortened

SECONDS = 30.0  # for one batch as a whole
FACILITY = 10  # security/authorization messages (RFC 5424, table 1)
# No enterprise number of our own: 32473 is the one for such cases (RFC 5612).
SD_ID = "dockwarden@32473"
_SEVERITY = {Severity.CRITICAL: 2, Severity.ERROR: 3, Severity.WARNING: 4, Severity.INFO: 6}
_LONGEST_VALUE = 1024  # characters; receivers must take 2048 bytes, and usually take 8192
_LONGEST_MESSAGE = 2048
_NOT_PRINTUSASCII = re.compile(r"[^!-~]")
_BOM = b"\xef\xbb\xbf"  # says that the message is UTF-8


class SyslogTls:
    """`ports.Transport`: one connection that is kept; framed by octet counting."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        ca_file: str = "",
        cert_file: str = "",
        key_file: str = "",
        seconds: float = SECONDS,
    ) -> None:
        """`cert_file` and `key_file` (PEM) are for receivers that ask who is there. Raises
        `SinkFailed` for files that cannot be used."""
        self._address, self._seconds = (host, port), seconds
        self._context = _trusted(ca_file, cert_file, key_file)
        self._stream: ssl.SSLSocket | None = None

    def send(self, findings: Sequence[Finding]) -> int:
        """See `ports.Transport`. After a failure the whole batch comes again: the identifiers in
        the structured data identify duplicates."""
        frames = b"".join(frame(message(finding)) for finding in findings)
        try:
            ends = time.monotonic() + self._seconds
            TimedSocket(self._connected(ends), ends).sendall(frames)
        except OSError as error:  # ssl.SSLError is one
            self.close()
            raise SinkFailed(
                f"the syslog receiver {host_port(*self._address)}: {connection_fault(error)}",
                hint="check the address, the network and the receiver's certificate",
            ) from error
        return 0

    def close(self) -> None:
        """See `ports.Transport`."""
        if self._stream is not None:
            with contextlib.suppress(OSError):
                self._stream.settimeout(1.0)
                self._stream.unwrap()  # RFC 5425, 4.4: close_notify, so that no end is cut off
            self._stream.close()
            self._stream = None

    def _connected(self, ends: float) -> ssl.SSLSocket:
        """The connection; a new one if the receiver ended the old one, which a write alone
        would notice only at its next."""
        if self._stream is not None and self._gone(self._stream):
            self.close()
        if self._stream is None:
            plain = connected(*self._address, ends)
            try:
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                plain.settimeout(left(ends))
                self._stream = self._context.wrap_socket(plain, server_hostname=self._address[0])
            except BaseException:
                plain.close()
                raise
        return self._stream

    def _gone(self, stream: ssl.SSLSocket) -> bool:
        """Receivers never speak: what can be read is the end, or a session ticket of TLS 1.3."""
        poll = select.poll()
        poll.register(stream, select.POLLIN)
        if not poll.poll(0):
            return False
        stream.setblocking(False)
        try:
            return stream.recv(1) == b""
        except ssl.SSLWantReadError:
            return False
        except OSError:
            return True


def _trusted(ca_file: str, cert_file: str, key_file: str) -> ssl.SSLContext:
    try:
        context = client_context(ca_file)
    except WebUnusable as error:
        raise SinkFailed(error.message, hint=error.hint) from error
    if cert_file:
        try:
            context.load_cert_chain(cert_file, key_file or None)
        except OSError as error:  # ssl.SSLError is one
            raise SinkFailed(
                f"the certificate in {cert_file} cannot be used: {error}",
                hint="write the certificate and its key there, in PEM",
            ) from error
    return context


def frame(data: bytes) -> bytes:
    """Octet counting: the length in bytes, a space, the message (RFC 5425, 4.3)."""
    return b"%d " % len(data) + data


def message(finding: Finding) -> bytes:
    """`<PRI>1 TIME HOST dockwarden - EVENT [dockwarden@32473 …] BOM text` (RFC 5424, 6)."""
    priority = FACILITY * 8 + _SEVERITY[finding.severity]
    head = " ".join(
        (
            f"<{priority}>1",
            timestamp(finding.at),
            _header(finding.host, 255),
            "dockwarden",
            "-",
            _header(finding.event, 32),
            structured_data(finding),
        )
    )
    sentence = shortened(f"{finding.summary} {finding.next_step}".strip(), _LONGEST_MESSAGE)
    return head.encode() + b" " + _BOM + printable(sentence).encode()


def structured_data(finding: Finding) -> str:
    """One element; values are escaped as RFC 5424, 6.3.3 asks, and made printable before."""
    pairs = (
        f'{name}="{_escaped(printable(shortened(str(value), _LONGEST_VALUE)))}"'
        for name, value in _parameters(finding)
        if value not in (None, "")
    )
    return f"[{' '.join((SD_ID, *pairs))}]"


def _parameters(finding: Finding) -> Iterator[tuple[str, object]]:
    yield "id", finding.id
    yield "kind", finding.kind
    yield "mode", finding.mode
    yield "violationId", finding.violation_id
    yield "occurrence", finding.occurrence
    yield "listSequence", finding.list_sequence
    if (container := finding.container) is not None:
        yield "containerId", container.id
        yield "containerName", container.name
        yield "imageName", container.claimed_reference
        yield "imageId", container.image and container.image.image_id
    if (decision := finding.decision) is not None:
        yield "verdict", decision.verdict
        yield "scope", decision.scope
        yield "reason", decision.reason
    if (outcome := finding.outcome) is not None:
        yield "action", outcome.action
        yield "enforcement_point", outcome.enforcement_point
        yield "ranMs", outcome.ran_ms
        yield "error", outcome.error


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def _header(text: str, limit: int) -> str:
    """Printable ASCII without spaces; `-` where there is nothing."""
    return _NOT_PRINTUSASCII.sub("_", text)[:limit] or "-"


def transport(table: SyslogSink, _now: Callable[[], datetime]) -> SyslogTls:
    """What `[sinks.syslog]` describes. Raises `SinkFailed` for files that cannot be used."""
    host, _, port = table.address.removesuffix("/tcp").rpartition(":")
    return SyslogTls(
        host.strip("[]"),
        int(port),
        ca_file=table.ca_file,
        cert_file=table.cert_file,
        key_file=table.key_file,
    )
