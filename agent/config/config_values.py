"""Every key of the configuration, declared once: its kind and its default; knows no file.

The daemon imports this module only. `agent.config.model` derives from it what checks the files;
that part (pydantic, 22 MiB) stays in the process that starts the daemon.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote

from agent.config.kinds import (
    CollectorUrl,
    Count,
    EnforcementPoints,
    Flag,
    Hold,
    Line,
    ListSource,
    Loopback,
    OptionalPath,
    PartShare,
    Path,
    Roots,
    Scope,
    Seconds,
    SecretFile,
    SecretText,
    Share,
    SocketPath,
    Text,
    Textfile,
    key,
)
from agent.config.lockdown_config import EgressConfig, LockdownConfig, RegistryConfig
from agent.config.sinks_config import SinksConfig
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
    state_dir: Path = "/var/lib/dockwarden"
    host_name: Text = key("", 'a name in quotes, or "" for the machine\'s')
    contact: Text = key("", "a line in quotes: whom users should ask")
    log_level: LogLevel = LogLevel.INFO


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """`[engine]`. `timeout_seconds` bounds each single call."""

    socket: SocketPath = key("/var/run/docker.sock", "the absolute path of the engine's socket")
    timeout_seconds: Seconds = 10.0


@dataclass(frozen=True, slots=True)
class AllowlistConfig:
    """`[allowlist]`. `source` is `file:` and the absolute path of an unsigned list, or a signed
    repository: an `https://` or `http://` URL, or `folder:` and an absolute path. The other keys
    are for signed ones; `scope` is this host's own."""

    source: ListSource = "file:/etc/dockwarden/allowlist.json"
    scope: Scope = key("", 'this host\'s scope, such as "acme.pay.web" (one to four names)')
    root_file: Path = "/etc/dockwarden/root.json"
    ca_file: OptionalPath = ""
    poll_seconds: Seconds = 60.0
    refresh_seconds: Seconds = 900.0

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
    had run; `rescan_seconds` is how often all containers are evaluated again.
    """

    enforcement_points: EnforcementPoints = frozenset(
        {EnforcementPoint.CREATE, EnforcementPoint.GATE, EnforcementPoint.START}
    )
    stop_timeout_seconds: Seconds = 10.0
    keep_refused: Flag = False
    keep_killed: Flag = True
    local_images: LocalImages = LocalImages.DENY
    build_steps: BuildSteps = BuildSteps.DENY
    rescan_seconds: Seconds = 60.0
    actions: Mapping[Verdict, Action] = field(default_factory=lambda: dict(DEFAULT_ENFORCE))
    exemptions: tuple[Exemption, ...] = ()


@dataclass(frozen=True, slots=True)
class GateConfig:
    """`[gate]`. `roots` are cgroup subtrees; `hold_seconds` the longest hold without a decision."""

    roots: Roots = ("/",)
    hold_seconds: Hold = 10.0
    on_timeout: OnTimeout = OnTimeout.THAW


@dataclass(frozen=True, slots=True)
class CircuitBreakerConfig:
    """`[circuit_breaker]`. `share` is from 0 (exclusive) to 1."""

    kills: Count = 10
    seconds: Seconds = 60.0
    share: Share = 0.5


@dataclass(frozen=True, slots=True)
class ReportsConfig:
    """`[reports]`. The file is rotated at `max_megabytes` (10^6 bytes each)."""

    file: Path = "/var/log/dockwarden/violations.jsonl"
    journal: Journal = Journal.AUTO
    max_megabytes: Count = 100


@dataclass(frozen=True, slots=True)
class CollectorConfig:
    """`[collector]`. An empty `url`: nothing is spooled. `token_file` is what enrolment leaves;
    while it is missing, `enrolment_secret` is exchanged for one. The spool takes at most
    `spool_megabytes` (10^6 bytes each), of which `reserved_share` is for violations alone."""

    url: CollectorUrl = ""
    token_file: SecretFile = "/var/lib/dockwarden/collector.json"
    enrolment_secret: SecretText = key("", "a secret of `dockwarden-collector enrolment new`")
    ca_file: OptionalPath = ""
    heartbeat_seconds: Seconds = 300.0
    spool_megabytes: Count = 256
    reserved_share: PartShare = 0.5


@dataclass(frozen=True, slots=True)
class ControlConfig:
    """`[control]`. The explain socket answers `explain` to the users of `explain_access`."""

    socket: SocketPath = "/run/dockwarden/agent.sock"
    explain_access: ExplainAccess = ExplainAccess.GROUP
    explain_group: Line = key("docker", "the name of a group")
    explain_socket: SocketPath = "/run/dockwarden/explain.sock"


@dataclass(frozen=True, slots=True)
class MetricsConfig:
    """`[metrics]`. `textfile` is `auto` (where node-exporter's directory exists), `off`, or a
    path; `listen` a loopback address with its port, empty: off."""

    textfile: Textfile = "auto"
    listen: Loopback = ""
    seconds: Seconds = 15.0


@dataclass(frozen=True, slots=True)
class Config:
    """All settings of this host."""

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
