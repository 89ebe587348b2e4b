"""`image list` and `image show`: what is approved, and what hosts would decide about it now."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from core.decision.decision import decide
from core.image.identity import ImageIdentity
from core.list_format.payload import SignedApproval
from core.list_format.payload_write import approval_document
from core.terminal.printing import emit_json, emit_table
from registrar.cli.images.image_options import all_drafts
from registrar.cli.registrar_output import left, output_option, say
from registrar.images.approving import summary
from registrar.images.durations import later, span
from registrar.images.lookup import find
from registrar.images.lookup import find_one as find_one_approval
from registrar.images.scope_chain import allowlist_of, chain_of
from registrar.registrar_clock import now as read_clock
from registrar.workspace import Draft, Workspace


@dataclass(frozen=True, slots=True)
class _Row:
    scope: str
    approval: SignedApproval
    verdict: str
    reason: str

    @property
    def document(self) -> dict[str, Any]:
        """For programs."""
        said = {"scope": self.scope, "verdict": self.verdict, "verdict_reason": self.reason}
        return {**said, **approval_document(self.approval)}


@click.command(name="list")
@click.option("--scope", default="", help="Show this level and those below; default: all.")
@click.option(
    "--expiring", metavar="SPAN", help="Show only approvals that end within this time, such as 30d."
)
@output_option
@click.argument("text", required=False, metavar="[DIGEST|REFERENCE]")
@click.pass_obj
def list_(path: Path, scope: str, expiring: str | None, output: str, text: str | None) -> None:
    """List approvals with the verdict that hosts of their scope would reach now."""
    now = read_clock()
    workspace = Workspace.open(path)
    drafts = all_drafts(workspace, scope)
    limit = later(now, span(expiring, "--expiring"), "--expiring") if expiring else None
    wanted = {(f.scope, f.approval.id) for f in find(text, drafts)} if text else None
    rows = [
        row
        for draft in drafts
        for row in _rows(workspace, draft, now)
        if (limit is None or now < row.approval.expires_at <= limit)
        and (wanted is None or (row.scope, row.approval.id) in wanted)
    ]
    if output == "json":
        emit_json([row.document for row in rows])
        return
    table = [
        (
            row.scope,
            row.approval.repository,
            ",".join(row.approval.tags),
            row.approval.id.short,
            row.verdict,
            left(row.approval.expires_at, now),
            ",".join(row.approval.approvers),
        )
        for row in sorted(rows, key=lambda row: (row.scope, row.approval.repository))
    ]
    if not table:
        say("Nothing is approved. Begin with `image approve REFERENCE --scope …`.")
        return
    emit_table(("scope", "repository", "tags", "digest", "verdict", "ends", "approved by"), table)


@click.command()
@click.argument("text", metavar="DIGEST|REFERENCE")
@click.option("--scope", default="", help="Show this level and those below; default: all.")
@output_option
@click.pass_obj
def show(path: Path, text: str, scope: str, output: str) -> None:
    """Show one approval with all its digests."""
    now = read_clock()
    workspace = Workspace.open(path)
    found = find_one_approval(text, all_drafts(workspace, scope))
    own = workspace.draft(found.scope)
    row = next(r for r in _rows(workspace, own, now) if r.approval.id == found.approval.id)
    if output == "json":
        emit_json(row.document)
        return
    for line in summary(row.approval):
        say(line)
    say(f"  scope      {row.scope}")
    if row.approval.scanners:
        say(f"  scanners   {', '.join(sorted(row.approval.scanners))}")
    if row.approval.licences:
        say(f"  licences   {', '.join(sorted(row.approval.licences))}")
    if row.approval.evidence:
        say(f"  evidence   {row.approval.evidence}")
    say(f"  verdict    {row.verdict}: {row.reason}")


def _rows(workspace: Workspace, draft: Draft, now: datetime) -> Iterator[_Row]:
    chain = chain_of(draft.scope, workspace.draft)
    allowlist = allowlist_of(chain, origin=str(workspace.path))
    for approval in draft.approvals.values():
        image = ImageIdentity(approval.id)
        decision = decide(image, allowlist.about(image), now=now)
        yield _Row(draft.scope, approval, decision.verdict, decision.reason)
