"""`image revoke`: a tombstone for every digest of an approved image; the approval stays."""

from pathlib import Path

import click

from registrar.cli.images.image_options import all_drafts, one_line, reason_option, yes_option
from registrar.cli.registrar_output import note, say
from registrar.images.denying import Word, denied
from registrar.images.lookup import every_digest, find_one, meeting
from registrar.registrar_clock import now as read_clock
from registrar.workspace import Workspace


@click.command()
@click.argument("image", metavar="DIGEST|REFERENCE")
@click.option("--scope", default="", help="The level that revokes; default: the one that approved.")
@reason_option
@click.option("--by", default="", help="Who revokes the approval; default: no name is recorded.")
@yes_option
@click.pass_obj
def revoke(path: Path, image: str, scope: str, reason: str, by: str, yes: bool) -> None:
    """Withdraw an approval: hosts then stop the image, also where it already runs.

    The revocation denies all digests of the image, and hosts no longer accept images built on its
    layers because of them. The approval stays on record. An upper level can revoke what a lower
    level approved.
    """
    workspace = Workspace.open(path)
    found = find_one(image, all_drafts(workspace, scope))
    speaker = scope or found.scope
    digests = every_digest(found.approval)
    say(f"{speaker} revokes {found.approval.repository}, approved by {found.scope}:")
    for digest in sorted(digests):
        say(f"  {digest}")
    for other in meeting(digests, all_drafts(workspace, speaker)):
        if other.approval.id != found.approval.id:
            note(
                f"this stops {other.approval.repository}@{other.approval.id} of {other.scope} too:"
                " it shares content"
            )
    if not yes:
        click.confirm("Revoke it?", abort=True)
    draft = denied(workspace.draft(speaker), digests, Word(reason, by, read_clock()), revoked=True)
    what = f"Revoke {found.approval.repository}@{found.approval.id} in {speaker}"
    workspace.save(draft, one_line(f"{what}{f' by {by}' if by else ''}: {reason}"))
    say(f"Revoked in {speaker}. Next: review, sign, publish. Hosts stop it within a minute.")
