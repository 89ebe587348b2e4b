"""`policy lint`, `explain` and `test`: a scope's `policy.yaml`, which approvals have to satisfy."""

from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from pathlib import Path

import click

from core.base_errors import DockwardenError
from core.image.digest import Digest
from core.terminal.printing import FOUND, counted, emit_json, emit_table
from registrar.cli.images.image_options import scope_option
from registrar.cli.registrar_output import output_option, say
from registrar.evaluation.approval_policy import ApprovalPolicy
from registrar.evaluation.check_values import Evaluation
from registrar.evaluation.image_evaluation import evaluate
from registrar.evaluation.os_support import SupportTable, our_table, read_table
from registrar.evaluation.policy_chain import NAME, ScopePolicy, policy_of, shown
from registrar.evidence.evidence_store import FOLDER, EvidenceStore, StoredEvidence
from registrar.registrar_clock import now as read_clock
from registrar.workspace import Workspace

Read = Callable[[str], bytes | None]


@click.command()
@output_option
@click.pass_obj
def lint(path: Path, output: str) -> None:
    """Check the policy.yaml of every scope, and that no scope demands less than those above it."""
    workspace = Workspace.open(path)
    read = reader(workspace)
    faults = []
    scopes = [scope for scope in workspace.scopes() if read(scope) is not None]
    for scope in scopes:
        try:
            policy_of(scope, read)
        except DockwardenError as error:
            faults.append({"scope": scope, "problem": error.message, "hint": error.hint})
    if output == "json":
        emit_json(faults)
    for fault in faults if output == "text" else ():
        say(f"{fault['problem']} ({fault['hint']})")
    if not faults and output == "text":
        say(f"{counted(len(scopes), f'{NAME} file')} checked; nothing is wrong.")
    if faults:
        raise SystemExit(FOUND)


@click.command()
@scope_option
@output_option
@click.pass_obj
def explain(path: Path, scope: str, output: str) -> None:
    """Show every demand that counts in a scope, and which scope made it."""
    workspace = Workspace.open(path)
    workspace.scope_rule(scope)  # raises for an unknown one
    found = policy_of(scope, reader(workspace))
    rows = [
        (key, shown(value), found.decided_by.get(key, "default"))
        for key, value in _keys(found.policy)
    ]
    if output == "json":
        emit_json([dict(zip(("key", "value", "set_by"), row, strict=True)) for row in rows])
        return
    emit_table(("key", "value", "set by"), rows)
    for lift in found.lifts:
        place = f" in {lift.package}" if lift.package else ""
        say(f"{lift.by} lifts {lift.vulnerability}{place} until {lift.until}: {lift.reason}")


@click.command()
@scope_option
@click.option(
    "--policy",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Compare with this file in place of the scope's policy.yaml.",
)
@click.option(
    "--os-table",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A newer table of when operating systems end.",
)
@output_option
@click.pass_obj
def test(path: Path, *, scope: str, file: Path | None, os_table: Path | None, output: str) -> None:
    """Evaluate all stored evidence, and show what another policy would change."""
    workspace = Workspace.open(path)
    workspace.scope_rule(scope)  # raises for an unknown one
    read = reader(workspace)
    present = policy_of(scope, read)
    wanted = policy_of(scope, _in_place(read, scope, file.read_bytes())) if file else present
    support = read_table(os_table) if os_table else our_table()
    rows, now = [], read_clock()
    for stored in EvidenceStore(workspace.path / FOLDER).latest():
        was = _evaluated(stored, present, support, now)
        rows.append((stored.digest, was, _evaluated(stored, wanted, support, now) if file else was))
    if output == "json":
        emit_json([_document(*row) for row in rows])
        return
    changed = sum(was.state is not after.state for _, was, after in rows)
    emit_table(("image", "was", "would be", "why"), [_row(*row) for row in rows])
    say(f"{counted(len(rows), 'image')} evaluated; {changed} would change.")


def reader(workspace: Workspace) -> Read:
    """What gives the bytes of a scope's `policy.yaml`."""

    def read(scope: str) -> bytes | None:
        try:
            return (workspace.path / "scopes" / scope / NAME).read_bytes()
        except FileNotFoundError:
            return None

    return read


def _in_place(read: Read, scope: str, data: bytes) -> Read:
    return lambda name: data if name == scope else read(name)


def _keys(policy: ApprovalPolicy) -> list[tuple[str, object]]:
    return [
        (f"{section.name}.{key.name}", getattr(getattr(policy, section.name), key.name))
        for section in fields(policy)
        for key in fields(getattr(policy, section.name))
    ]


def _evaluated(
    stored: StoredEvidence, found: ScopePolicy, support: SupportTable, now: datetime
) -> Evaluation:
    return evaluate(stored.evidence, found.policy, lifts=found.lifts, support=support, now=now)


def _row(_evidence: Digest, was: Evaluation, after: Evaluation) -> tuple[object, ...]:
    return f"{was.repository}@{was.image.short}", was.state, after.state, after.deciding


def _document(evidence: Digest, was: Evaluation, after: Evaluation) -> dict[str, object]:
    return {
        "image": f"{was.repository}@{was.image}",
        "evidence": str(evidence),
        "was": was.state,
        "would_be": after.state,
        "why": after.deciding,
        "checks": [
            {"name": check.name, "state": check.state, "reasons": check.reasons}
            for check in after.checks
        ],
        "lifted": [
            {"id": f.id, "by": f.lifted.by, "reason": f.lifted.reason, "until": f.lifted.until}
            for f in after.lifted
            if f.lifted
        ],
    }
