"""The decision about one image and the reason for it; pure and total."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from agent.domain.allowlist import Approval, Exemption, Statements
from agent.domain.digest import Digest
from agent.domain.identity import ImageIdentity
from agent.domain.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict with its reason: which digest matched what, at which level of the chain.

    `reason` is a whole sentence for people. `scope` names the level that spoke (`host` for the
    host's own exemption), `matched` the digest it spoke of, `repository` the approval's.
    `until` is when the verdict ends by itself.
    """

    verdict: Verdict
    reason: str
    scope: str = ""
    matched: Digest | None = None
    repository: str = ""
    until: datetime | None = None


def undetermined(reason: str) -> Decision:
    """The decision about what could not be observed in time."""
    return Decision(Verdict.UNDETERMINED, reason)


def decide(
    image: ImageIdentity,
    statements: Statements,
    *,
    exemptions: Iterable[Exemption] = (),
    allow_derived: bool = False,
    now: datetime,
) -> Decision:
    """Judge one image over the host's chain (design.md, "Verdicts"): never raises.

    1. A deny or revocation that no waiver of its own level or above lifts wins.
    2. An unexpired approval that satisfies the constraints of its level and all above approves;
       if a waiver was needed for that, the verdict is `waived`.
    3. This host's exemption waives what is merely expired or unlisted, unless a level forbids it.
    4. An approved base makes it `derived` where the host accepts that.
    5. Else expired, or unlisted.
    """
    raise NotImplementedError
