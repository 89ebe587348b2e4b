"""`seed`: a proposal of the images that run already, to be reviewed; approves and signs nothing."""

from pathlib import Path

import click

from core.decision.decision import decide
from core.image.identity import ImageIdentity
from core.terminal.printing import counted, emit_table
from registrar.cli.registrar_output import note, say
from registrar.images.scope_chain import allowlist_of, chain_of
from registrar.images.simulation import GOOD
from registrar.registrar_clock import now as read_clock
from registrar.seeding import seed_docker, seed_sources
from registrar.seeding.seeds import Entry, write_seed
from registrar.workspace import Workspace

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option(
    "--from-docker",
    type=click.Path(exists=True, path_type=Path),
    metavar="SOCKET",
    help="Propose the images that run on this engine now.",
)
@click.option(
    "--every-image", is_flag=True, help="With --from-docker: also images that no container uses."
)
@click.option(
    "--from-findings", type=_FILE, help="Propose the images in this file of a host's findings."
)
@click.option("--from-file", type=_FILE, help="Propose the references in this file, one a line.")
@click.option("--scope", help="Leave out images that this scope approves already.")
@click.option(
    "--to",
    type=click.Path(dir_okay=False, path_type=Path),
    default="seed.json",
    show_default=True,
    help="The file for the proposal.",
)
@click.pass_obj
def seed(
    path: Path,
    *,
    from_docker: Path | None,
    every_image: bool,
    from_findings: Path | None,
    from_file: Path | None,
    scope: str | None,
    to: Path,
) -> None:
    """List the images that run, for a person to review.

    \b
    Then:
      1. open seed.json, set "approve": false where you would not, put your name in "reviewed_by"
      2. image approve --from seed.json --scope acme --requester ops --reason "runs since 2024"
    """
    named = [one for one in (from_docker, from_findings, from_file) if one]
    if len(named) != 1:
        raise click.UsageError("Give one of --from-docker, --from-findings and --from-file.")
    if from_docker:
        entries = seed_docker.from_docker(from_docker, every=every_image)
    elif from_findings:
        entries, torn = seed_sources.from_findings(from_findings)
        if torn:
            note(f"{counted(torn, 'line')} could not be read")
    else:
        entries = seed_sources.from_file(named[0])
    if scope is not None:
        entries = _unapproved(path, scope, entries)
    if not entries:
        say("Nothing to propose.")
        return
    write_seed(to, entries, str(named[0]))
    rows = [
        (e.containers or "", e.reference, "yes" if e.approve else "no", e.note) for e in entries
    ]
    emit_table(("containers", "image", "approve", "note"), rows)
    say(f"{to}: {counted(len(entries), 'image')} to review; nothing is approved yet.")
    say('Set "approve" for each, put your name in "reviewed_by", then: image approve --from')


def _unapproved(path: Path, scope: str, entries: list[Entry]) -> list[Entry]:
    """Leave out what hosts of the scope would run anyway."""
    now = read_clock()
    allowlist = allowlist_of(chain_of(scope, Workspace.open(path).draft), origin=str(path))
    kept = []
    for entry in entries:
        image = ImageIdentity(entry.image_id) if entry.image_id else None
        if image and decide(image, allowlist.about(image), now=now).verdict in GOOD:
            continue
        kept.append(entry)
    if len(kept) < len(entries):
        note(f"{counted(len(entries) - len(kept), 'image')} left out: approved in {scope} already")
    return kept
