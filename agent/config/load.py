"""Reads, checks and merges all layers into one `Config`: every error at once, every origin kept.

Arrays of tables (exemptions) are appended file by file; every other value of a higher layer
replaces the lower one's. Tables are merged deeply.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from agent.config.config_check import check_layer
from agent.config.config_values import (
    AgentConfig,
    AllowlistConfig,
    CircuitBreakerConfig,
    CollectorConfig,
    Config,
    ControlConfig,
    EgressConfig,
    EnforcementConfig,
    EngineConfig,
    GateConfig,
    LockdownConfig,
    MetricsConfig,
    OcsfSink,
    OtlpSink,
    RegistryConfig,
    ReportsConfig,
    SinksConfig,
    SyslogSink,
    WebhookSink,
)
from agent.config.layers import Inputs, KeyPath, Layer, Source, read_layers
from agent.config.model import EnforcementTable, ExemptionTable, SinksTable, Tables
from core.allowlist.allowlist import Exemption
from core.base_errors import ConfigInvalid
from core.decision.verdict import Action, Verdict

DEFAULT_ORIGIN = "default"
_EXEMPTIONS: KeyPath = ("enforcement", "exemptions")


@dataclass(frozen=True, slots=True)
class Loaded:
    """The configuration, and where each key that is not the default comes from.

    An exemption's path ends in its place, `("enforcement", "exemptions", "0")`. `secret` holds
    the paths whose values came as credentials: never print those.
    """

    config: Config
    origins: Mapping[KeyPath, str]
    secret: frozenset[KeyPath]
    files: tuple[str, ...]


def load(inputs: Inputs) -> Loaded:
    """The resolved configuration; raises `ConfigInvalid` with every problem of every layer."""
    layers, problems = read_layers(inputs)
    trees = []
    for layer in layers:
        tree, found = check_layer(layer)
        problems += found
        trees.append(tree)
    origins, secret = _origins(layers, trees)
    config = _config(_merge(trees)) if not problems else Config()
    problems += _duplicates(config, origins)
    problems += _scopeless(config, origins)
    if problems:
        told = list(dict.fromkeys(problems))  # a folder's fault is found with each of its files
        raise ConfigInvalid(told, hint="correct these, then run: dockwarden config validate")
    files = tuple(layer.name for layer in layers if layer.source is Source.FILE)
    return Loaded(config, origins, secret, files)


class _LayerSource(PydanticBaseSettingsSource):
    """A checked layer as pydantic-settings wants it."""

    def __init__(self, settings: type[BaseSettings], tree: Mapping[str, Any]) -> None:
        super().__init__(settings)
        self._tree = tree

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 - the base class's signature
        return self._tree.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return dict(self._tree)


def _merge(trees: list[dict[str, Any]]) -> Tables:
    """pydantic-settings merges tables deeply, the first source winning; lists it replaces, so
    each layer is given the exemptions of those below it."""
    carried: list[Any] = []
    for tree in trees:
        enforcement = tree.get("enforcement", {})
        if "exemptions" in enforcement:
            carried = carried + enforcement["exemptions"]
            enforcement["exemptions"] = carried

    class Settings(Tables):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class's signature
            env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class's signature
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class's signature
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class's signature
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return tuple(_LayerSource(settings_cls, tree) for tree in reversed(trees))

    return Settings()


def _config(model: Tables) -> Config:
    return Config(
        agent=AgentConfig(**dict(model.agent)),
        engine=EngineConfig(**dict(model.engine)),
        allowlist=AllowlistConfig(**dict(model.allowlist)),
        enforcement=_enforcement(model.enforcement),
        gate=GateConfig(**dict(model.gate)),
        circuit_breaker=CircuitBreakerConfig(**dict(model.circuit_breaker)),
        reports=ReportsConfig(**dict(model.reports)),
        collector=CollectorConfig(**dict(model.collector)),
        registry=RegistryConfig(**dict(model.registry)),
        lockdown=LockdownConfig(**dict(model.lockdown)),
        egress=EgressConfig(**dict(model.egress)),
        control=ControlConfig(**dict(model.control)),
        sinks=_sinks(model.sinks),
        metrics=MetricsConfig(**dict(model.metrics)),
    )


def _sinks(table: SinksTable) -> SinksConfig:
    return SinksConfig(
        queue=table.queue,
        otlp=OtlpSink(**dict(table.otlp)),
        syslog=SyslogSink(**dict(table.syslog)),
        webhook=WebhookSink(**dict(table.webhook)),
        ocsf=OcsfSink(**dict(table.ocsf)),
    )


def _enforcement(table: EnforcementTable) -> EnforcementConfig:
    actions = {Verdict(name): action for name, action in table.actions}
    given: dict[str, Any] = dict(table)
    given["actions"] = {Verdict.APPROVED: Action.ALLOW, **actions}
    given["exemptions"] = tuple(_exemption(entry) for entry in table.exemptions)
    return replace(EnforcementConfig(), **given)


def _exemption(entry: ExemptionTable) -> Exemption:
    return Exemption(entry.digest, entry.reason, entry.owner, entry.expires)


def _origins(
    layers: list[Layer], trees: list[dict[str, Any]]
) -> tuple[dict[KeyPath, str], frozenset[KeyPath]]:
    origins: dict[KeyPath, str] = {}
    sources: dict[KeyPath, Source] = {}
    exemptions = 0

    def descend(layer: Layer, tree: Mapping[str, Any], path: KeyPath) -> None:
        nonlocal exemptions
        for key, value in tree.items():
            here = (*path, key)
            if here == _EXEMPTIONS:
                for _ in value:
                    origins[(*here, str(exemptions))] = layer.origin(here)
                    exemptions += 1
            elif isinstance(value, Mapping):
                descend(layer, value, here)
            else:
                origins[here], sources[here] = layer.origin(here), layer.source

    for layer, tree in zip(layers, trees, strict=True):
        descend(layer, tree, ())
    return origins, frozenset(p for p, s in sources.items() if s is Source.CREDENTIAL)


def _scopeless(config: Config, origins: Mapping[KeyPath, str]) -> list[str]:
    """A signed list says nothing to a host that does not know its place."""
    allowlist = config.allowlist
    if not allowlist.signed or allowlist.scope:
        return []
    origin = origins.get(("allowlist", "source"), DEFAULT_ORIGIN)
    return [
        f'{origin}: [allowlist] source = "{allowlist.source}" is a signed list, but [allowlist]'
        ' scope is missing; write this host\'s scope, such as scope = "acme.pay.web"'
    ]


def _duplicates(config: Config, origins: Mapping[KeyPath, str]) -> list[str]:
    problems = []
    first: dict[object, str] = {}
    for number, exemption in enumerate(config.enforcement.exemptions):
        origin = origins[(*_EXEMPTIONS, str(number))]
        if exemption.digest in first:
            problems.append(
                f"{origin}: [[enforcement.exemptions]] digest = {exemption.digest} is exempted"
                f" already in {first[exemption.digest]}; remove one of the two"
            )
        first.setdefault(exemption.digest, origin)
    return problems
