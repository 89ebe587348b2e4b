"""`dockwarden check`: what would be decided about an image here, without starting it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli.options import config_option, inputs, output_option
from agent.cli.output import emit_facts
from agent.enforcement.freshness import closed
from agent.errors import EngineUnavailable
from core.base_errors import InvalidDigest
from core.decision.decision import Decision, decide, undetermined
from core.decision.verdict import Action, Mode, Verdict
from core.image.digest import Digest
from core.image.identity import ImageIdentity
from core.terminal.printing import FOUND, cell, emit_json, emit_table

if TYPE_CHECKING:
    from agent.cli.lists.host_list import HostList
    from agent.config.config_values import Config
    from agent.ports import Engine

_WOULD = {
    Action.ALLOW: "run",
    Action.REPORT: "run and be reported",
    Action.PAUSE: "be paused",
    Action.STOP: "be stopped",
    Action.KILL: "be killed",
}


@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@config_option
@output_option
@click.pass_context
def check(
    ctx: click.Context, images: tuple[str, ...], config_file: Path | None, output: str
) -> None:
    """Show whether an image may run here, and why.

    IMAGE is a reference or a digest. A reference means the image that this host's engine has under
    it now; a digest needs no engine. The agent need not run. The result is that of enforce mode.

    Exits with 3 when at least one image would not be allowed.

    \b
    Examples:
      dockwarden check nginx:1.27
      dockwarden check registry.acme.example/web@sha256:…
      dockwarden check -o json $(docker ps --format '{{.Image}}')
    """
    from agent.adapters.docker_engine import DockerEngine
    from agent.adapters.system_clock import SystemClock
    from agent.cli.lists.host_list import host_list
    from agent.config.load import load

    config = load(inputs(config_file)).config
    bench = Bench(
        config,
        host_list(config, SystemClock()),
        lambda: DockerEngine(config.engine.socket, timeout=config.engine.timeout_seconds),
    )
    answers = [bench.answer(image) for image in images]
    if output == "json":
        emit_json(answers)
    else:
        emit_table(
            ("image", "verdict", "would"),
            [(a["image"], a["verdict"], a["would"]) for a in answers],
        )
        for a in answers:
            click.echo(f"\n{cell(a['image'])}")
            emit_facts(
                [
                    ("  why", a["reason"]),
                    ("  level", a["scope"]),
                    ("  signed by", ", ".join(a["signers"])),
                    ("  next step", a["next_step"]),
                ]
            )
    if not all(a["allowed"] for a in answers):
        ctx.exit(FOUND)


@dataclass(frozen=True, slots=True)
class Bench:
    """Evaluates references as the agent in enforce mode would evaluate a container of them now.

    `engine` is made only when a reference cannot be evaluated by itself.
    """

    config: "Config"
    list: "HostList"
    engine: "Callable[[], Engine]"

    def answer(self, reference: str) -> dict[str, Any]:
        """One image's answer, as it is printed; raises `EngineUnavailable`."""
        image = self._identity(reference)
        decision = self._decide(image)
        unknown = decision.verdict is Verdict.UNDETERMINED
        action = self.config.table.action(Mode.ENFORCE, decision.verdict)
        allowed = not unknown and not action.touches
        return {
            "image": reference,
            "digest": str(image.image_id) if image else None,
            "verdict": decision.verdict,
            "allowed": allowed,
            "would": "be evaluated at its start" if unknown else _WOULD[action],
            "reason": decision.reason,
            "scope": decision.scope,
            "signers": [*self.list.signers.get(decision.scope, ())],
            "matched": decision.matched and str(decision.matched),
            "until": decision.until and decision.until.isoformat(),
            "next_step": "" if decision.verdict is Verdict.APPROVED else self._next(reference),
        }

    def _identity(self, reference: str) -> ImageIdentity | None:
        """What the engine has under the reference; a digest that it does not have is evaluated as
        it is."""
        digest = _digest(reference)
        alone = digest is not None and "@" not in reference
        image = None
        if not alone or self.config.allow_derived:
            try:
                image = self._from_engine(reference)
            except EngineUnavailable:
                if not alone:
                    raise
        return image if image is not None or digest is None else ImageIdentity(digest)

    def _from_engine(self, reference: str) -> ImageIdentity | None:
        engine = self.engine()
        image = engine.image(reference)
        return engine.chain(image) if image is not None and self.config.allow_derived else image

    def _decide(self, image: ImageIdentity | None) -> Decision:
        if image is None:
            return undetermined(
                "This host has no such image: pull it first, or give its digest (sha256:…)."
            )
        decision = decide(
            image,
            self.list.trusted.about(image),
            exemptions=self.config.enforcement.exemptions,
            allow_derived=self.config.allow_derived,
            now=self.list.now,
        )
        return closed(decision, self.list.closed) if self.list.closed else decision

    def _next(self, reference: str) -> str:
        from core.allowlist.nearest import last_part, next_step
        from core.decision.decision import in_force

        trusted, now = self.list.trusted, self.list.now
        contact = self.config.agent.contact or trusted.info.contact
        return next_step(
            reference,
            trusted.alike(last_part(reference)),
            contact,
            now=now,
            usable=lambda approval: in_force(approval, trusted.about, now=now),
        )


def _digest(reference: str) -> Digest | None:
    try:
        return Digest.parse(reference.rpartition("@")[2])
    except InvalidDigest:
        return None
