"""Which containers the circuit breaker spares (docs/adr/0004); must not know how they are ended."""

from collections.abc import Collection

from agent.enforcement.circuit_breaker import CircuitBreaker
from agent.enforcement.container_table import ContainerTable
from agent.enforcement.services import Services
from agent.enforcement.tracked_container import TrackedContainer
from core.decision.verdict import EnforcementPoint, Verdict
from core.findings.finding import Kind


class BreakerGuard:
    """Distinguishes disruptive ends from others, asks the breaker, says when it opens."""

    def __init__(
        self, circuit_breaker: CircuitBreaker, services: Services, table: ContainerTable
    ) -> None:
        self._circuit_breaker = circuit_breaker
        self._services = services
        self._table = table
        self._formerly_approved: set[str] = set()
        self.refuse_starts = False  # a closed list ends approvals: only what runs is disturbed

    def evaluated(self, tracked: TrackedContainer) -> None:
        """Remember which images were approved here."""
        approved = tracked.decision is not None and tracked.decision.verdict is Verdict.APPROVED
        if approved and tracked.container is not None and tracked.container.image is not None:
            self._formerly_approved.add(str(tracked.container.image.image_id))

    def disruptive(self, tracked: TrackedContainer) -> bool:
        """Whether ending it would disturb what ran so far (docs/adr/0004)."""
        if tracked.decision is None or tracked.decision.verdict.is_forbidden:
            return False
        image = tracked.container.image if tracked.container else None
        known = image is not None and str(image.image_id) in self._formerly_approved
        return tracked.was_let_run or (known and not self.refuse_starts)

    def spares(self, tracked: TrackedContainer, point: EnforcementPoint) -> bool:
        """Whether the breaker keeps it from being ended now, as this point evaluated it."""
        if point is EnforcementPoint.RESCAN:  # a rescan asks the breaker once for all it would end
            return tracked.breaker_open
        if not self.disruptive(tracked) or tracked.acting:
            return False
        image = tracked.container.image if tracked.container else None
        by_image = image is not None and not tracked.was_let_run
        return not self.admits([str(image.image_id) if image and by_image else tracked.id])

    def admits(self, victims: Collection[str]) -> bool:
        """Ask the circuit breaker whether these may be ended; says so when it opens."""
        before = self._circuit_breaker.is_open
        now = self._services.clock.monotonic()
        admitted = self._circuit_breaker.admit(victims, running=self._table.running(), now=now)
        if self._circuit_breaker.is_open and not before:
            self._services.emit(
                self._services.finding_factory.notice(
                    "circuit_breaker.opened",
                    f"The circuit breaker opened: {self._circuit_breaker.refused_at} disruptive"
                    " kills would have happened at once. The agent reports instead. If the list"
                    " is right, run `dockwarden circuit-breaker reset`; else publish a corrected"
                    " list.",
                    kind=Kind.ALARM,
                )
            )
        return admitted
