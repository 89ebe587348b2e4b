"""Whom the kill-rate brake spares (docs/adr/0004); must not know how anybody is ended."""

from collections.abc import Collection

from agent.control.brake import Brake
from agent.control.case import Case
from agent.control.casebook import Casebook
from agent.control.tools import Tools
from agent.domain.finding import Kind
from agent.domain.verdict import Net, Verdict


class Restraint:
    """Tells disruptive ends from others, asks the brake about them, says when it goes on."""

    def __init__(self, brake: Brake, tools: Tools, book: Casebook) -> None:
        self._brake = brake
        self._tools = tools
        self._book = book
        self._formerly_approved: set[str] = set()
        self.refuse_starts = False  # a closed list ends approvals: only what runs is disturbed

    def judged(self, case: Case) -> None:
        """Remember which images were approved here."""
        approved = case.decision is not None and case.decision.verdict is Verdict.APPROVED
        if approved and case.container is not None and case.container.image is not None:
            self._formerly_approved.add(str(case.container.image.image_id))

    def disruptive(self, case: Case) -> bool:
        """Whether ending it would disturb what ran so far (docs/adr/0004)."""
        if case.decision is None or case.decision.verdict.is_forbidden:
            return False
        image = case.container.image if case.container else None
        known = image is not None and str(image.image_id) in self._formerly_approved
        return case.settled_in or (known and not self.refuse_starts)

    def spares(self, case: Case, net: Net) -> bool:
        """Whether the brake keeps it from being ended now, as it is judged by this net."""
        if net is Net.SWEEP:  # sweeps ask the brake once for all they would end
            return case.braked
        if not self.disruptive(case) or case.acting:
            return False
        image = case.container.image if case.container else None
        by_image = image is not None and not case.settled_in
        return not self.admits([str(image.image_id) if image and by_image else case.id])

    def admits(self, victims: Collection[str]) -> bool:
        """Ask the brake whether these may be ended; says so when it goes on."""
        before = self._brake.on
        now = self._tools.clock.monotonic()
        admitted = self._brake.admit(victims, running=self._book.running(), now=now)
        if self._brake.on and not before:
            self._tools.emit(
                self._tools.composer.notice(
                    "brake.on",
                    f"The kill-rate brake went on: {self._brake.refused_at} disruptive kills would "
                    "have come together. What runs is reported instead. If the list is right, "
                    "release it with `dockwarden brake release`; else publish a corrected list.",
                    kind=Kind.ALARM,
                )
            )
        return admitted
