"""`policy`: what a scope requires of every approval, and of its administrators."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from core.terminal.printing import counted, emit_json
from registrar.cli.governance import approval_policy_commands
from registrar.cli.images.image_options import (
    all_drafts,
    one_line,
    reason_option,
    scope_option,
    yes_option,
)
from registrar.cli.registrar_output import note, output_option, say
from registrar.images.durations import DAY, span
from registrar.images.policies import CLEARABLE, Change, changed, newly_stopped
from registrar.images.scope_chain import chain_of
from registrar.registrar_clock import now as read_clock
from registrar.workspace import Draft, Workspace


@click.group()
def policy() -> None:
    """Set what a level requires of its own approvals and of all below.

    `set` and `show` are about what hosts check in every approval. `lint`, `explain` and `test`
    are about policy.yaml: what an image has to satisfy before it is approved.
    """


policy.add_command(approval_policy_commands.lint)
policy.add_command(approval_policy_commands.explain)
policy.add_command(approval_policy_commands.test)


@policy.command(name="set")
@scope_option
@click.option(
    "--repository",
    "repositories",
    multiple=True,
    help="A pattern of permitted repositories; * is one part, ** any parts.",
)
@click.option(
    "--scanner", "scanners", multiple=True, help="A scanner that every approval must name."
)
@click.option("--licence", "licences", multiple=True, help="A permitted SPDX licence.")
@click.option("--longest-lifetime", help="The longest lifetime of an approval, in days: 90d.")
@click.option(
    "--forbid-exemptions/--permit-exemptions",
    default=None,
    help="Whether hosts may have exemptions of their own.",
)
@click.option("--max-stale", help="How long hosts use a list that is stale: 7d.")
@click.option(
    "--when-too-stale", type=click.Choice(["hold", "close"]), help="What hosts do after that."
)
@click.option(
    "--break-glass-key",
    "break_glass_keys",
    multiple=True,
    help="The name of an enrolled key that may issue break-glass tokens.",
)
@click.option("--contact", help="Whom users should ask about a refused image.")
@click.option(
    "--two-people/--one-person",
    default=None,
    help="Whether one person may both request and approve.",
)
@click.option(
    "--clear", multiple=True, type=click.Choice(CLEARABLE), help="Remove this requirement."
)
@reason_option
@yes_option
@click.pass_obj
def set_(
    path: Path,
    *,
    scope: str,
    repositories: tuple[str, ...],
    scanners: tuple[str, ...],
    licences: tuple[str, ...],
    longest_lifetime: str | None,
    forbid_exemptions: bool | None,
    max_stale: str | None,
    when_too_stale: str | None,
    break_glass_keys: tuple[str, ...],
    contact: str | None,
    two_people: bool | None,
    clear: tuple[str, ...],
    reason: str,
    yes: bool,
) -> None:
    """Change what you name and leave the rest. A list that you name replaces the previous one."""
    workspace = Workspace.open(path)
    change = Change(
        repositories=repositories,
        scanners=scanners,
        licences=licences,
        longest_lifetime=span(longest_lifetime, "--longest-lifetime") if longest_lifetime else None,
        forbid_exemptions=forbid_exemptions,
        max_stale=span(max_stale, "--max-stale") if max_stale else None,
        when_too_stale=when_too_stale,
        break_glass_keys=break_glass_keys,
        contact=contact,
        clear=clear,
    )
    before = workspace.draft(scope)
    after = changed(before, change, workspace.keys())
    rule = workspace.scope_rule(scope)
    alone = rule.requester_may_approve if two_people is None else not two_people
    if after == before and alone == rule.requester_may_approve:
        say(f"{scope} has this policy already.")
        return
    _warn(workspace, after)
    if not yes:
        click.confirm(f"Set this for {scope}?", abort=True)
    if after != before:
        workspace.save(after, one_line(f"Set the policy of {scope}: {reason}"))
    if alone != rule.requester_may_approve:
        who = "one person" if alone else "two people"
        message = f"Let {who} approve in {scope}: {reason}"
        workspace.save_scope_rule(
            scope, replace(rule, requester_may_approve=alone), one_line(message)
        )
    say(f"Set for {scope}. Next: review, sign, publish.")


@policy.command()
@scope_option
@output_option
@click.pass_obj
def show(path: Path, scope: str, output: str) -> None:
    """Show what a scope and the scopes above it require."""
    workspace = Workspace.open(path)
    chain = chain_of(scope, workspace.draft)
    facts = {
        draft.scope: _facts(draft, workspace.scope_rule(draft.scope).requester_may_approve)
        for draft in chain
    }
    if output == "json":
        emit_json(facts)
        return
    for name, said in facts.items():
        say(name)
        for key, value in said.items():
            say(f"  {key.replace('_', ' '):22} {_text(value)}")


def _warn(workspace: Workspace, after: Draft) -> None:
    """Report every present approval that would no longer run."""
    names = [draft.scope for draft in all_drafts(workspace, after.scope)]
    before = {name: chain_of(name, workspace.draft) for name in names}
    fresh = {name: _with(chain, after) for name, chain in before.items()}
    stopped = list(newly_stopped(before, fresh, now=read_clock()))
    for approval, obstacle in stopped[:20]:
        note(f"this stops {approval.repository}@{approval.id}: {obstacle.what}")
    if stopped:
        note(f"{counted(len(stopped), 'approval')} would no longer run")


def _with(chain: Sequence[Draft], after: Draft) -> list[Draft]:
    return [after if draft.scope == after.scope else draft for draft in chain]


def _facts(draft: Draft, alone: bool) -> dict[str, object]:
    demands, stale = draft.constraints, draft.policy
    longest = demands.longest_lifetime
    facts: dict[str, object] = {
        "repositories": list(demands.repositories),
        "required_scanners": sorted(demands.required_scanners),
        "allowed_licences": sorted(demands.allowed_licences),
        "longest_lifetime_days": longest // DAY if longest else None,
        "forbid_exemptions": demands.forbid_exemptions,
        "two_people": not alone,
        "contact": draft.contact,
    }
    if stale:
        facts["max_stale_seconds"] = stale.max_stale_seconds
        facts["when_too_stale"] = stale.when_too_stale
        facts["break_glass_keys"] = [key.keyid for key in stale.break_glass_keys]
    return facts


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "any"
    return "-" if value in (None, "") else str(value)
