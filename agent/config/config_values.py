"""The resolved configuration with its defaults: plain values; knows no file and no pydantic.

The daemon imports this module only: what reads and checks the files (22 MiB of it) stays in the
process that starts the daemon.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote

from core.allowlist.allowlist import Exemption
from core.decision.verdict import (
    DEFAULT_ENFORCE,
    Action,
    ActionTable,
    EnforcementPoint,
    Mode,
    Verdict,
)

FILE_SCHEME = "file:"  # one JSON file, unsigned
FOLDER_SCHEME = "folder:"  # a signed repository that was carried here
WEB_SCHEMES = ("https://", "http://")  # a signed repository behind a web server
LAYERS = ("daemon.json", "files", "firewall")


class LogLevel(StrEnum):
    """The least important log events that are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LocalImages(StrEnum):
    """What an image built on top of an approved one is worth."""

    DENY = "deny"
    DERIVED = "derived"


class BuildSteps(StrEnum):
    """What happens to BuildKit's RUN steps, whose image cannot be known."""

    DENY = "deny"
    REPORT = "report"
    ALLOW = "allow"


class OnTimeout(StrEnum):
    """What becomes of a container held at the gate for which no decision came in time."""

    THAW = "thaw"
    KILL = "kill"


class Journal(StrEnum):
    """Whether findings go to the systemd journal; `auto` is where there is one."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class ExplainAccess(StrEnum):
    """Who may ask why a container was refused."""

    ROOT = "root"
    GROUP = "group"
    EVERYONE = "everyone"


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """`[agent]`. An empty `host_name` means the machine's own."""

    mode: Mode = Mode.OBSERVE
    state_dir: str = "/var/lib/dockwarden"
    host_name: str = ""
    contact: str = ""
    log_level: LogLevel = LogLevel.INFO


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """`[engine]`. `timeout_seconds` bounds each single call."""

    socket: str = "/var/run/docker.sock"
    timeout_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class AllowlistConfig:
    """`[allowlist]`. `source` is `file:` and the absolute path of an unsigned list, or a signed
    repository: an `https://` or `http://` URL, or `folder:` and an absolute path. The other keys
    are for signed ones; `scope` is this host's own."""

    source: str = "file:/etc/dockwarden/allowlist.json"
    scope: str = ""
    root_file: str = "/etc/dockwarden/root.json"
    ca_file: str = ""
    poll_seconds: float = 60.0
    refresh_seconds: float = 900.0

    @property
    def signed(self) -> bool:
        """Whether the list is a signed repository."""
        return not self.source.startswith(FILE_SCHEME)

    @property
    def path(self) -> str:
        """The path of a `file:` or a `folder:` source."""
        return self.source.removeprefix(FILE_SCHEME).removeprefix(FOLDER_SCHEME)

    @property
    def url(self) -> str:
        """A signed repository's URL, without a slash at its end."""
        source = self.source.rstrip("/")
        if source.startswith(FOLDER_SCHEME):
            return f"file://{quote(source.removeprefix(FOLDER_SCHEME))}"
        return source


@dataclass(frozen=True, slots=True)
class EnforcementConfig:
    """`[enforcement]`. `actions` holds one action for every verdict.

    `keep_refused` keeps containers that were refused before they ran, `keep_killed` those that
    had run; `rescan_seconds` is how often all containers are judged again.
    """

    enforcement_points: frozenset[EnforcementPoint] = frozenset(
        {EnforcementPoint.CREATE, EnforcementPoint.GATE, EnforcementPoint.START}
    )
    stop_timeout_seconds: float = 10.0
    keep_refused: bool = False
    keep_killed: bool = True
    local_images: LocalImages = LocalImages.DENY
    build_steps: BuildSteps = BuildSteps.DENY
    rescan_seconds: float = 60.0
    actions: Mapping[Verdict, Action] = field(default_factory=lambda: dict(DEFAULT_ENFORCE))
    exemptions: tuple[Exemption, ...] = ()


@dataclass(frozen=True, slots=True)
class GateConfig:
    """`[gate]`. `roots` are cgroup subtrees; `hold_seconds` the longest hold without a decision."""

    roots: tuple[str, ...] = ("/",)
    hold_seconds: float = 10.0
    on_timeout: OnTimeout = OnTimeout.THAW


@dataclass(frozen=True, slots=True)
class CircuitBreakerConfig:
    """`[circuit_breaker]`. `share` is from 0 (exclusive) to 1."""

    kills: int = 10
    seconds: float = 60.0
    share: float = 0.5


@dataclass(frozen=True, slots=True)
class ReportsConfig:
    """`[reports]`. The file is rotated at `max_megabytes` (10^6 bytes each)."""

    file: str = "/var/log/dockwarden/violations.jsonl"
    journal: Journal = Journal.AUTO
    max_megabytes: int = 100


@dataclass(frozen=True, slots=True)
class CollectorConfig:
    """`[collector]`. An empty `url`: nothing is spooled. `token_file` is what enrolment leaves;
    while it is missing, `enrolment_secret` is exchanged for one. The spool takes at most
    `spool_megabytes` (10^6 bytes each), of which `reserved_share` is for violations alone."""

    url: str = ""
    token_file: str = "/var/lib/dockwarden/collector.json"
    enrolment_secret: str = ""
    ca_file: str = ""
    heartbeat_seconds: float = 300.0
    spool_megabytes: int = 256
    reserved_share: float = 0.5


