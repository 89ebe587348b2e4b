"""What a host would decide about an image, and why; pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from core.allowlist.allowlist import Allowlist
from core.decision.decision import Decision, decide
from core.decision.verdict import Verdict
from core.image.digest import Digest
from core.image.identity import ImageIdentity
from registrar.images.resolve import ResolvedImage

GOOD: Final = frozenset({Verdict.APPROVED, Verdict.WAIVED})
RULES: Final = {
    Verdict.DENIED: "a deny at any level wins over every approval",
    Verdict.REVOKED: "a revocation at any level wins over every approval",
    Verdict.APPROVED: "an approval that has not ended and meets the constraints of every level",
    Verdict.WAIVED: "an approval, and a waiver in force for what prevented it",
    Verdict.EXPIRED: "an approval that has ended approves nothing",
    Verdict.UNLISTED: "what no level approves is unlisted",
}


@dataclass(frozen=True, slots=True)
class SimulatedImage:
    """One way in which a host's engine may know the image: `store` is `classic` or
    `containerd`, empty where only a digest is known."""

    platform: str
    store: str
    image: ImageIdentity


@dataclass(frozen=True, slots=True)
class SimulationResult:
    """The decision about one case, and the rule behind it; `approvers` are of the approval."""

    simulated: SimulatedImage
    decision: Decision
    rule: str
    approvers: tuple[str, ...]


def simulated_images(image: ResolvedImage, platform: str = "") -> tuple[SimulatedImage, ...]:
    """Every way in which engines know the image. A classic store computes the config's digest,
    the containerd store that of the index or of the only manifest."""
    return tuple(_simulated_images(image, platform))


def simulated_image(digest: Digest) -> SimulatedImage:
    """A digest alone, as `docker inspect` prints it for a container's image."""
    return SimulatedImage("", "", ImageIdentity(digest))


def evaluate(simulated: SimulatedImage, allowlist: Allowlist, *, now: datetime) -> SimulationResult:
    """What a host with this list decides at `now`."""
    statements = allowlist.about(simulated.image)
    decision = decide(simulated.image, statements, now=now)
    approvers = sorted(
        {
            name
            for depth, approval in statements.approvals
            if statements.scopes[depth] == decision.scope and decision.verdict in GOOD
            for name in approval.approvers
        }
    )
    rule = RULES.get(decision.verdict, "")
    return SimulationResult(simulated, decision, rule, tuple(approvers))


def _simulated_images(image: ResolvedImage, platform: str) -> Iterator[SimulatedImage]:
    for one in image.platforms:
        if platform and one.platform != platform:
            continue
        yield SimulatedImage(one.platform, "classic", ImageIdentity(one.config))
        yield SimulatedImage(one.platform, "containerd", ImageIdentity(image.id, one.manifest))
