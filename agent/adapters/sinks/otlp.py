"""Findings as OpenTelemetry logs over OTLP/HTTP (protobuf); knows the form, not the meaning.

Fields as in opentelemetry-proto 1.x, `logs.proto`; attributes `container.*`, `oci.*`, `host.*`
and `service.*` as in OpenTelemetry's semantic conventions, `dockwarden.*` are our own.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from agent.adapters.sinks.protobuf import chunk, double, fields, fixed64, number
from agent.adapters.sinks.sink_http import Web
from agent.config.sinks_config import OtlpSink
from agent.log import get_logger
from core import __version__
from core.findings.finding import Finding, Severity
from core.findings.finding_record import as_record
from core.text import encodable

log = get_logger(__name__)

_SEVERITY = {Severity.INFO: 9, Severity.WARNING: 13, Severity.ERROR: 17, Severity.CRITICAL: 21}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LATEST = 2**64 - 1  # fits eight bytes


class Otlp:
    """`ports.Transport`: one ExportLogsServiceRequest a batch."""

    def __init__(self, web: Web) -> None:
        """`web` is the whole address, which usually ends in `/v1/logs`."""
        self._web = web

    def send(self, findings: Sequence[Finding]) -> int:
        """See `ports.Transport`; what a partial success rejects must not be sent again (OTLP
        specification, "Partial Success")."""
        answer = self._web.post(request(findings), {"Content-Type": "application/x-protobuf"})
        count, message = rejected(answer)
        if count:
            log.warning("sink.otlp.rejected", findings=count, message=message)
        return min(count, len(findings))

    def close(self) -> None:
        """See `ports.Transport`; every POST has its own connection."""


def request(findings: Sequence[Finding]) -> bytes:
    """The ExportLogsServiceRequest: one resource, one scope, a log record a finding."""
    resource = b"".join(
        chunk(1, _pair(key, value))
        for key, value in (
            ("service.name", "dockwarden"),
            ("service.version", __version__),
            ("host.name", encodable(findings[0].host) if findings else ""),
        )
    )
    scope = chunk(1, "dockwarden") + chunk(2, __version__)
    records = b"".join(chunk(2, _log_record(finding)) for finding in findings)
    return chunk(1, chunk(1, resource) + chunk(2, chunk(1, scope) + records))


def rejected(answer: bytes) -> tuple[int, str]:
    """How many records an ExportLogsServiceResponse refuses, and why; an answer that is none
    counts as a full success, as its status said."""
    count, message = 0, ""
    try:
        for field, value in fields(answer):
            if field == 1 and isinstance(value, bytes):  # partial_success
                for inner, what in fields(value):
                    if inner == 1 and isinstance(what, int):
                        count = what
                    elif inner == 2 and isinstance(what, bytes):
                        message = what.decode(errors="replace")
    except ValueError:
        return 0, ""
    return count, message


def _log_record(finding: Finding) -> bytes:
    record = as_record(finding)  # bounded, and fit for UTF-8
    at = min((finding.at - _EPOCH) // _MICROSECOND * 1000, _LATEST)  # a host's clock may be off
    attributes = b"".join(chunk(6, _pair(key, value)) for key, value in _attributes(record))
    return (
        fixed64(1, at)
        + fixed64(11, at)
        + number(2, _SEVERITY[finding.severity])
        + chunk(3, str(finding.severity).upper())
        + chunk(5, chunk(1, record["summary"]))
        + attributes
        + chunk(12, f"dockwarden.{record['event']}")
    )


def _attributes(record: dict[str, object]) -> Iterator[tuple[str, object]]:
    """Keys are unique; those that have nothing to say are left out."""
    names = ("id", "kind", "mode", "violation_id", "occurrence", "next_step", "list_sequence")
    found = {f"dockwarden.{name}": record[name] for name in names}
    container, decision, outcome = (
        part if isinstance(part := record[name], dict) else {}
        for name in ("container", "decision", "outcome")
    )
    image = container.get("image") or {}
    found |= {
        "container.id": container.get("id"),
        "container.name": container.get("name"),
        "container.image.id": image.get("id"),
        "container.image.name": container.get("claimed_reference"),
        "container.runtime.name": "docker" if container else None,
        "oci.manifest.digest": image.get("manifest"),
    }
    found |= {f"dockwarden.{k}": decision.get(k) for k in ("verdict", "reason", "scope")}
    found |= {
        f"dockwarden.{k}": outcome.get(k)
        for k in ("action", "enforcement_point", "ran_ms", "took_ms")
    }
    found["dockwarden.error"] = outcome.get("error")
    details = record["details"]
    if isinstance(details, dict):
        found |= {f"dockwarden.details.{key}": value for key, value in details.items()}
    yield from ((key, value) for key, value in found.items() if value not in (None, ""))


def _pair(key: str, value: object) -> bytes:
    """A KeyValue: its AnyValue is a whole number from 0, a floating-point number, or text."""
    if isinstance(value, int) and value >= 0:
        return chunk(1, key) + chunk(2, number(3, value))
    if isinstance(value, float):
        return chunk(1, key) + chunk(2, double(4, value))
    return chunk(1, key) + chunk(2, chunk(1, str(value)))


def transport(table: OtlpSink, _now: Callable[[], datetime]) -> Otlp:
    """What `[sinks.otlp]` describes."""
    return Otlp(Web(table.url, ca_file=table.ca_file, token_file=table.token_file))
