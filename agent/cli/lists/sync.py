"""`dockwarden sync`: has the running agent fetch its list now."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from agent.cli.options import CALL_SECONDS, config_option, control_socket, output_option
from agent.cli.output import emit_facts, local_time, note
from agent.errors import SyncFailed
from core.base_errors import DockwardenError
from core.terminal.printing import cell, emit_json

LONGEST_SECONDS = 660.0  # two syncs: the one under way and the one that was asked for
_LOOK_SECONDS = 0.2
_WORD_SECONDS = 5.0


@click.command()
@click.option("--wait", is_flag=True, help="Wait until the sync is done, and print the outcome.")
@config_option
@output_option
def sync(wait: bool, config_file: Path | None, output: str) -> None:
    """Fetch the signed allowlist now, instead of at the next poll.

    With --wait the command exits with 1 when the sync failed, and says why and what to do. The last
    good list stays in force in any case.

    \b
    Examples:
      sudo dockwarden sync --wait
      sudo dockwarden sync --wait -o json | jq .sequence
    """
    from agent.adapters.control_socket import call

    socket = control_socket(config_file)
    begun: Any = call(socket, "sync", {}, CALL_SECONDS)
    if not begun.get("signed"):
        answer = {"signed": False}
        if output == "json":
            emit_json(answer)
        else:
            click.echo("The allowlist is one unsigned file: the agent reads it again now.")
        return
    if not wait:
        if output == "json":
            emit_json(begun)
        else:
            click.echo("The agent syncs now; `dockwarden status` reports the outcome.")
        return
    told = _outcome(socket, begun.get("number"))
    if output == "json":
        emit_json(told)
    else:
        emit_facts(_facts(told))
    if told.get("error"):
        raise SyncFailed(str(told["error"]), hint=str(told.get("hint") or ""))


def _outcome(socket: str, number: object) -> Mapping[str, Any]:
    from agent.adapters.control_socket import call

    began = said = time.monotonic()
    while time.monotonic() - began < LONGEST_SECONDS:
        told: Any = call(socket, "sync-outcome", {"number": number}, CALL_SECONDS)
        if told.get("done"):
            return dict(told)
        if time.monotonic() - said >= _WORD_SECONDS:
            said = time.monotonic()
            note(f"fetching and verifying since {said - began:.0f} s")
        time.sleep(_LOOK_SECONDS)
    raise DockwardenError(
        f"the sync has not finished after {LONGEST_SECONDS:g} s",
        hint="journalctl -u dockwarden shows what it waits for",
    )


def _facts(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    if told.get("error"):
        result = "failed"
    else:
        result = "a new list was adopted" if told.get("changed") else "nothing new"
    return [
        ("result", result),
        ("sequence", cell(told.get("sequence"))),
        ("freshness", freshness(told)),
        *[
            ("problem", f"{cell(scope.get('scope'))}: {cell(scope['problem'])}")
            for scope in told.get("scopes") or []
            if scope.get("problem")
        ],
    ]


def freshness(told: Mapping[str, Any]) -> str:
    """`fresh until 2026-11-24 12:00:00+00:00`, in this machine's time zone."""
    if not told.get("fresh_until"):
        return cell(told.get("freshness")) if told.get("freshness") else ""
    state = str(told.get("freshness"))
    word = "until" if state == "fresh" else "since"
    text = f"{state} {word} {local_time(told['fresh_until'])}"
    if state == "stale":
        text += f"; from {local_time(told.get('too_stale_at'))} on: {told.get('when_too_stale')}"
    return text + ("; CLOSED: nothing is approved any more" if told.get("closed") else "")
