"""`status`: who still has to sign what, and what expires when."""

from datetime import datetime

import click

from core.terminal.printing import emit_json, emit_table
from registrar import registrar_clock
from registrar.cli.registrar_options import workspace
from registrar.cli.registrar_output import day, left, output_option, say
from registrar.registrar_errors import RepositoryBroken
from registrar.repository.online import current_snapshot, current_timestamp
from registrar.repository.plan import Plan, plan
from registrar.workspace import Workspace


@click.command()
@output_option
def status(output: str) -> None:
    """Show who still has to sign what, and what expires when."""
    where, now = workspace(), registrar_clock.now()
    prepared = plan(where, now)
    ends = expiries(where, prepared)
    if output == "json":
        emit_json(_document(prepared, ends))
        return
    if not prepared.steps:
        say("nothing waits for signatures")
    for role in prepared.steps:
        built = "" if role not in prepared.fresh else " (nobody has signed the draft yet)"
        for count in prepared.signature_statuses(role):
            say(f"{count.words()}{built}")
            if not count.ready:
                left_over = count.threshold - len(count.signed)
                say(f"  {left_over} of {', '.join(count.missing) or 'nobody'} still to sign")
    if prepared.steps and not prepared.fresh and _all_ready(prepared):
        say("everything is signed: `publish`")
    if ends:
        say("")
        rows = [(role, day(end), left(end, now)) for role, end in ends]
        emit_table(["published", "expires", ""], rows)
    elif not prepared.published.roles:
        say("nothing is published yet")


def expiries(where: Workspace, prepared: Plan) -> list[tuple[str, datetime]]:
    """What is published and when it ends, the soonest first; a machine that does not publish
    knows no timestamp."""
    names = ["root", "targets", *prepared.demands.delegated]
    ends = [
        (name, metadata.signed.expires)
        for name in names
        if (metadata := prepared.published.role(name)) is not None
    ]
    try:
        for role, found in (
            ("timestamp", current_timestamp(prepared.published)),
            ("snapshot", current_snapshot(prepared.published)),
        ):
            if found is not None:
                ends.append((role, found.signed.expires))
    except RepositoryBroken:
        say(f"timestamp and snapshot are kept on the publishing machine, not in {where.path}")
    return sorted(ends, key=lambda pair: pair[1])


def _all_ready(prepared: Plan) -> bool:
    return all(
        count.ready for role in prepared.steps for count in prepared.signature_statuses(role)
    )


def _document(prepared: Plan, ends: list[tuple[str, datetime]]) -> dict[str, object]:
    return {
        "pending": [
            {
                "role": role,
                "threshold": count.threshold,
                "signed": count.signed,
                "missing": count.missing,
                "ready": count.ready,
                "demand": count.demand,
            }
            for role in prepared.steps
            for count in prepared.signature_statuses(role)
        ],
        "expires": {role: end.isoformat() for role, end in ends},
    }
