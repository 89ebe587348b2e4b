"""The settings of the enforcement loop, as one value, and how it evaluates by them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime

from agent.config.config_values import BuildSteps
from agent.ports import TrustedList
from core.allowlist.allowlist import Exemption
from core.decision.decision import Decision, decide, undetermined
from core.decision.verdict import Action, ActionTable, EnforcementPoint, Mode
from core.image.identity import Container


@dataclass(slots=True)
class BreakGlassSwitch:
    """Whether break-glass is in force: the one thing about the policy that changes by itself."""

    active: bool = False


_OF_THE_PROCESS = frozenset({"host", "break_glass"})


@dataclass(slots=True)
class Policy:
    """Settings of the loop; `keep_refused` keeps containers that never ran, `keep_killed` those
    that did. One object that all parts share: only `adopt` changes it, on the loop's thread."""

    mode: Mode
    table: ActionTable
    enforcement_points: frozenset[EnforcementPoint] = frozenset(
        {EnforcementPoint.CREATE, EnforcementPoint.GATE, EnforcementPoint.START}
    )
    exemptions: Sequence[Exemption] = ()
    allow_derived: bool = False
    build_steps: BuildSteps = BuildSteps.DENY
    keep_refused: bool = False
    keep_killed: bool = True
    stop_timeout: float = 10.0
    rescan_seconds: float = 60.0
    host: str = ""
    contact: str = ""
    break_glass: BreakGlassSwitch = field(default_factory=BreakGlassSwitch, compare=False)

    @property
    def freezes(self) -> bool:
        """Whether what starts is held at the gate; else the gate only watches."""
        return self.mode is Mode.ENFORCE and EnforcementPoint.GATE in self.enforcement_points

    def adopt(self, new: "Policy") -> None:
        """Take over all settings of another, but for what belongs to the running process."""
        for each in fields(self):
            if each.name not in _OF_THE_PROCESS:
                setattr(self, each.name, getattr(new, each.name))

    @property
    def acts_as(self) -> Mode:
        """The mode by which actions are chosen now: break-glass makes every host an observer."""
        return Mode.OBSERVE if self.break_glass.active else self.mode

    def evaluate(
        self, container: Container, trusted: TrustedList | None, *, now: datetime
    ) -> Decision:
        """The decision about a container: never raises, never trusts a name."""
        if trusted is None:
            return undetermined("this host has no trusted allowlist yet")
        if container.image is None:
            return undetermined("the engine did not report the image's digest")
        return decide(
            container.image,
            trusted.about(container.image),
            exemptions=self.exemptions,
            allow_derived=self.allow_derived,
            now=now,
        )

    def action(self, decision: Decision) -> Action:
        """What this host does about such a decision."""
        return self.table.action(self.acts_as, decision.verdict)

    def build_action(self) -> Action:
        """What this host does about a build step."""
        wanted = {
            BuildSteps.DENY: Action.KILL,
            BuildSteps.REPORT: Action.REPORT,
            BuildSteps.ALLOW: Action.ALLOW,
        }[self.build_steps]
        return Action.REPORT if self.acts_as is Mode.OBSERVE and wanted.touches else wanted
