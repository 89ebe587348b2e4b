"""`export` and `import`: a signed tree as one file, and a scope as JSON."""

import json
from pathlib import Path
from typing import Any

import click

from core.list_format.payload import ScopeDenies
from core.list_format.payload_write import approval_document, write_denies, write_list
from core.terminal.printing import emit_json
from registrar.cli.registrar_output import say
from registrar.images.archive import export_tree, import_tree
from registrar.workspace import Draft, Workspace


@click.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--scope", help="Print the draft of this scope as JSON instead.")
@click.pass_obj
def export(path: Path, *, file: Path | None, scope: str | None) -> None:
    """Write the signed repository into one tar file, for a closed network.

    \b
    Examples:
      export approved.tar          and there: import approved.tar --to /srv/allowlist
      export --scope acme.pay      what it approves and denies, for programs
    """
    if (file is None) == (scope is None):
        raise click.UsageError("Give a FILE, or a --scope to print.")
    workspace = Workspace.open(path)
    if scope is not None:
        emit_json(_document(workspace.draft(scope)))
    elif file is not None:
        count = export_tree(workspace.repository, file)
        say(f"{file}: {count} files, {file.stat().st_size} bytes.")
        say(f"There: dockwarden-registrar import {file.name} --to /srv/allowlist")


@click.command(name="import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--to",
    "repository",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder that hosts read, through a server or directly.",
)
def import_(file: Path, repository: Path) -> None:
    """Update a served folder from an export. Needs no workspace and no key.

    The command first compares every file with the export's own list, and refuses older versions.
    It does not check signatures: hosts do, and so does `verify`.
    """
    count = import_tree(file, repository)
    say(f"{repository}: {count} new files." if count else f"{repository}: already up to date.")
    say(f"Check it as a host would: dockwarden-registrar verify {repository}")


def _document(draft: Draft) -> dict[str, Any]:
    denies = json.loads(write_denies(ScopeDenies(draft.scope, 0, draft.denies)))["denies"]
    said = json.loads(write_list(draft.listing))
    kept = {
        key: said[key] for key in ("contact", "constraints", "waivers", "policy") if key in said
    }
    approvals = [approval_document(one) for one in draft.approvals.values()]
    return {"format": 1, "scope": draft.scope, **kept, "denies": denies, "approvals": approvals}
