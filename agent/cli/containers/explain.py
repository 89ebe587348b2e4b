"""`dockwarden explain`: why a container or a pull was refused, for the user who started it."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from agent.cli.options import (
    CALL_SECONDS,
    config_option,
    control_socket,
    explain_socket,
    findings_file,
    output_option,
)
from agent.cli.output import emit_facts, local_time, note, ran, section
from agent.errors import ControlUnavailable
from agent.ports.lockdown_values import concerns
from core.base_errors import DockwardenError
from core.decision.verdict import Action
from core.terminal.printing import FOUND, cell, emit_json

_SHORTEST_ID = 4  # characters of a container ID that are taken for one
_DONE = {
    "allow": "it ran",
    "report": "it ran and was reported",
    "pause": "it was paused",
    "stop": "it was stopped",
    "kill": "it was killed",
    "refuse": "the connection was refused",
}
_REFUSED = "egress.refused"


@click.command()
@click.argument("container", metavar="CONTAINER")
@config_option
@output_option
@click.pass_context
def explain(ctx: click.Context, container: str, config_file: Path | None, output: str) -> None:
    """Explain why a container or a pull was refused.

    CONTAINER is a name or the beginning of an ID; the container may be gone. REGISTRY or ADDRESS is
    what could not be reached: the engine's message shows it after "dial tcp". [control]
    explain_access lets users run this command without root.

    Exits with 3 when the container or pull was refused.

    \b
    Examples:
      dockwarden explain web
      dockwarden explain 4f5a1c09
      dockwarden explain quay.io
      dockwarden explain 192.0.2.10:443
    """
    answer = _ask(container, config_file)
    if output == "json":
        emit_json(answer)
    else:
        emit_facts(_facts(answer))
    if answer.get("action") in ["refuse", *(action for action in Action if action.touches)]:
        ctx.exit(FOUND)


def _ask(container: str, config_file: Path | None) -> Mapping[str, Any]:
    from agent.adapters.control_socket import call

    is_root = os.geteuid() == 0
    path = control_socket(config_file) if is_root else explain_socket(config_file)
    try:
        answer = call(path, "explain", {"container": container}, CALL_SECONDS)
    except ControlUnavailable as error:
        if not is_root:
            raise
        note(f"{error.message}; this is from the findings on this host")
        answer = _from_file(container, findings_file(config_file))
    if not isinstance(answer, Mapping):
        raise DockwardenError(
            f"no container is known as {container!r}, and no such address",
            hint="give the name or ID as `docker ps -a` shows it; was it started on this host?",
        )
    return answer


def _from_file(container: str, path: str) -> Mapping[str, Any] | None:
    from agent.adapters.findings_file import read

    try:
        return latest_answer(container, read(path))
    except OSError as error:
        raise DockwardenError(
            f"{path} cannot be read: {error.strerror}", hint="is [reports] file right?"
        ) from error


def latest_answer(container: str, records: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The last record that reports a container with this name, or whose ID begins so; without
    one, of a refused connection to such a registry or address."""
    found = refusal = None
    for record in records:
        if record.get("event") == _REFUSED:
            details = section(record, "details")
            where = str(details.get("registry") or ""), str(details.get("destination") or "")
            refusal = record if concerns(container, *where) else refusal
        about = section(record, "container")
        by_id = len(container) >= _SHORTEST_ID and str(about.get("id", "")).startswith(container)
        if section(record, "decision") and (by_id or about.get("name") == container.lstrip("/")):
            found = record
    found = found or refusal
    return _answer(found) if found is not None else None


def _answer(record: Mapping[str, Any]) -> dict[str, Any]:
    container, decision = section(record, "container"), section(record, "decision")
    outcome, details = section(record, "outcome"), section(record, "details")
    refused = record.get("event") == _REFUSED
    about = details.get("registry") or details.get("destination")
    return {
        "name": about if refused else container.get("name"),
        "id": container.get("id"),
        "image": container.get("claimed_reference"),
        "verdict": decision.get("verdict"),
        "reason": record.get("summary") if refused else decision.get("reason"),
        "action": "refuse" if refused else outcome.get("action"),
        "enforcement_point": outcome.get("enforcement_point"),
        "ran_ms": outcome.get("ran_ms"),
        "at": record.get("at"),
        "nearest": None,
        "next_step": record.get("next_step"),
        "contact": None,
        "scope": decision.get("scope"),
        "signers": [],
        "count": record.get("occurrence"),
    }


def _facts(answer: Mapping[str, Any]) -> list[tuple[str, str]]:
    def told(key: str) -> str:
        return str(answer.get(key) or "")

    times = answer.get("count") or 1
    again = f" ({times} times so far)" if isinstance(times, int) and times > 1 else ""
    done = _done(told("action"), answer.get("ran_ms"))
    caught = told("enforcement_point")
    caught = f", caught at enforcement point {caught}" if caught else ""
    who = f"{cell(answer.get('name'))} ({told('id')[:12]})"
    return [
        ("address", told("name")) if told("action") == "refuse" else ("container", who),
        ("image", told("image")),
        ("verdict", told("verdict")),
        ("reason", told("reason")),
        ("level", told("scope")),
        ("signed by", ", ".join(map(str, answer.get("signers") or ()))),
        ("what was done", f"{done}{caught}{again}" if done else ""),
        ("when", local_time(answer["at"]) if answer.get("at") else ""),
        ("nearest approved", _nearest(answer.get("nearest"))),
        ("next step", told("next_step")),
        ("contact", told("contact")),
    ]


def _done(action: str, ran_ms: object) -> str:
    done = _DONE.get(action, action)
    if action != Action.KILL or not isinstance(ran_ms, int | float):
        return done
    return (
        "it was refused before its first instruction"
        if ran_ms == 0
        else f"{done} after {ran(ran_ms)}"
    )


def _nearest(nearest: object) -> str:
    if isinstance(nearest, list | tuple):
        return ", ".join(str(item) for item in nearest)
    return str(nearest or "")
