"""`verify`: reads a repository as a host would, from a folder or a server."""

from pathlib import Path

import click

from core.terminal.printing import emit_json, emit_table
from registrar.cli.registrar_options import workspace
from registrar.cli.registrar_output import day, output_option, say
from registrar.registrar_errors import RepositoryBroken
from registrar.repository.metadata_tree import Files, Published
from registrar.repository.remote import Served
from registrar.repository.repository_client import Seen, see


@click.command()
@click.argument("source", required=False)
@click.option(
    "--root", type=click.Path(path_type=Path), help="The root metadata that hosts were given."
)
@click.option(
    "--ca-file",
    type=click.Path(path_type=Path),
    help="The certificate authority (PEM) of an https source.",
)
@output_option
def verify(source: str | None, root: Path | None, ca_file: Path | None, output: str) -> None:
    """Read SOURCE as a host would: a URL or a folder; default: this workspace's repository."""
    files, trusted = _files(source, ca_file), _root(source, root)
    seen = see(files, trusted)
    if output == "json":
        emit_json(_document(seen))
        return
    say(f"{source or 'the repository'}: whole, as a host would see it")
    say(f"root {seen.root_version}; the timestamp ends {seen.timestamp_expires_at.isoformat()}")
    emit_table(
        ["scope", "sequence", "approved", "denied", "signed by", "holds until"],
        [
            (s.scope, s.sequence, s.approvals, s.denies, ", ".join(s.signers), day(s.expires_at))
            for s in seen.scopes
        ],
    )


def _files(source: str | None, ca_file: Path | None) -> Files:
    if source is None:
        return Published(workspace().repository)
    if source.startswith(("https://", "http://")):
        return Served(source, ca_file)
    return Published(Path(source.removeprefix("file://")))


def _root(source: str | None, root: Path | None) -> bytes:
    if root is None and source is not None and source.startswith("http"):
        raise RepositoryBroken(
            "a server cannot say which root to trust",
            hint="give the root metadata that hosts have: --root",
        )
    if root is None:
        folder = workspace().repository if source is None else Path(source.removeprefix("file://"))
        root = folder / "metadata" / "1.root.json"
    try:
        return root.read_bytes()
    except OSError as error:
        raise RepositoryBroken(
            f"{root}: {error.strerror}", hint="give the root metadata that hosts have: --root"
        ) from error


def _document(seen: Seen) -> dict[str, object]:
    return {
        "root": seen.root_version,
        "timestamp_expires_at": seen.timestamp_expires_at.isoformat(),
        "scopes": [
            {
                "scope": s.scope,
                "sequence": s.sequence,
                "approvals": s.approvals,
                "denies": s.denies,
                "signers": s.signers,
                "expires_at": s.expires_at.isoformat(),
            }
            for s in seen.scopes
        ],
    }
