"""`key`: makes, enrolls, replaces and withdraws administrators' keys."""

from pathlib import Path

import click

from core.terminal.printing import emit_json, emit_table
from registrar.cli.registrar_options import (
    enrolled,
    key_folder,
    keys_option,
    passphrase_option,
    secret,
)
from registrar.cli.registrar_options import workspace as opened
from registrar.cli.registrar_output import output_option, say
from registrar.keys.key_folder import ED25519, P256, check_uri, enrolled_pem, public_pem
from registrar.registrar_errors import KeyUnusable
from registrar.workspace import EnrolledKey, Workspace
from registrar.workspace.enrolled_keys import key_of

_role = click.option(
    "--role",
    "roles",
    multiple=True,
    help="root, targets, emergency, snapshot, timestamp, a scope, or `administrator` for root,"
    " targets, emergency and the organization's scope. Repeatable.",
)
_kind = click.option("--kind", type=click.Choice([ED25519, P256]), default=ED25519)
_SIGN = "next: `review`, then `sign`: the change needs signatures like any other"


@click.group()
def key() -> None:
    """Decide who may sign: make, enroll, replace and revoke keys."""


@key.command()
@click.argument("name")
@_kind
@_role
@keys_option
@passphrase_option
def new(
    name: str,
    kind: str,
    roles: tuple[str, ...],
    keys_directory: Path,
    passphrase_file: Path | None,
) -> None:
    """Make a key pair for NAME on this machine and enroll its public half."""
    where = opened()
    _check_free(where, name)
    members = where.members().joined(name, roles)  # an unknown role is refused before a key is made
    ask = secret(passphrase_file, confirm=True)
    folder = key_folder(keys_directory)
    made = folder.create(name, ask(f"Passphrase for the new key {name}"), kind)
    where.save_members(members, _joins(name, roles), key=made)
    say(f"{name}: private half in {folder.directory}/{name}.key (encrypted), public in keys/")
    say(_SIGN)


@key.command()
@click.argument("name")
@click.option(
    "--public",
    type=click.Path(path_type=Path),
    required=True,
    help="The public half: PEM, or the JSON file that `key new` wrote on another machine.",
)
@click.option("--uri", default="", help="The address of the private half in a device or service.")
@_role
def enroll(name: str, public: Path, uri: str, roles: tuple[str, ...]) -> None:
    """Enroll the public half of NAME's key; the private half stays where it is."""
    where = opened()
    _check_free(where, name)
    found = _public(name, public, check_uri(uri) if uri else "")
    for other in where.keys().values():
        if other.public == found.public:
            raise KeyUnusable(
                f"{public}: it is the same public key as {other.name}'s",
                hint="each administrator needs a key of their own: `key new`",
            )
    where.save_members(where.members().joined(name, roles), _joins(name, roles), key=found)
    say(f"{name}: enrolled for {', '.join(roles) or 'no role yet'}")
    say(_SIGN)


@key.command()
@click.argument("name")
@click.argument("new_name")
@_kind
@keys_option
@passphrase_option
def rotate(
    name: str, new_name: str, kind: str, keys_directory: Path, passphrase_file: Path | None
) -> None:
    """Replace the key NAME by NEW_NAME everywhere; makes the new key unless it is enrolled."""
    where = opened()
    enrolled(where.keys(), name)
    made = where.keys().get(new_name)
    members = where.members().replaced(name, new_name)
    if made is None:
        ask = secret(passphrase_file, confirm=True)
        folder = key_folder(keys_directory)
        made = folder.create(new_name, ask(f"Passphrase for the new key {new_name}"), kind)
    where.save_members(members, f"{new_name} in place of {name}", key=made)
    say(f"{new_name} signs in place of {name}, once this is signed and published")
    say("keep the old key until then: it may have to sign for its successor")
    say(_SIGN)


@key.command()
@click.argument("name")
def revoke(name: str) -> None:
    """Remove NAME's key from every role and scope."""
    where = opened()
    enrolled(where.keys(), name)
    members = where.members()
    roles = members.roles_of(name)
    where.save_members(members.replaced(name, None), f"{name} may no longer sign")
    say(f"{name} may no longer sign {', '.join(roles) or 'anything'}, once this is published")
    say(_SIGN)


@key.command("list")
@output_option
def list_(output: str) -> None:
    """List every enrolled key and what it may sign."""
    where = opened()
    members = where.members()
    keys = where.keys()
    if output == "json":
        emit_json(
            {
                name: {
                    "keyid": k.keyid,
                    "scheme": k.scheme,
                    "uri": k.uri,
                    "roles": members.roles_of(name),
                }
                for name, k in keys.items()
            }
        )
        return
    rows = [
        (name, k.scheme, k.keyid[:12], k.uri or "file", ", ".join(members.roles_of(name)) or "none")
        for name, k in keys.items()
    ]
    emit_table(["name", "scheme", "key id", "private half", "may sign"], rows)


def _public(name: str, path: Path, uri: str) -> EnrolledKey:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise KeyUnusable(f"{path}: {error.strerror}", hint="name the public half") from error
    if not data.lstrip().startswith(b"{"):
        return enrolled_pem(name, data, uri)
    found = key_of(data, str(path))
    again = enrolled_pem(name, public_pem(found), uri or found.uri)
    if again.public != found.public or again.keyid != found.keyid:
        raise KeyUnusable(f"{path}: its key id is not that of its key", hint="export it again")
    return again


def _check_free(where: Workspace, name: str) -> None:
    known = where.keys()
    if name in known:
        raise KeyUnusable(
            f"{name}: a key of this name exists already",
            hint=f"choose another name, or `key rotate {name} NEWNAME`",
        )


def _joins(name: str, roles: tuple[str, ...]) -> str:
    return f"{name} joins" + (f": {', '.join(roles)}" if roles else "")
