"""`simulate`: what a host of a scope would decide about an image, and why."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from core.allowlist.allowlist import Allowlist
from core.list_format.payload import EMERGENCY
from core.terminal.printing import FOUND, emit_json
from registrar.cli.images.image_options import registries_of, registry_options
from registrar.cli.registrar_output import output_option, say
from registrar.images.durations import instant, readable
from registrar.images.lookup import NotFound, digest_of
from registrar.images.published import demanded_draft, published_draft, signers_of
from registrar.images.resolve import resolve
from registrar.images.scope_chain import allowlist_of, chain_of
from registrar.images.simulation import (
    GOOD,
    SimulatedImage,
    SimulationResult,
    evaluate,
    simulated_image,
    simulated_images,
)
from registrar.registrar_clock import now as read_clock
from registrar.registry import Registries
from registrar.workspace import Draft, Workspace


@click.command()
@click.argument("image", metavar="IMAGE|DIGEST")
@click.option("--scope", required=True, help="The scope of the host.")
@click.option("--at", "when", help="Evaluate at this time instead of now: 30d, 2027-01-31.")
@click.option(
    "--published",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Evaluate by this signed tree instead of the drafts; signatures are not verified.",
)
@click.option("--platform", default="", help="Evaluate this platform only, such as linux/arm64.")
@registry_options
@output_option
@click.pass_context
def simulate(
    ctx: click.Context,
    *,
    image: str,
    scope: str,
    when: str | None,
    published: Path | None,
    platform: str,
    plain_http: bool,
    ca_file: Path | None,
    docker_config: Path | None,
    output: str,
) -> None:
    """Show the verdict that a host of this scope would reach, its level, rule and signers.

    For a reference, the command reads the image from its registry and evaluates it for each
    platform and each kind of image store. Exits with 3 if it would not run everywhere.
    """
    now = read_clock()
    at = instant(when, "--at", now) if when else now
    simulated = _simulated_images(
        image, platform, registries_of(plain_http, ca_file, docker_config)
    )
    allowlist = _list(ctx.obj, scope, published)
    results = [evaluate(simulated, allowlist, now=at) for simulated in simulated]
    levels = {result.decision.scope for result in results}
    # A draft is what somebody may sign yet: nobody's signature is behind it.
    signers = {level: signers_of(published, level) if published else () for level in levels}
    if output == "json":
        emit_json([_document(result, signers[result.decision.scope]) for result in results])
    else:
        source = f"what {published} publishes" if published else "the drafts"
        say(f"{image} on a host of {scope} at {readable(at)}, by {source}")
        for same in _alike(results):
            _tell(same, signers[same[0].decision.scope])
    if not all(result.decision.verdict in GOOD for result in results):
        ctx.exit(FOUND)


def _simulated_images(
    text: str, platform: str, registries: Registries
) -> tuple[SimulatedImage, ...]:
    digest = digest_of(text)
    if digest is not None:
        return (simulated_image(digest),)
    image = resolve(text, registries)
    simulated = simulated_images(image, platform)
    if not simulated:
        known = ", ".join(one.platform for one in image.platforms)
        raise NotFound(f"--platform: {text} has no {platform[:60]}", hint=f"it has {known}")
    return simulated


def _list(path: Path, scope: str, published: Path | None) -> Allowlist:
    read: Callable[[str], Draft]
    if published:
        tree = published

        def read(name: str) -> Draft:
            return demanded_draft(tree, name)

        urgent = published_draft(tree, EMERGENCY)
        return allowlist_of(
            chain_of(scope, read), emergency=urgent.denies if urgent else (), origin=str(tree)
        )
    workspace = Workspace.open(path)
    return allowlist_of(
        chain_of(scope, workspace.draft),
        emergency=workspace.draft(EMERGENCY).denies,
        origin=str(path),
    )


def _alike(results: Sequence[SimulationResult]) -> list[list[SimulationResult]]:
    """Answers that say the same but for the digest that was matched."""
    groups: dict[tuple[str, str, str], list[SimulationResult]] = {}
    for one in results:
        decision = one.decision
        groups.setdefault((decision.verdict, decision.scope, decision.repository), []).append(one)
    return list(groups.values())


def _tell(same: Sequence[SimulationResult], signers: Sequence[str]) -> None:
    first = same[0]
    decision = first.decision
    where = ", ".join(
        dict.fromkeys(_where(one.simulated) for one in same if one.simulated.platform)
    )
    say(f"  verdict   {decision.verdict}{f'  ({where})' if where else ''}")
    facts = (
        ("level", decision.scope),
        ("rule", first.rule),
        ("reason", decision.reason),
        ("approved", f"by {', '.join(first.approvers)}" if first.approvers else ""),
        ("signed", f"by {', '.join(signers)}" if signers else ""),
        ("until", readable(decision.until) if decision.until else ""),
    )
    for name, value in facts:
        if value:
            say(f"  {name:8}  {value}")


def _where(simulated: SimulatedImage) -> str:
    return f"{simulated.platform} {simulated.store}"


def _document(result: SimulationResult, signers: Sequence[str]) -> dict[str, Any]:
    decision = result.decision
    return {
        "platform": result.simulated.platform,
        "store": result.simulated.store,
        "image_id": str(result.simulated.image.image_id),
        "verdict": str(decision.verdict),
        "level": decision.scope,
        "rule": result.rule,
        "reason": decision.reason,
        "matched": str(decision.matched) if decision.matched else None,
        "repository": decision.repository,
        "until": decision.until.isoformat() if decision.until else None,
        "approvers": list(result.approvers),
        "signers": list(signers),
    }
