"""enrolment new, list, revoke; prints, decides nothing."""

from dataclasses import asdict
from datetime import timedelta

import click

from collector import collector_clock
from collector.commands.common import Called, json_option, with_enrolments
from core.terminal.printing import emit_json, emit_table
from core.text import printable


@click.group()
def enrolment() -> None:
    """Manage the secrets with which hosts enrol."""


@enrolment.command("new")
@click.option("--note", default="", help="What the secret is for; shown in the list.")
@click.option("--hours", type=click.FloatRange(0.01, 8760), default=24.0, show_default=True,
              help="How long the secret is valid.")  # fmt: skip
@click.option("--uses", type=click.IntRange(1), help="How many hosts may use it [default: any].")
@click.pass_obj
def new(called: Called, note: str, hours: float, uses: int | None) -> None:
    """Make a secret and print it once, to standard output."""
    secret, text = with_enrolments(
        called,
        lambda enrolments, by: enrolments.create(
            note, timedelta(hours=hours), uses, by, collector_clock.now()
        ),
    )
    click.echo(f"valid until {secret.expires_at:%Y-%m-%d %H:%M}Z; id {secret.id}", err=True)
    click.echo(text)


@enrolment.command("list")
@json_option
@click.pass_obj
def list_secrets(called: Called, as_json: bool) -> None:
    """List all secrets, without their text."""
    found = with_enrolments(called, lambda enrolments, _by: enrolments.secrets())
    if as_json:
        emit_json([asdict(secret) for secret in found])
        return
    now = collector_clock.now()
    emit_table(
        ("ID", "STATE", "USED", "UNTIL", "BY", "NOTE"),
        [
            (
                s.id,
                "revoked" if s.revoked_at else "expired" if s.expires_at <= now else "valid",
                f"{s.used}/{s.most_uses}" if s.most_uses else str(s.used),
                f"{s.expires_at:%Y-%m-%d %H:%M}Z",
                s.created_by,
                s.note,
            )
            for s in found
        ],
    )


@enrolment.command("revoke")
@click.argument("id")
@click.pass_obj
def revoke(called: Called, id: str) -> None:
    """Revoke a secret or a host's token; ID is the id of either."""
    now = collector_clock.now()
    if with_enrolments(called, lambda d, by: d.revoke(id, by, now) or d.revoke_host(id, by, now)):
        click.echo("revoked")
        return
    raise click.ClickException(f"no secret or token in force has the id {printable(id)}")
