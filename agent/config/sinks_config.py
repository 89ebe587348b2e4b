"""The sinks beside the host, declared once each.

To add a sink, write its table as a class here, add it to `SinksConfig`, and write the module that
`transport` names. Configuration, start, status and the check of the reference follow from these.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, ClassVar, cast

from agent.config.kinds import Count, OptionalAddress, OptionalPath, OptionalSecretFile, OptionalUrl


class SinkFormat(StrEnum):
    """How the webhook writes findings."""

    FINDING = "finding"
    OCSF = "ocsf"


class SinkTable:
    """One sink's table. `transport` names the function ("module:function") that makes its
    `ports.ExportTransport` from the table and a clock; `on` says whether it is configured."""

    __slots__ = ()
    transport: ClassVar[str]

    @property
    def on(self) -> bool:
        """Whether the first key, which says where findings go, is set."""
        first, *_ = fields(cast(Any, self))
        return bool(getattr(self, first.name))


@dataclass(frozen=True, slots=True)
class OtlpSink(SinkTable):
    """`[sinks.otlp]`. `url` is the whole address; empty: off."""

    transport = "agent.adapters.sinks.otlp:transport"
    url: OptionalUrl = ""
    ca_file: OptionalPath = ""
    token_file: OptionalSecretFile = ""


@dataclass(frozen=True, slots=True)
class SyslogSink(SinkTable):
    """`[sinks.syslog]`. `address` is `host:port`, always over TLS; empty: off."""

    transport = "agent.adapters.sinks.syslog:transport"
    address: OptionalAddress = ""
    ca_file: OptionalPath = ""
    cert_file: OptionalPath = ""
    key_file: OptionalSecretFile = ""


@dataclass(frozen=True, slots=True)
class WebhookSink(SinkTable):
    """`[sinks.webhook]`. `secret_file` holds what bodies are signed with; empty `url`: off."""

    transport = "agent.adapters.sinks.webhook:transport"
    url: OptionalUrl = ""
    format: SinkFormat = SinkFormat.FINDING
    ca_file: OptionalPath = ""
    token_file: OptionalSecretFile = ""
    secret_file: OptionalSecretFile = ""


@dataclass(frozen=True, slots=True)
class OcsfSink(SinkTable):
    """`[sinks.ocsf]`. Rotated at `max_megabytes` (10^6 bytes each); empty `file`: off."""

    transport = "agent.adapters.sinks.ocsf_file:transport"
    file: OptionalPath = ""
    max_megabytes: Count = 100


@dataclass(frozen=True, slots=True)
class SinksConfig:
    """`[sinks]`. `queue` findings may wait for each remote sink."""

    queue: Count = 10_000
    otlp: OtlpSink = field(default_factory=OtlpSink)
    syslog: SyslogSink = field(default_factory=SyslogSink)
    webhook: WebhookSink = field(default_factory=WebhookSink)
    ocsf: OcsfSink = field(default_factory=OcsfSink)

    def tables(self) -> Iterator[tuple[str, SinkTable]]:
        """Every sink with its name, configured or not."""
        for entry in fields(self):
            table = getattr(self, entry.name)
            if isinstance(table, SinkTable):
                yield entry.name, table
