"""The collector's configuration: one TOML file and the environment, every error at once."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.base_errors import ConfigInvalid
from core.toml_fault import toml_fault
from core.value_faults import value_fault

DEFAULT_FILE = Path("/etc/dockwarden/collector.toml")
PREFIX = "DOCKWARDEN_COLLECTOR_"
FILE_VARIABLE = PREFIX + "CONFIG"

_Days = Annotated[int, Field(ge=1, le=36500)]
_Url = Annotated[str, Field(pattern=r"^(https?://[^\s]+)?$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Server(_Table):
    """`[server]`. `url` is how hosts and people reach the collector; with TLS files it is served
    encrypted, with `tls_client_ca` only to those with a certificate of that authority."""

    listen: Annotated[str, Field(pattern=r"^(\[[0-9A-Fa-f:.]+\]|[^:\s\[\]]+):[0-9]{1,5}$")] = (
        "127.0.0.1:8484"
    )
    url: _Url = "http://127.0.0.1:8484"
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    tls_certificate: str = ""
    tls_key: str = ""
    tls_client_ca: str = ""
    trusted_proxies: list[str] = []


class Store(_Table):
    """`[database]`. `connections` are a worker's for reading, `writers` those for reports."""

    url: str = "sqlite:////var/lib/dockwarden-collector/collector.db"
    connections: Annotated[int, Field(ge=2, le=100)] = 5
    writers: Annotated[int, Field(ge=1, le=16)] = 1


class Kept(_Table):
    """`[retention]`"""

    events_days: _Days = 90
    rollups_days: _Days = 400
    audit_days: _Days = 1100


class Limits(_Table):
    """`[limits]`, for each host; 0 means no limit."""

    events_per_second: Annotated[float, Field(ge=0)] = 1000.0
    burst: Annotated[float, Field(ge=500)] = 5000.0


class Alerts(_Table):
    """`[alerts]`. Hosts that turn offline, missing, degraded or online are POSTed there."""

    webhook: _Url = ""


class Page(_Table):
    """`[page]`. `groups` maps a group of the identity provider to reader or administrator."""

    session_hours: Annotated[float, Field(gt=0, le=720)] = 12.0
    oidc_issuer: _Url = ""
    oidc_client_id: str = ""
    oidc_client_secret: str = Field(default="", repr=False)
    oidc_groups_claim: str = "groups"
    oidc_groups: dict[str, Literal["reader", "administrator"]] = {}


class Config(_Table):
    """Everything; each key can also be set in the environment, such as
    DOCKWARDEN_COLLECTOR_DATABASE_URL for `[database] url`."""

    server: Server = Server()
    database: Store = Store()
    retention: Kept = Kept()
    limits: Limits = Limits()
    alerts: Alerts = Alerts()
    page: Page = Page()


def load(file: Path | None, environ: Mapping[str, str]) -> Config:
    """Of `file`, else of the environment's, else of the default place if it is there.

    Raises `ConfigInvalid` with every problem.
    """
    named = file or (Path(environ[FILE_VARIABLE]) if environ.get(FILE_VARIABLE) else None)
    tree, problems = _read(named or DEFAULT_FILE, needed=named is not None)
    origins: dict[tuple[str, ...], str] = {}
    problems += _add_environment(tree, origins, environ)
    config = Config()
    try:
        config = Config.model_validate(tree)
    except ValidationError as error:
        for detail in error.errors():
            problems.append(_words(detail["loc"], detail, origins, named or DEFAULT_FILE))
    problems += _together(config)
    if problems:
        raise ConfigInvalid(problems, hint="correct these, then run: dockwarden-collector check")
    return config


def _read(path: Path, *, needed: bool) -> tuple[dict[str, Any], list[str]]:
    try:
        text = path.read_text("utf-8")
        return tomllib.loads(text), []
    except FileNotFoundError:
        return {}, [f"{path}: there is no such file"] if needed else []
    except OSError as error:
        return {}, [f"{path}: {error.strerror}"]
    except UnicodeDecodeError as error:
        return {}, [f"{path}: is not TOML: byte {error.start} is not UTF-8"]
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, integers too long to be read
        return {}, [f"{path}: is not TOML at {toml_fault(text)}: {error}"]


def _add_environment(
    tree: dict[str, Any], origins: dict[tuple[str, ...], str], environ: Mapping[str, str]
) -> list[str]:
    known = {
        f"{PREFIX}{table}_{key}".upper(): (table, key)
        for table, info in Config.model_fields.items()
        for key in info.annotation.model_fields  # type: ignore[union-attr] # all are tables
    }
    problems = []
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name == FILE_VARIABLE:
            continue
        if name not in known:
            problems.append(f"{name}: there is no such key; see dockwarden-collector --help")
            continue
        table, key = known[name]
        origins[known[name]] = name
        if isinstance(tree.setdefault(table, {}), dict):
            text = environ[name]
            listed = key == "trusted_proxies"
            tree[table][key] = [s.strip() for s in text.split(",")] if listed else text
    return problems


def _words(
    loc: tuple[int | str, ...], detail: Any, origins: Mapping[tuple[str, ...], str], path: Path
) -> str:
    key = tuple(str(part) for part in loc[:2])
    spot = origins.get(key) or f"{path}: [{key[0]}] {'.'.join(map(str, loc[1:]))}".rstrip()
    if detail["type"] == "extra_forbidden":
        return f"{spot}: there is no such key"
    shown = (
        ""
        if "secret" in spot.lower() or key == ("database", "url")
        else (f" = {str(detail['input'])[:60]!r}")
    )
    return f"{spot}{shown}: {value_fault(detail['type'], detail.get('ctx') or {})}"


def _together(config: Config) -> list[str]:
    """What only shows when several keys are seen at once."""
    server, page = config.server, config.page
    problems = []
    if bool(server.tls_certificate) != bool(server.tls_key):
        problems.append("[server] tls_certificate and tls_key: give both or neither")
    if server.tls_client_ca and not server.tls_certificate:
        problems.append("[server] tls_client_ca: needs tls_certificate and tls_key as well")
    if page.oidc_issuer and not (page.oidc_client_id and page.oidc_groups):
        problems.append("[page] oidc_issuer: needs oidc_client_id and oidc_groups as well")
    if not config.database.url.startswith(("sqlite:", "postgresql:")):
        problems.append("[database] url: write sqlite:////path or postgresql://user@host/name")
    return problems
