"""`review`: what would change against what is published, in words and as counts."""

from collections.abc import Sequence
from datetime import datetime

import click

from core.terminal.printing import FOUND, counted, emit_json
from registrar import registrar_clock
from registrar.cli.registrar_options import workspace
from registrar.cli.registrar_output import output_option, say
from registrar.repository.changes import Change, root_change, scope_change, targets_change
from registrar.repository.plan import Plan, plan, said, says

_MOST_WORDS = 20


@click.command()
@click.option("--scope", "only", help="Show this scope or role only.")
@click.option("--diff", is_flag=True, help="Show every change, however many there are.")
@click.option("--exit-code", is_flag=True, help="Exit with 3 if something would change.")
@output_option
def review(only: str | None, diff: bool, exit_code: bool, output: str) -> None:
    """Show what would change, in words."""
    prepared = plan(workspace(), registrar_clock.now())
    changes = changes_of(prepared, [only] if only else list(prepared.steps))
    if output == "json":
        emit_json([{"role": c.role, "counts": c.counts, "words": c.words} for c in changes])
    elif not changes:
        say("nothing: the drafts are the same as what is published")
    else:
        show(prepared, changes, whole=diff)
    if changes and exit_code:
        click.get_current_context().exit(FOUND)


def changes_of(prepared: Plan, roles: Sequence[str]) -> list[Change]:
    """The changes of these roles' steps."""
    found = []
    for role in roles:
        step = prepared.steps.get(role)
        if step is None:
            continue
        if role == "root":
            found.append(root_change(prepared.published.root(), step.metadata))
        elif role == "targets":
            found.append(targets_change(prepared.published.targets(), step.metadata))
        else:
            before = said(prepared.published, role)
            found.append(scope_change(role, before, says(step, prepared.published)))
    return found


def show(prepared: Plan, changes: Sequence[Change], *, whole: bool = False) -> None:
    """A paragraph a role: what, when it ends, who has signed."""
    for change in changes:
        step = prepared.steps[change.role]
        counts = ", ".join(f"{number} {name}" for name, number in change.counts.items())
        title = {
            "root": "root (who may sign at the top)",
            "targets": "targets (who may sign which scope)",
        }
        say(f"{title.get(change.role, change.role)}{': ' if counts else ''}{counts}")
        words = change.words if whole else change.words[:_MOST_WORDS]
        for word in words:
            say(f"  - {word}")
        if len(words) < len(change.words):
            more = len(change.words) - len(words)
            say(f"  - and {counted(more, 'more change')} (--diff shows all)")
        say(f"  holds until {_day(step.metadata.signed.expires)}")
        for count in prepared.signature_statuses(change.role):
            say(f"  {count.words()}")


def _day(instant: datetime) -> str:
    return instant.date().isoformat()
