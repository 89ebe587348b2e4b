"""`image revoke`: a tombstone for every digest of an approved image; the approval stays."""

from pathlib import Path

import click

from registrar.cli.image_options import all_drafts, one_line, reason_option, yes_option
from registrar.cli.registrar_output import note, say
from registrar.images.denying import Word, denied
from registrar.images.lookup import every_digest, find_one, meeting
from registrar.registrar_clock import now as read_clock
from registrar.workspace import Workspace


@click.command()
@click.argument("image", metavar="DIGEST|REFERENCE")
@click.option("--scope", default="", help="The level that revokes; default: the one that approved.")
@reason_option
@click.option("--by", default="", help="Who revokes; default: nobody is named.")
@yes_option
@click.pass_obj
def revoke(path: Path, image: str, scope: str, reason: str, by: str, yes: bool) -> None:
    """Withdraw an approval: hosts stop the image, also where it runs.

    All of its digests are denied, and images built on its layers are no longer accepted for
    that. The approval itself stays on record. An upper level may revoke what a lower approved.
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
