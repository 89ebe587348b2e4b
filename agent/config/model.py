"""What each key may hold, as pydantic models over the defaults in `agent.config.config_values`.

A field's description completes "write …" in an error. Imported only where files are checked.
"""

from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from agent.config import grammar
from agent.config.config_values import (
    BuildSteps,
    Config,
    ExplainAccess,
    Journal,
    LocalImages,
    LogLevel,
    OnTimeout,
    SinkFormat,
)
from core.decision.verdict import Action, Mode, Verdict

_DEFAULT = Config()
_SECONDS = "seconds above 0, at most 86400"


def _key(default: Any, write: str) -> Any:
    return Field(default=default, description=write)


class Table(BaseModel):
    """One table of the file; unknown keys are refused (and found beforehand, to name them)."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AgentTable(Table):
    """`[agent]`"""

    mode: Mode = _key(_DEFAULT.agent.mode, "one of observe, enforce")
    state_dir: grammar.Path = _key(_DEFAULT.agent.state_dir, "an absolute path")
    host_name: grammar.Text = _key(
        _DEFAULT.agent.host_name, 'a name in quotes, or "" for the machine\'s'
    )
    contact: grammar.Text = _key(
        _DEFAULT.agent.contact, "a line in quotes: whom the refused should ask"
    )
    log_level: LogLevel = _key(_DEFAULT.agent.log_level, "one of debug, info, warning, error")


class EngineTable(Table):
    """`[engine]`"""

    socket: grammar.SocketPath = _key(
        _DEFAULT.engine.socket, "the absolute path of the engine's socket"
    )
    timeout_seconds: grammar.Seconds = _key(_DEFAULT.engine.timeout_seconds, _SECONDS)


class AllowlistTable(Table):
    """`[allowlist]`"""

    source: grammar.ListSource = _key(
        _DEFAULT.allowlist.source,
        '"https://…" or "folder:/…" (a signed repository), or "file:/…" (one unsigned file)',
    )
    scope: grammar.Scope = _key(
        _DEFAULT.allowlist.scope, 'this host\'s scope, such as "acme.pay.web" (one to four names)'
    )
    root_file: grammar.Path = _key(_DEFAULT.allowlist.root_file, "an absolute path")
    ca_file: grammar.OptionalPath = _key(_DEFAULT.allowlist.ca_file, "an absolute path, or empty")
    poll_seconds: grammar.Seconds = _key(_DEFAULT.allowlist.poll_seconds, _SECONDS)
    refresh_seconds: grammar.Seconds = _key(_DEFAULT.allowlist.refresh_seconds, _SECONDS)


def _action(verdict: Verdict) -> Any:
    return _key(_DEFAULT.enforcement.actions[verdict], "one of allow, report, pause, stop, kill")


class ActionsTable(Table):
    """`[enforcement.actions]`; approved images are always allowed."""

    denied: Action = _action(Verdict.DENIED)
    revoked: Action = _action(Verdict.REVOKED)
    unlisted: Action = _action(Verdict.UNLISTED)
    expired: Action = _action(Verdict.EXPIRED)
    derived: Action = _action(Verdict.DERIVED)
    waived: Action = _action(Verdict.WAIVED)
    undetermined: Action = _action(Verdict.UNDETERMINED)


class ExemptionTable(Table):
    """`[[enforcement.exemptions]]`"""

    digest: grammar.ContentDigest = Field(
        description='"sha256:" and 64 lower-case hexadecimal digits'
    )
    reason: grammar.Line = Field(description="a line in quotes: why this image may run here")
    owner: grammar.Line = Field(description="a line in quotes: who answers for it")
    expires: grammar.Instant = Field(
        description="a time with its zone, such as 2027-01-31T00:00:00Z"
    )


class EnforcementTable(Table):
    """`[enforcement]`"""

    enforcement_points: grammar.EnforcementPoints = _key(
        _DEFAULT.enforcement.enforcement_points,
        'a list of "create", "gate", "start" (at least one)',
    )
    stop_timeout_seconds: grammar.Seconds = _key(
        _DEFAULT.enforcement.stop_timeout_seconds, _SECONDS
    )
    keep_refused: grammar.Flag = _key(_DEFAULT.enforcement.keep_refused, "true or false")
    keep_killed: grammar.Flag = _key(_DEFAULT.enforcement.keep_killed, "true or false")
    local_images: LocalImages = _key(_DEFAULT.enforcement.local_images, "one of deny, derived")
    build_steps: BuildSteps = _key(_DEFAULT.enforcement.build_steps, "one of deny, report, allow")
    rescan_seconds: grammar.Seconds = _key(_DEFAULT.enforcement.rescan_seconds, _SECONDS)
    actions: ActionsTable = Field(default_factory=ActionsTable)
    exemptions: tuple[ExemptionTable, ...] = ()


class GateTable(Table):
    """`[gate]`"""

    roots: grammar.Roots = _key(_DEFAULT.gate.roots, 'a list of cgroup subtrees, such as ["/"]')
    hold_seconds: grammar.Hold = _key(_DEFAULT.gate.hold_seconds, "seconds above 0, at most 300")
    on_timeout: OnTimeout = _key(_DEFAULT.gate.on_timeout, "one of thaw, kill")


class CircuitBreakerTable(Table):
    """`[circuit_breaker]`"""

    kills: grammar.Count = _key(_DEFAULT.circuit_breaker.kills, "a whole number from 1")
    seconds: grammar.Seconds = _key(_DEFAULT.circuit_breaker.seconds, _SECONDS)
    share: grammar.Share = _key(_DEFAULT.circuit_breaker.share, "a share above 0, at most 1")


class ReportsTable(Table):
    """`[reports]`"""

    file: grammar.Path = _key(_DEFAULT.reports.file, "an absolute path")
    journal: Journal = _key(_DEFAULT.reports.journal, "one of auto, on, off")
    max_megabytes: grammar.Count = _key(_DEFAULT.reports.max_megabytes, "a whole number from 1")


class CollectorTable(Table):
    """`[collector]`"""

    url: grammar.Collector = _key(
        _DEFAULT.collector.url, 'the collector\'s root, such as "https://collector.acme.test"'
    )
    token_file: grammar.Path = _key(_DEFAULT.collector.token_file, "an absolute path")
    enrolment_secret: grammar.Text = _key(
        _DEFAULT.collector.enrolment_secret, "a secret of `dockwarden-collector enrolment new`"
    )
    ca_file: grammar.OptionalPath = _key(_DEFAULT.collector.ca_file, "an absolute path, or empty")
    heartbeat_seconds: grammar.Seconds = _key(_DEFAULT.collector.heartbeat_seconds, _SECONDS)
    spool_megabytes: grammar.Count = _key(
        _DEFAULT.collector.spool_megabytes, "a whole number from 1"
    )
    reserved_share: grammar.PartShare = _key(
        _DEFAULT.collector.reserved_share, "a share above 0 and below 1"
    )


class RegistryTable(Table):
    """`[registry]`"""

    mirror: grammar.Mirror = _key(
        _DEFAULT.registry.mirror, 'the private registry\'s root, such as "https://images.acme.test"'
    )
    ca_file: grammar.Text = _key(_DEFAULT.registry.ca_file, "an absolute path, or empty")


class LockdownTable(Table):
    """`[lockdown]`"""

    layers: grammar.Layers = _key(
        _DEFAULT.lockdown.layers, 'a list of "daemon.json", "files", "firewall"'
    )
    live_restore: grammar.Flag = _key(_DEFAULT.lockdown.live_restore, "true or false")
    check_seconds: grammar.Seconds = _key(_DEFAULT.lockdown.check_seconds, _SECONDS)
    heals: grammar.Count = _key(_DEFAULT.lockdown.heals, "a whole number from 1")
    heal_seconds: grammar.Seconds = _key(_DEFAULT.lockdown.heal_seconds, _SECONDS)
    backup_dir: grammar.Path = _key(_DEFAULT.lockdown.backup_dir, "an absolute path")


class EgressTable(Table):
    """`[egress]`"""

    allow: grammar.Services = _key(
        _DEFAULT.egress.allow, 'a list of services such as "ntp.acme.test:123/udp"'
    )
    known_registries: grammar.Names = _key(_DEFAULT.egress.known_registries, "a list of host names")
    engine_cgroups: grammar.Paths = _key(
        _DEFAULT.egress.engine_cgroups,
        'a list of cgroups, such as ["/system.slice/docker.service"]',
    )


class ControlTable(Table):
    """`[control]`"""

    socket: grammar.SocketPath = _key(_DEFAULT.control.socket, "an absolute path")
    explain_access: ExplainAccess = _key(
        _DEFAULT.control.explain_access, "one of root, group, everyone"
    )
    explain_group: grammar.Line = _key(_DEFAULT.control.explain_group, "the name of a group")
    explain_socket: grammar.SocketPath = _key(_DEFAULT.control.explain_socket, "an absolute path")


_URL = 'an address such as "https://logs.acme.test/v1/logs", or empty'
_OPTIONAL_PATH = "an absolute path, or empty"


class OtlpTable(Table):
    """`[sinks.otlp]`"""

    url: grammar.OptionalUrl = _key(_DEFAULT.sinks.otlp.url, _URL)
    ca_file: grammar.OptionalPath = _key(_DEFAULT.sinks.otlp.ca_file, _OPTIONAL_PATH)
    token_file: grammar.OptionalPath = _key(_DEFAULT.sinks.otlp.token_file, _OPTIONAL_PATH)


class SyslogTable(Table):
    """`[sinks.syslog]`"""

    address: grammar.OptionalAddress = _key(
        _DEFAULT.sinks.syslog.address, '"host:port", such as "logs.acme.test:6514", or empty'
    )
    ca_file: grammar.OptionalPath = _key(_DEFAULT.sinks.syslog.ca_file, _OPTIONAL_PATH)
    cert_file: grammar.OptionalPath = _key(_DEFAULT.sinks.syslog.cert_file, _OPTIONAL_PATH)
    key_file: grammar.OptionalPath = _key(_DEFAULT.sinks.syslog.key_file, _OPTIONAL_PATH)


class WebhookTable(Table):
    """`[sinks.webhook]`"""

    url: grammar.OptionalUrl = _key(_DEFAULT.sinks.webhook.url, _URL)
    format: SinkFormat = _key(_DEFAULT.sinks.webhook.format, "one of finding, ocsf")
    ca_file: grammar.OptionalPath = _key(_DEFAULT.sinks.webhook.ca_file, _OPTIONAL_PATH)
    token_file: grammar.OptionalPath = _key(_DEFAULT.sinks.webhook.token_file, _OPTIONAL_PATH)
    secret_file: grammar.OptionalPath = _key(_DEFAULT.sinks.webhook.secret_file, _OPTIONAL_PATH)


class OcsfTable(Table):
    """`[sinks.ocsf]`"""

    file: grammar.OptionalPath = _key(_DEFAULT.sinks.ocsf.file, _OPTIONAL_PATH)
    max_megabytes: grammar.Count = _key(_DEFAULT.sinks.ocsf.max_megabytes, "a whole number from 1")


class SinksTable(Table):
    """`[sinks]`"""

    queue: grammar.Count = _key(_DEFAULT.sinks.queue, "a whole number from 1")
    otlp: OtlpTable = Field(default_factory=OtlpTable)
    syslog: SyslogTable = Field(default_factory=SyslogTable)
    webhook: WebhookTable = Field(default_factory=WebhookTable)
    ocsf: OcsfTable = Field(default_factory=OcsfTable)


class MetricsTable(Table):
    """`[metrics]`"""

    textfile: grammar.Textfile = _key(
        _DEFAULT.metrics.textfile, '"auto", "off", or the absolute path of a file named *.prom'
    )
    listen: grammar.Loopback = _key(
        _DEFAULT.metrics.listen, 'a loopback address such as "127.0.0.1:9763", or empty'
    )
    seconds: grammar.Seconds = _key(_DEFAULT.metrics.seconds, _SECONDS)


class Tables(BaseSettings):
    """The whole file; takes what it is given and looks nowhere by itself."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    agent: AgentTable = Field(default_factory=AgentTable)
    engine: EngineTable = Field(default_factory=EngineTable)
    allowlist: AllowlistTable = Field(default_factory=AllowlistTable)
    enforcement: EnforcementTable = Field(default_factory=EnforcementTable)
    gate: GateTable = Field(default_factory=GateTable)
    circuit_breaker: CircuitBreakerTable = Field(default_factory=CircuitBreakerTable)
    reports: ReportsTable = Field(default_factory=ReportsTable)
    collector: CollectorTable = Field(default_factory=CollectorTable)
    registry: RegistryTable = Field(default_factory=RegistryTable)
    lockdown: LockdownTable = Field(default_factory=LockdownTable)
    egress: EgressTable = Field(default_factory=EgressTable)
    control: ControlTable = Field(default_factory=ControlTable)
    sinks: SinksTable = Field(default_factory=SinksTable)
    metrics: MetricsTable = Field(default_factory=MetricsTable)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the base class's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class's signature
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed; `agent.config.load` passes the layers."""
        return (init_settings,)


def table_type(info: FieldInfo) -> tuple[type[Table] | None, bool]:
    """The table that a key holds, if it holds one, and whether it holds an array of them."""
    kind: Any = info.annotation
    is_array = get_origin(kind) is tuple
    kind = get_args(kind)[0] if is_array else kind
    if isinstance(kind, type) and issubclass(kind, Table):
        return kind, is_array
    return None, is_array


def known_keys(model: type[BaseModel] = Tables) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Every key with its path; an array of tables counts as one key."""
    for key, info in model.model_fields.items():
        inner, is_array = table_type(info)
        if inner is not None and not is_array:
            for path, leaf in known_keys(inner):
                yield (key, *path), leaf
        else:
            yield (key,), info
