"""`image approve`: resolves references to all their digests, shows them, writes the approvals."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import click

from core.base_errors import DockwardenError
from core.image.digest import Digest
from core.terminal.printing import counted
from registrar.cli.images.image_options import (
    approver_of,
    approver_option,
    one_line,
    progress,
    reason_option,
    registries_of,
    registry_options,
    scope_option,
    yes_option,
)
from registrar.cli.registrar_output import note, say
from registrar.images.approving import (
    NotApproved,
    Terms,
    Vetted,
    approval_of,
    check_two_people,
    summary,
    vet,
)
from registrar.images.batch_resolution import resolve_batch
from registrar.images.durations import DAY, end, later
from registrar.images.fetching import as_approved, to_resolve
from registrar.images.resolve import ResolvedImage, resolve
from registrar.images.scope_chain import chain_of
from registrar.registrar_clock import now as read_clock
from registrar.registry import NotInRegistry, Registries
from registrar.seeding.seeds import Entry, check_same, read_seed
from registrar.workspace import Draft, Workspace

DEFAULT_LIFETIME = 90 * DAY


@click.command()
@click.argument("references", nargs=-1, metavar="REFERENCE...")
@scope_option
@click.option(
    "--tag",
    "tags",
    multiple=True,
    help="Another tag of the same content; the registry is asked whether it is.",
)
@click.option(
    "--expires",
    help="When the approval ends: 90d, 2027-01-31; default 90d, or the longest permitted.",
)
@reason_option
@click.option(
    "--requester",
    help="Who asked for the image; optional where the policy lets one person request and approve.",
)
@approver_option
@click.option("--scanner", "scanners", multiple=True, help="A scanner that passed the image.")
@click.option("--licence", "licences", multiple=True, help="An SPDX licence found in the image.")
@click.option(
    "--evidence",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The record of the checks; the approval contains its SHA-256.",
)
@click.option(
    "--from",
    "seed",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A reviewed proposal that `seed` wrote.",
)
@click.option(
    "--skip-failed", is_flag=True, help="Approve the other images if some cannot be approved."
)
@click.option("--dry-run", is_flag=True, help="Show the approval and write nothing.")
@yes_option
@registry_options
@click.pass_obj
def approve(
    path: Path,
    *,
    references: tuple[str, ...],
    scope: str,
    tags: tuple[str, ...],
    expires: str | None,
    reason: str,
    requester: str | None,
    approver: str | None,
    scanners: tuple[str, ...],
    licences: tuple[str, ...],
    evidence: Path | None,
    seed: Path | None,
    skip_failed: bool,
    dry_run: bool,
    yes: bool,
    plain_http: bool,
    ca_file: Path | None,
    docker_config: Path | None,
) -> None:
    """Approve images for a scope and all scopes below it.

    The command reads every digest (index, manifests, configs, chain IDs) from the registry and
    computes it here. Where registrar.toml names a registry, a public image is approved as the copy
    that `fetch` made. It signs nothing: run `review`, `sign` and `publish` afterwards.

    \b
    Examples:
      image approve registry.acme.example/pay/web:1.4 --scope acme.pay \\
          --requester dev@acme.example --approver ann --reason "release 1.4"
      image approve --from seed.json --scope acme --requester ops --reason "runs since 2024"
    """
    now = read_clock()
    workspace = Workspace.open(path)
    who = approver_of(workspace, scope, approver)
    alone = workspace.scope_rule(scope).requester_may_approve
    if requester is None and alone:
        requester = who
    if requester is None:
        raise click.UsageError("Give --requester: who asked for the image.")
    check_two_people(requester, who, may_be_one=alone, scope=scope)
    chain = chain_of(scope, workspace.draft)
    terms = Terms(
        requester=requester,
        approver=who,
        reason=reason,
        expires_at=_end(expires, chain, now),
        scanners=frozenset(scanners),
        licences=frozenset(licences),
        evidence=Digest.of(evidence.read_bytes()) if evidence else None,
    )
    registries = registries_of(plain_http, ca_file, docker_config)
    registry = workspace.rules().registry
    found, failed = _images([to_resolve(r, registry) for r in references], tags, seed, registries)
    images = [as_approved(image, registry) for image in found]
    vetted = [vet(approval_of(image, terms, now=now), chain, now=now) for image in images]
    good = _shown(vetted)
    refused = len(failed) + len(vetted) - len(good)
    for text, error in failed:
        note(f"not resolved: {text}\n  {error.message}".replace("\n", " "))
        fetched = registry is not None and isinstance(error, NotInRegistry)
        note(f"  fix: {'`fetch` the image first' if fetched else error.hint}")
    if refused and not (skip_failed and good):
        raise NotApproved(
            f"{counted(refused, 'image')} cannot be approved; nothing was changed",
            hint="correct what is refused or not resolved"
            + (", or approve the others with --skip-failed" if good else ""),
        )
    if dry_run:
        say("Nothing was written (--dry-run).")
        return
    if not yes:
        click.confirm(f"Approve {counted(len(good), 'image')} for {scope}?", abort=True)
    _save(workspace, chain[-1], good, terms)


def _end(expires: str | None, chain: Sequence[Draft], now: datetime) -> datetime:
    if expires is not None:
        return end(expires, "--expires", now)
    limits = [d.constraints.longest_lifetime for d in chain if d.constraints.longest_lifetime]
    return later(now, min([DEFAULT_LIFETIME, *limits], default=timedelta()), "--expires")


def _images(
    references: Sequence[str], tags: tuple[str, ...], seed: Path | None, registries: Registries
) -> tuple[list[ResolvedImage], list[tuple[str, DockwardenError]]]:
    if bool(references) == (seed is not None):
        raise click.UsageError("Give references, or a proposal with --from.")
    if tags and (len(references) != 1 or seed):
        raise click.UsageError("--tag needs exactly one reference.")
    if tags:
        return [resolve(references[0], registries, tags=tags)], []
    entries = read_seed(seed) if seed else [Entry(text) for text in references]
    outcomes = resolve_batch(
        [entry.reference for entry in entries], registries, progress, tags_may_move=seed is not None
    )
    images: dict[Digest, ResolvedImage] = {}
    failed: list[tuple[str, DockwardenError]] = []
    for entry, outcome in zip(entries, outcomes, strict=True):
        found = check_same(entry, outcome) if isinstance(outcome, ResolvedImage) else outcome
        if isinstance(found, ResolvedImage):
            images.setdefault(found.id, found)
        else:
            failed.append((entry.reference, found))
    return list(images.values()), failed


def _shown(vetted: Sequence[Vetted]) -> list[Vetted]:
    for one in vetted:
        for line in summary(one.approval):
            say(line)
        if one.replaces:
            say("  replaces   the present approval")
        for remark in one.remarks:
            say(f"  note       {remark}")
        for obstacle in one.obstacles:
            say(f"  REFUSED    {obstacle.scope}: {obstacle.what}")
            say(f"  fix        {obstacle.fix}")
    return [one for one in vetted if not one.obstacles]


def _save(workspace: Workspace, draft: Draft, good: Sequence[Vetted], terms: Terms) -> None:
    for one in good:
        draft.approvals[one.approval.id] = one.approval
    first = good[0].approval
    what = f"{first.repository}{f':{first.tags[0]}' if first.tags else f'@{first.id}'}"
    if len(good) > 1:
        what = f"{len(good)} images ({what}, …)"
    why = f"asked by {terms.requester}, approved by {terms.approver}: {terms.reason}"
    workspace.save(draft, one_line(f"Approve {what} for {draft.scope}, {why}"))
    say(f"Approved {counted(len(good), 'image')} for {draft.scope}. Next: review, sign, publish.")
