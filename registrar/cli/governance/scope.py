"""`scope`: the organization, its programs, projects and applications, and who signs for each."""

from dataclasses import replace

import click

from core.terminal.printing import emit_json, emit_table
from registrar.cli.registrar_options import enrolled, workspace
from registrar.cli.registrar_output import output_option, say
from registrar.registrar_errors import WorkspaceInvalid
from registrar.repository.metadata_tree import Published, listing_in
from registrar.workspace.folder import check_scope_name
from registrar.workspace.rules import lifetime_text

_SIGN = "next: `review`, then `sign`"


@click.group()
def scope() -> None:
    """Manage the levels of governance: acme, acme.pay, acme.pay.web, …"""


@scope.command()
@click.argument("name")
@click.option(
    "--key",
    "keys",
    multiple=True,
    help="A key that may sign; default: the keys that sign the parent. Repeatable.",
)
@click.option("--threshold", type=click.IntRange(min=1), help="How many of them must sign.")
@click.option(
    "--requester-may-approve",
    is_flag=True,
    default=None,
    help="One person may both request and approve an image.",
)
def add(
    name: str, keys: tuple[str, ...], threshold: int | None, requester_may_approve: bool | None
) -> None:
    """Add the scope NAME."""
    where = workspace()
    known, rules = where.scopes(), where.rules()
    parent = name.rpartition(".")[0]
    check_scope_name(name, "scope", parent=parent or None)
    if name in known:
        raise WorkspaceInvalid(f"{name}: this scope exists already", hint="see `scope list`")
    if not parent and name != rules.organization:
        fix = f"begin with {rules.organization}: {rules.organization}.{name}"
        raise WorkspaceInvalid(f"{name}: the organization is {rules.organization}", hint=fix)
    if parent and parent not in known:
        raise WorkspaceInvalid(
            f"{name}: there is no scope {parent}", hint=f"`scope add {parent}` first"
        )
    default = rules.scopes
    inherited = where.scope_rule(parent).rule.keys if parent else rules.roles["targets"].keys
    for key in keys:
        enrolled(where.keys(), key)
    rule = replace(
        default.rule, keys=keys or inherited, threshold=threshold or default.rule.threshold
    )
    alone = default.requester_may_approve if requester_may_approve is None else True
    where.save_scope_rule(
        name, replace(default, rule=rule, requester_may_approve=alone), f"Scope {name}"
    )
    say(f"{name}: {rule.threshold} of {', '.join(rule.keys) or 'nobody yet'} have to sign")
    say(_SIGN)


@scope.command()
@click.argument("name")
def remove(name: str) -> None:
    """Remove the scope NAME and its draft; its approvals end."""
    where = workspace()
    where.scope_rule(name)
    below = [other for other in where.scopes() if other.startswith(f"{name}.")]
    if below or name == where.rules().organization:
        what = f"it has {', '.join(below)} below it" if below else "it is the organization's own"
        raise WorkspaceInvalid(f"{name}: {what}", hint="remove the lowest scopes first")
    folder = where.path / "scopes" / name
    files = [path for path in folder.rglob("*") if path.is_file()]
    where.write({}, f"Scope {name} removed", gone=files)
    say(f"{name}: removed, once this is signed and published")
    say(_SIGN)


@scope.command("set-threshold")
@click.argument("name")
@click.argument("threshold", type=click.IntRange(min=1))
def set_threshold(name: str, threshold: int) -> None:
    """Require THRESHOLD signatures for the scope (or role) NAME."""
    where = workspace()
    members = where.members()
    rule = members.rule(name)
    if rule.keys and threshold > len(rule.keys):
        raise WorkspaceInvalid(
            f"{name}: {threshold} cannot sign, only {len(rule.keys)} may: {', '.join(rule.keys)}",
            hint=f"let another key sign first: `key new … --role {name}`",
        )
    least = members.rules.scopes.rule.threshold
    if name in members.scopes and threshold < least:
        raise WorkspaceInvalid(
            f"{name}: {threshold} is below the organization's least, {least}",
            hint="change [scopes] threshold in registrar.toml first",
        )
    changed = members.with_rule(name, replace(rule, threshold=threshold))
    where.save_members(changed, f"{name}: {threshold} have to sign")
    say(f"{name}: {threshold} of {', '.join(rule.keys) or 'nobody yet'} have to sign")
    say(_SIGN)


@scope.command("list")
@output_option
def list_(output: str) -> None:
    """List every scope, who signs it, and what is published."""
    where = workspace()
    published = Published(where.repository)
    rows = []
    for name in where.scopes():
        rule = where.scope_rule(name).rule
        metadata = published.role(name)
        count = listing_in(metadata, name, published).count if metadata else None
        rows.append((name, rule, count))
    if output == "json":
        emit_json(
            [
                {"scope": name, "threshold": rule.threshold, "keys": rule.keys, "approvals": count}
                for name, rule, count in rows
            ]
        )
        return
    emit_table(
        ["scope", "signatures", "signers", "holds for", "published"],
        [
            (
                name,
                f"{rule.threshold} of {len(rule.keys)}",
                ", ".join(rule.keys),
                lifetime_text(rule.lifetime),
                "not yet" if count is None else f"{count} approved",
            )
            for name, rule, count in rows
        ],
    )
