"""Options that several commands share, and what they mean."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from agent.config.config_values import Config
from agent.config.layers import Inputs, peek

F = TypeVar("F", bound=Callable[..., Any])

CALL_SECONDS = 10.0  # how long the agent may take to answer


def config_option(function: F) -> F:
    """`--config FILE`"""
    return click.option(
        "--config",
        "config_file",
        type=click.Path(dir_okay=False, path_type=Path),
        envvar="DOCKWARDEN_CONFIG",
        metavar="FILE",
        help="Read this file, and conf.d/*.toml beside it, instead of"
        " /etc/dockwarden/agent.toml (also: DOCKWARDEN_CONFIG).",
    )(function)


def output_option(function: F) -> F:
    """`--output table|json`"""
    return click.option(
        "--output",
        "-o",
        type=click.Choice(["table", "json"]),
        envvar="DOCKWARDEN_OUTPUT",
        default="table",
        help="A table for people (the default), or JSON for programs (also: DOCKWARDEN_OUTPUT).",
    )(function)


def inputs(config_file: Path | None, command_line: dict[str, Any] | None = None) -> Inputs:
    """Where this process's configuration comes from."""
    return Inputs(config_file, os.environ, command_line or {})


def control_socket(config_file: Path | None) -> str:
    """The root-only socket of the running agent."""
    return peek(inputs(config_file), ("control", "socket"), Config().control.socket)


def explain_socket(config_file: Path | None) -> str:
    """The socket for refused users."""
    default = Config().control.explain_socket
    return peek(inputs(config_file), ("control", "explain_socket"), default)


def findings_file(config_file: Path | None) -> str:
    """Where the agent keeps its findings."""
    return peek(inputs(config_file), ("reports", "file"), Config().reports.file)
