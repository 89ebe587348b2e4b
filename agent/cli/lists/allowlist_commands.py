"""`dockwarden allowlist`: the allowlist of this host."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli.lists.host_list import HostList, host_list
from agent.cli.lists.sync import freshness
from agent.cli.options import config_option, inputs, output_option
from agent.cli.output import emit_facts, local_time
from core.base_errors import InvalidDigest
from core.image.digest import Digest
from core.image.identity import ImageIdentity
from core.terminal.printing import FOUND, cell, emit_json, emit_table

if TYPE_CHECKING:
    from core.allowlist.allowlist import Approval, Deny, Waiver

MOST_FOUND = 200


@click.group()
def allowlist() -> None:
    """Show or search the allowlist of this host.

    Reads files on this host; needs neither a running agent nor a network.
    """


def _load(config_file: Path | None) -> tuple[HostList, str]:
    from agent.adapters.system_clock import SystemClock
    from agent.config.load import load

    config = load(inputs(config_file)).config
    return host_list(config, SystemClock()), config.allowlist.source


@allowlist.command()
@config_option
@output_option
@click.pass_context
def show(ctx: click.Context, config_file: Path | None, output: str) -> None:
    """Show the list's levels, who signed them, and how fresh it is.

    Exits with 3 when the list is stale or a level's newest list was not adopted.

    \b
    Examples:
      sudo dockwarden allowlist show
      sudo dockwarden allowlist show -o json | jq '.scopes[] | select(.problem != "")'
    """
    found, source = _load(config_file)
    info = found.trusted.info
    answer: dict[str, Any] = {
        "source": source,
        "signed": info.signed,
        "scope": info.scope,
        "sequence": info.sequence,
        "approvals": info.approvals,
        "denies": info.denies,
        "contact": info.contact,
        **found.freshness(),
        "scopes": [_scope(each) for each in found.scopes],
    }
    if output == "json":
        emit_json(answer)
    else:
        _print(answer)
    state = answer["freshness"]
    if state not in ("fresh", "unsigned") or any(s["problem"] for s in answer["scopes"]):
        ctx.exit(FOUND)


def _scope(report: Any) -> dict[str, Any]:
    return {
        "scope": report.scope,
        "sequence": report.sequence,
        "approvals": report.approvals,
        "denies": report.denies,
        "signers": list(report.signers),
        "expires_at": report.expires_at,
        "problem": report.problem,
    }


def _print(answer: dict[str, Any]) -> None:
    emit_facts(
        [
            ("source", f"{answer['source']}, {'signed' if answer['signed'] else 'UNSIGNED'}"),
            ("scope", answer["scope"]),
            ("sequence", str(answer["sequence"])),
            ("approvals", str(answer["approvals"])),
            ("denies", str(answer["denies"])),
            ("freshness", freshness(answer)),
            ("contact", answer["contact"]),
        ]
    )
    if not answer["scopes"]:
        return
    click.echo()
    headers = ("scope", "sequence", "approvals", "denies", "expires", "signed by")
    emit_table(
        headers,
        [
            (
                scope["scope"],
                scope["sequence"],
                scope["approvals"],
                scope["denies"],
                local_time(scope["expires_at"]),
                ", ".join(scope["signers"]),
            )
            for scope in answer["scopes"]
        ],
    )
    for scope in answer["scopes"]:
        if scope["problem"]:
            click.echo(f"\n{cell(scope['scope'])}: not the newest: {cell(scope['problem'])}")


@allowlist.command()
@click.argument("text", metavar="TEXT|DIGEST")
@config_option
@output_option
@click.pass_context
def search(ctx: click.Context, text: str, config_file: Path | None, output: str) -> None:
    """Find what the list says about an image.

    TEXT is a part of a repository's name, or a tag; the command searches approvals for it. A whole
    DIGEST (sha256:…) also finds denies and waivers, whichever digest of an image it is.

    Exits with 3 when nothing was found.

    \b
    Examples:
      dockwarden allowlist search nginx
      dockwarden allowlist search sha256:…
    """
    found, _ = _load(config_file)
    entries = list(_found(found, text))
    if output == "json":
        emit_json([entry.as_json() for entry in entries])
    elif entries:
        headers = ("what", "scope", "image", "digest", "until", "why")
        emit_table(headers, [entry.row() for entry in entries])
        if len(entries) == MOST_FOUND:
            click.echo(f"\nthe first {MOST_FOUND} only: search for a longer part of the name")
    else:
        click.echo(f"The list says nothing about {cell(text)}.")
    if not entries:
        ctx.exit(FOUND)


@dataclass(frozen=True, slots=True)
class _Entry:
    what: str
    scope: str
    image: str
    digest: str
    until: str
    why: str

    def row(self) -> tuple[str, ...]:
        until = local_time(self.until) if self.until else ""
        return self.what, self.scope, self.image, self.digest[:19], until, self.why

    def as_json(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in self.__slots__}


def _found(found: HostList, text: str) -> Iterator[_Entry]:
    try:
        digest = Digest.parse(text)
    except InvalidDigest:
        yield from _by_name(found, text.lower())
        return
    about = found.trusted.about(ImageIdentity(digest))
    scopes = about.scopes
    yield from (_deny(scopes[depth], deny, digest) for depth, deny in about.denies)
    yield from (_waiver(scopes[depth], waiver, digest) for depth, waiver in about.waivers)
    yield from (_approval(scopes[depth], approval) for depth, approval in about.approvals)


def _by_name(found: HostList, text: str) -> Iterator[_Entry]:
    count = 0
    for approval in found.trusted.approvals():
        names = (approval.repository, *approval.tags)
        whole = [f"{approval.repository}:{tag}" for tag in approval.tags]
        if any(text in name.lower() for name in (*names, *whole)):
            yield _approval(_scope_of(found, approval), approval)
            count += 1
            if count == MOST_FOUND:
                return


def _scope_of(found: HostList, approval: "Approval") -> str:
    """The level that approves it: the list is asked by one of its digests."""
    about = found.trusted.about(ImageIdentity(min(approval.digests, key=str)))
    matching = (about.scopes[depth] for depth, each in about.approvals if each == approval)
    return next(matching, "")


def _approval(scope: str, approval: "Approval") -> _Entry:
    name = approval.repository + (f":{', :'.join(approval.tags)}" if approval.tags else "")
    until = approval.expires_at.isoformat() if approval.expires_at else ""
    digest = approval.pull or min(approval.digests, key=str)
    return _Entry("approval", scope, name, str(digest), until, approval.reason)


def _deny(scope: str, deny: "Deny", digest: Digest) -> _Entry:
    what = "revocation" if deny.revoked else "deny"
    until = deny.expires_at.isoformat() if deny.expires_at else ""
    return _Entry(what, deny.scope or scope, "", str(digest), until, deny.reason)


def _waiver(scope: str, waiver: "Waiver", digest: Digest) -> _Entry:
    why = f"{waiver.reason} (owner {waiver.owner})"
    return _Entry("waiver", scope, "", str(digest), waiver.expires_at.isoformat(), why)
