"""Reads, checks and merges all layers into one `Config`: every error at once, every origin kept.

Arrays of tables (exemptions) are appended file by file; every other value of a higher layer
replaces the lower one's. Tables are merged deeply.
"""

from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass
from typing import Any, TypeVar, cast

from pydantic import BaseModel

from agent.config.config_check import check_layer
from agent.config.config_values import Config, EnforcementConfig
from agent.config.kinds import keys
from agent.config.layers import Inputs, KeyPath, Layer, Source, read_layers
from agent.config.model import ExemptionTable, Layered, merged
from core.allowlist.allowlist import Exemption
from core.base_errors import ConfigInvalid
from core.decision.verdict import Action, Verdict

T = TypeVar("T")
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
    config = _values(Config, _merge(trees)) if not problems else Config()
    problems += _duplicates(config, origins)
    problems += _scopeless(config, origins)
    if problems:
        told = list(dict.fromkeys(problems))  # a folder's fault is found with each of its files
        raise ConfigInvalid(told, hint="correct these, then run: dockwarden config validate")
    files = tuple(layer.name for layer in layers if layer.source is Source.FILE)
    return Loaded(config, origins, secret, files)


def _merge(trees: list[dict[str, Any]]) -> Layered:
    """pydantic-settings merges tables deeply, the first source winning; lists it replaces, so
    each layer is given the exemptions of those below it."""
    carried: list[Any] = []
    for tree in trees:
        enforcement = tree.get("enforcement", {})
        if "exemptions" in enforcement:
            carried = carried + enforcement["exemptions"]
            enforcement["exemptions"] = carried
    return merged(trees)


def _values(table: type[T], model: BaseModel) -> T:
    """The table's plain values from its checked keys, which have the same names."""
    given: dict[str, Any] = dict(model)
    for key in keys(cast("type", table)):
        if is_dataclass(key.annotation):
            given[key.name] = _values(cast("type", key.annotation), given[key.name])
    if table is EnforcementConfig:
        actions = {Verdict(name): action for name, action in given["actions"]}
        given["actions"] = {Verdict.APPROVED: Action.ALLOW, **actions}
        given["exemptions"] = tuple(_exemption(entry) for entry in given["exemptions"])
    return table(**given)


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
