"""The layers a configuration is made of, as raw trees; knows no schema and no pydantic.

Lowest first: files, environment, systemd credentials, command line. Defaults are below all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from agent.config.config_files import config_files, read_bytes, read_toml

ENVIRONMENT_PREFIX = "DOCKWARDEN_"
CREDENTIAL_PREFIX = "dockwarden."
# Variables with the prefix that are options of the command, not keys of the configuration.
NOT_KEYS = frozenset({"DOCKWARDEN_CONFIG", "DOCKWARDEN_OUTPUT"})

KeyPath = tuple[str, ...]


class Source(StrEnum):
    """What sort of place a layer comes from."""

    FILE = "file"
    ENVIRONMENT = "environment"
    CREDENTIAL = "credential"
    COMMAND_LINE = "command line"


@dataclass(frozen=True, slots=True)
class Layer:
    """One place that sets keys. `name` is the path of a file, else empty."""

    source: Source
    tree: Mapping[str, Any]
    name: str = ""

    @property
    def is_text(self) -> bool:
        """Whether its values are text that has yet to be read as numbers and lists."""
        return self.source in (Source.ENVIRONMENT, Source.CREDENTIAL)

    def origin(self, path: KeyPath) -> str:
        """Where exactly a key is set, as a person would look for it."""
        match self.source:
            case Source.FILE:
                return self.name
            case Source.ENVIRONMENT:
                return f"environment {ENVIRONMENT_PREFIX}{'__'.join(path).upper()}"
            case Source.CREDENTIAL:
                return f"credential {CREDENTIAL_PREFIX}{'.'.join(path)}"
            case Source.COMMAND_LINE:
                return "command line"


@dataclass(frozen=True, slots=True)
class Inputs:
    """Where to read: `file` is None for the default path, which may be missing."""

    file: Path | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    command_line: Mapping[str, Any] = field(default_factory=dict)


def read_layers(inputs: Inputs) -> tuple[list[Layer], list[str]]:
    """Every layer that could be read, lowest first, and what is wrong with the others."""
    paths, problems = config_files(inputs.file)
    layers = []
    for path in paths:
        tree, file_problems = read_toml(path)
        problems += file_problems
        layers.append(Layer(Source.FILE, tree, str(path)))
    layers.append(_environment(inputs.environ))
    credentials, credential_problems = _credentials(inputs.environ)
    problems += credential_problems
    layers += [credentials, Layer(Source.COMMAND_LINE, inputs.command_line)]
    return layers, problems


def peek(inputs: Inputs, path: KeyPath, default: str) -> str:
    """One text value as the layers have it, unchecked; for commands that only need to find the
    running agent, which must work though a file was broken since it started."""
    found = default
    for layer in read_layers(inputs)[0]:
        value: Any = layer.tree
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        found = value if isinstance(value, str) else found
    return found


def _environment(environ: Mapping[str, str]) -> Layer:
    tree: dict[str, Any] = {}
    for variable, text in sorted(environ.items()):
        if variable.startswith(ENVIRONMENT_PREFIX) and variable not in NOT_KEYS:
            path = variable.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
            _plant(tree, path, text)
    return Layer(Source.ENVIRONMENT, tree)


def _credentials(environ: Mapping[str, str]) -> tuple[Layer, list[str]]:
    tree: dict[str, Any] = {}
    problems: list[str] = []
    folder = environ.get("CREDENTIALS_DIRECTORY")
    for path in sorted(Path(folder).glob(f"{CREDENTIAL_PREFIX}*")) if folder else ():
        try:
            text = read_bytes(path).decode()
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"credential {path.name}: cannot be read: {error}; write plain UTF-8")
        else:
            key = path.name.removeprefix(CREDENTIAL_PREFIX).split(".")
            _plant(tree, key, text.rstrip("\r\n"))
    return Layer(Source.CREDENTIAL, tree), problems


def _plant(tree: dict[str, Any], path: list[str], text: str) -> None:
    """Put a value at its place; one in place of a table loses its own children."""
    for key in path[:-1]:
        child = tree.setdefault(key, {})
        if not isinstance(child, dict):
            return  # the value planted earlier is reported as no table
        tree = child
    tree[path[-1]] = text