@dataclass(frozen=True, slots=True)
class RegistryConfig:
    """`[registry]`. `mirror` is the private registry's root URL, such as https://images.acme.test;
    empty: the lockdown layers are not configured and touch nothing."""

    mirror: str = ""
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class LockdownConfig:
    """`[lockdown]`. `layers` are those that are kept (when a mirror is set and the mode is
    enforce; in observe mode drift is only reported). More than `heals` heals of one layer within
    `heal_seconds` mean that another tool keeps reverting it: the agent reports and backs off."""

    layers: tuple[str, ...] = LAYERS
    live_restore: bool = False
    check_seconds: float = 60.0
    heals: int = 10
    heal_seconds: float = 60.0
    backup_dir: str = "/var/lib/dockwarden/backup"


@dataclass(frozen=True, slots=True)
class EgressConfig:
    """`[egress]`. `allow` are services (`host:port` or `host:port/udp`) that engines may reach
    besides the private registry and DNS; `known_registries` are refused to everybody."""

    allow: tuple[str, ...] = ()
    known_registries: tuple[str, ...] = (
        "registry-1.docker.io",
        "auth.docker.io",
        "index.docker.io",
        "quay.io",
        "ghcr.io",
        "gcr.io",
        "registry.k8s.io",
        "public.ecr.aws",
        "mcr.microsoft.com",
        "registry.gitlab.com",
    )
    engine_cgroups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ControlConfig:
    """`[control]`. The explain socket answers `explain` and `check` to `explain_access`."""

    socket: str = "/run/dockwarden/agent.sock"
    explain_access: ExplainAccess = ExplainAccess.GROUP
    explain_group: str = "docker"
    explain_socket: str = "/run/dockwarden/explain.sock"


class SinkFormat(StrEnum):
    """How the webhook writes findings."""

    FINDING = "finding"
    OCSF = "ocsf"


@dataclass(frozen=True, slots=True)
class OtlpSink:
    """`[sinks.otlp]`. `url` is the whole address; empty: off."""

    url: str = ""
    ca_file: str = ""
    token_file: str = ""


@dataclass(frozen=True, slots=True)
class SyslogSink:
    """`[sinks.syslog]`. `address` is `host:port`, always over TLS; empty: off."""

    address: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""


@dataclass(frozen=True, slots=True)
class WebhookSink:
    """`[sinks.webhook]`. `secret_file` holds what bodies are signed with; empty `url`: off."""

    url: str = ""
    format: SinkFormat = SinkFormat.FINDING
    ca_file: str = ""
    token_file: str = ""
    secret_file: str = ""


@dataclass(frozen=True, slots=True)
class OcsfSink:
    """`[sinks.ocsf]`. Rotated at `max_megabytes` (10^6 bytes each); empty `file`: off."""

    file: str = ""
    max_megabytes: int = 100


@dataclass(frozen=True, slots=True)
class SinksConfig:
    """`[sinks]`. `queue` findings may wait for each remote sink."""

    queue: int = 10_000
    otlp: OtlpSink = field(default_factory=OtlpSink)
    syslog: SyslogSink = field(default_factory=SyslogSink)
    webhook: WebhookSink = field(default_factory=WebhookSink)
    ocsf: OcsfSink = field(default_factory=OcsfSink)


@dataclass(frozen=True, slots=True)
class MetricsConfig:
    """`[metrics]`. `textfile` is `auto` (where node-exporter's directory exists), `off`, or a
    path; `listen` a loopback address with its port, empty: off."""

    textfile: str = "auto"
    listen: str = ""
    seconds: float = 15.0


@dataclass(frozen=True, slots=True)
class Config:
    """Everything this host was told to do."""

    agent: AgentConfig = field(default_factory=AgentConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)
    allowlist: AllowlistConfig = field(default_factory=AllowlistConfig)
    enforcement: EnforcementConfig = field(default_factory=EnforcementConfig)
    gate: GateConfig = field(default_factory=GateConfig)
    circuit_breaker: CircuitBreakerConfig = field(default_factory=CircuitBreakerConfig)
    reports: ReportsConfig = field(default_factory=ReportsConfig)
    collector: CollectorConfig = field(default_factory=CollectorConfig)
    registry: RegistryConfig = field(default_factory=RegistryConfig)
    lockdown: LockdownConfig = field(default_factory=LockdownConfig)
    egress: EgressConfig = field(default_factory=EgressConfig)
    control: ControlConfig = field(default_factory=ControlConfig)
    sinks: SinksConfig = field(default_factory=SinksConfig)
    metrics: MetricsConfig = field(default_factory=MetricsConfig)

    @property
    def table(self) -> ActionTable:
        """What is done about each verdict."""
        return ActionTable(self.enforcement.actions)

    @property
    def allow_derived(self) -> bool:
        """Whether an image on top of an approved one is accepted."""
        return self.enforcement.local_images is LocalImages.DERIVED
