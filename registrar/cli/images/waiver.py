"""`waiver`: exceptions that always end, with a reason and an owner; parsing and printing."""

from dataclasses import replace
from pathlib import Path

import click

from core.allowlist.allowlist import Waiver
from core.allowlist.document import LIFTS, waiver_of
from core.terminal.printing import emit_json, emit_table
from registrar.cli.images.image_options import (
    all_drafts,
    one_line,
    reason_option,
    registries_of,
    registry_options,
    scope_option,
    yes_option,
)
from registrar.cli.registrar_output import left, note, output_option, say
from registrar.images.content import content_of
from registrar.images.durations import end, readable
from registrar.images.lookup import NotFound, label
from registrar.registrar_clock import now as read_clock
from registrar.workspace import Workspace

_CHOICE = click.Choice(list(LIFTS))


@click.group()
def waiver() -> None:
    """Lift a deny or a constraint for one image and a limited time."""


@waiver.command()
@click.argument("image", metavar="DIGEST|REFERENCE")
@scope_option
@click.option(
    "--lifts", type=_CHOICE, required=True, help="What the waiver lifts, of its own level or below."
)
@click.option("--until", required=True, help="When the waiver ends: 14d, 2027-01-31.")
@reason_option
@click.option("--owner", required=True, help="Who is responsible for the waiver.")
@yes_option
@registry_options
@click.pass_obj
def grant(
    path: Path,
    *,
    image: str,
    scope: str,
    lifts: str,
    until: str,
    reason: str,
    owner: str,
    yes: bool,
    plain_http: bool,
    ca_file: Path | None,
    docker_config: Path | None,
) -> None:
    """Grant a waiver. A waiver approves nothing: the image needs an approval as well."""
    now = read_clock()
    workspace = Workspace.open(path)
    draft = workspace.draft(scope)
    registries = registries_of(plain_http, ca_file, docker_config)
    content = content_of(image, all_drafts(workspace), registries)
    if content.alone:
        note("this means only this one digest; a reference means all digests of its image")
    granted = waiver_of(
        "waiver",
        digests=sorted(map(str, content.digests)),
        lifts=lifts,
        reason=reason,
        owner=owner,
        expires_at=end(until, "--until", now).isoformat(),
    )
    say(f"{scope} lifts a {lifts} for {content.name} until {readable(granted.expires_at)}.")
    if not yes:
        click.confirm("Grant it?", abort=True)
    same = [w for w in draft.waivers if (w.lifts, w.digests) == (lifts, granted.digests)]
    kept = tuple(w for w in draft.waivers if w not in same)
    message = f"Waive the {lifts} of {content.name} in {scope}, owner {owner}: {reason}"
    workspace.save(replace(draft, waivers=(*kept, granted)), one_line(message))
    say(f"Granted in {scope}. Next: review, sign, publish.")


@waiver.command()
@click.argument("image", metavar="DIGEST|REFERENCE")
@scope_option
@click.option("--lifts", type=_CHOICE, help="Show only waivers that lift this.")
@reason_option
@yes_option
@registry_options
@click.pass_obj
def withdraw(
    path: Path,
    *,
    image: str,
    scope: str,
    lifts: str | None,
    reason: str,
    yes: bool,
    plain_http: bool,
    ca_file: Path | None,
    docker_config: Path | None,
) -> None:
    """Withdraw a waiver."""
    workspace = Workspace.open(path)
    draft = workspace.draft(scope)
    registries = registries_of(plain_http, ca_file, docker_config)
    content = content_of(image, all_drafts(workspace), registries)
    gone = [w for w in draft.waivers if w.digests & content.digests and lifts in (None, w.lifts)]
    if not gone:
        raise NotFound(
            f"{scope} has no such waiver for {content.name}", hint=f"`waiver list --scope {scope}`"
        )
    for one in gone:
        say(f"{scope} lifts a {one.lifts} until {readable(one.expires_at)}: {one.reason}")
    if not yes:
        click.confirm("Withdraw it?", abort=True)
    kept = tuple(w for w in draft.waivers if w not in gone)
    message = f"Withdraw the waiver of {content.name} in {scope}: {reason}"
    workspace.save(replace(draft, waivers=kept), one_line(message))
    say(f"Withdrawn in {scope}. Next: review, sign, publish.")


@waiver.command(name="list")
@click.option("--scope", default="", help="Show this level and those below; default: all.")
@output_option
@click.pass_obj
def list_(path: Path, scope: str, output: str) -> None:
    """List waivers, also those that have ended."""
    now = read_clock()
    workspace = Workspace.open(path)
    rows = [(draft.scope, one) for draft in all_drafts(workspace, scope) for one in draft.waivers]
    if output == "json":
        emit_json([_document(name, one) for name, one in rows])
        return
    if not rows:
        say("Nothing is waived.")
        return
    named = all_drafts(workspace)
    emit_table(
        ("scope", "lifts", "image", "ends", "owner", "reason"),
        [
            (
                name,
                one.lifts,
                label(one.digests, named),
                left(one.expires_at, now),
                one.owner,
                one.reason,
            )
            for name, one in rows
        ],
    )


def _document(scope: str, one: Waiver) -> dict[str, object]:
    return {
        "scope": scope,
        "digests": sorted(map(str, one.digests)),
        "lifts": one.lifts,
        "reason": one.reason,
        "owner": one.owner,
        "expires_at": one.expires_at.isoformat(),
    }
