"""`image renew`: the same content, approved again for another while; needs no registry."""

from dataclasses import replace
from pathlib import Path

import click

from registrar.cli.images.image_options import (
    approver_of,
    approver_option,
    one_line,
    reason_option,
    scope_option,
    yes_option,
)
from registrar.cli.registrar_output import say
from registrar.images.approving import NotApproved, check_two_people, summary, vet
from registrar.images.durations import end
from registrar.images.lookup import find_one
from registrar.images.scope_chain import chain_of
from registrar.registrar_clock import now as read_clock
from registrar.workspace import Workspace


@click.command()
@click.argument("image", metavar="DIGEST|REFERENCE")
@scope_option
@click.option(
    "--expires", default="90d", show_default=True, help="When the approval ends: 90d, 2027-01-31."
)
@reason_option
@click.option("--requester", help="Who asked for the image; default: as before.")
@approver_option
@yes_option
@click.pass_obj
def renew(
    path: Path,
    *,
    image: str,
    scope: str,
    expires: str,
    reason: str,
    requester: str | None,
    approver: str | None,
    yes: bool,
) -> None:
    """Approve the same content for another period, from now on."""
    now = read_clock()
    workspace = Workspace.open(path)
    who = approver_of(workspace, scope, approver)
    chain = chain_of(scope, workspace.draft)
    before = find_one(image, [chain[-1]]).approval
    asked = before.requester if requester is None else requester
    alone = workspace.scope_rule(scope).requester_may_approve
    check_two_people(asked, who, may_be_one=alone, scope=scope)
    renewed = replace(
        before,
        approved_at=now,
        expires_at=end(expires, "--expires", now),
        requester=asked,
        approvers=(who,),
        reason=reason,
    )
    for line in summary(renewed):
        say(line)
    for obstacle in vet(renewed, chain, now=now).obstacles:
        raise NotApproved(f"{obstacle.scope}: {obstacle.what}", hint=obstacle.fix)
    if not yes:
        click.confirm(f"Renew it in {scope}?", abort=True)
    chain[-1].approvals[renewed.id] = renewed
    what = f"Renew {renewed.repository}@{renewed.id} in {scope} until {renewed.expires_at:%Y-%m-%d}"
    workspace.save(chain[-1], one_line(f"{what}, approved by {who}: {reason}"))
    say(f"Renewed in {scope}. Next: review, sign, publish.")
