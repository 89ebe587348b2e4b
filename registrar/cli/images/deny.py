"""`deny`: images that must not run, by a level or the people on call; parsing and printing."""

from datetime import datetime
from pathlib import Path

import click

from core.allowlist.allowlist import Deny
from core.image.digest import Digest
from core.list_format.payload import EMERGENCY
from core.terminal.printing import emit_json, emit_table
from registrar.cli.images.image_options import (
    all_drafts,
    one_line,
    reason_option,
    registries_of,
    registry_options,
    scope_option,
    yes_option,
)
from registrar.cli.registrar_output import note, output_option, say
from registrar.images.content import content_of
from registrar.images.denying import LONGEST_EMERGENCY, Word, denied, undenied
from registrar.images.durations import InvalidTime, readable, span
from registrar.images.lookup import NotFound, digest_of, label, meeting
from registrar.images.published import published_draft
from registrar.registrar_clock import now as read_clock
from registrar.workspace import Workspace


@click.group()
def deny() -> None:
    """Forbid images, whatever approves them."""


@deny.command()
@click.argument("image", metavar="DIGEST|REFERENCE")
@scope_option
@reason_option
@click.option("--by", default="", help="Who denies the image; default: no name is recorded.")
@click.option(
    "--for", "length", help="How long the deny holds; only for the scope emergency, at most 24h."
)
@yes_option
@registry_options
@click.pass_obj
def add(
    path: Path,
    *,
    image: str,
    scope: str,
    reason: str,
    by: str,
    length: str | None,
    yes: bool,
    plain_http: bool,
    ca_file: Path | None,
    docker_config: Path | None,
) -> None:
    """Deny an image in a scope and all scopes below it.

    A reference denies every digest of the image, also as the base of other images. A digest that no
    approval contains denies that digest only. The people on call sign the scope `emergency`.

    \b
    Examples:
      deny add docker.io/library/nginx:1.25 --scope acme --reason CVE-2026-1234
      deny add sha256:… --scope emergency --for 12h --reason "it is attacked now"
    """
    now = read_clock()
    workspace = Workspace.open(path)
    word = Word(reason, by, now, _end(scope, length, now))
    registries = registries_of(plain_http, ca_file, docker_config)
    content = content_of(image, all_drafts(workspace), registries)
    if content.alone:
        note("only this one digest is denied; a reference denies all digests of its image")
    say(f"{scope} denies {content.name}:")
    for digest in sorted(content.everything):
        say(f"  {digest}")
    for met in meeting(content.everything, all_drafts(workspace, scope)):
        note(f"this stops {met.approval.repository}@{met.approval.id}, which {met.scope} approves")
    if not yes:
        click.confirm("Deny it?", abort=True)
    draft = denied(workspace.draft(scope), content.everything, word)
    message = f"Deny {content.name} in {scope}{f' by {by}' if by else ''}: {reason}"
    workspace.save(draft, one_line(message))
    say(f"Denied in {scope}. Next: review, sign, publish.")


@deny.command()
@click.argument("digest", metavar="DIGEST")
@scope_option
@reason_option
@yes_option
@click.pass_obj
def remove(path: Path, *, digest: str, scope: str, reason: str, yes: bool) -> None:
    """Remove the denies of a scope that name this digest.

    A published revocation stays until its approval has ended.
    """
    workspace = Workspace.open(path)
    wanted = _digest(digest)
    published = published_draft(workspace.repository, scope)
    draft, gone = undenied(
        workspace.draft(scope),
        wanted,
        published=published.denies if published else (),
        now=read_clock(),
    )
    for entry in gone:
        say(f"{scope} said: {entry.reason}")
    if not yes:
        click.confirm(f"Remove {len(gone)} of its denies?", abort=True)
    workspace.save(draft, one_line(f"Deny {wanted} no longer in {scope}: {reason}"))
    say(f"Removed {len(gone)}. Next: review, sign, publish.")


@deny.command(name="list")
@click.option(
    "--scope", default="", help="Show only this level; default: all levels and emergency."
)
@output_option
@click.pass_obj
def list_(path: Path, scope: str, output: str) -> None:
    """List denies and revocations."""
    now = read_clock()
    workspace = Workspace.open(path)
    scopes = [scope] if scope else [*workspace.scopes(), EMERGENCY]
    rows = [(name, entry) for name in scopes for entry in workspace.draft(name).denies]
    if output == "json":
        emit_json([_document(name, entry) for name, entry in rows])
        return
    if not rows:
        say("Nothing is denied.")
        return
    drafts = all_drafts(workspace)
    emit_table(
        ("scope", "what", "image", "ends", "by", "reason"),
        [
            (
                name,
                "revoked" if entry.revoked else "denied",
                label(entry.digests, drafts),
                _ends(entry, now),
                entry.by,
                entry.reason,
            )
            for name, entry in rows
        ],
    )


def _end(scope: str, length: str | None, now: datetime) -> datetime | None:
    if scope != EMERGENCY:
        if length is not None:
            raise InvalidTime(
                "--for: only the denies of emergency end", hint="leave it out, or waive the deny"
            )
        return None
    longest = span(length, "--for") if length else LONGEST_EMERGENCY
    if longest > LONGEST_EMERGENCY:
        raise InvalidTime(
            "--for: 24h at most in emergency", hint="deny it in a scope, without an end"
        )
    return now + longest


def _digest(text: str) -> Digest:
    found = digest_of(text)
    if found is None:
        raise NotFound(
            f"{text[:200]!r} is not a digest", hint="`deny list --output json` shows them whole"
        )
    return found


def _ends(entry: Deny, now: datetime) -> str:
    if entry.expires_at is None:
        return ""
    return readable(entry.expires_at) if entry.holds(now) else "has ended"


def _document(scope: str, entry: Deny) -> dict[str, object]:
    return {
        "scope": scope,
        "digests": sorted(map(str, entry.digests)),
        "reason": entry.reason,
        "revoked": entry.revoked,
        "denied_at": entry.denied_at and entry.denied_at.isoformat(),
        "expires_at": entry.expires_at and entry.expires_at.isoformat(),
        "by": entry.by,
    }
