"""Adopts allowlists: a broken new one keeps the last good one in force and says so."""

from collections.abc import Callable
from datetime import datetime

from agent.enforcement.enforce import Enforcer
from agent.enforcement.rescan import Rescanner
from agent.log import get_logger
from agent.ports import TrustedList
from core.base_errors import DockwardenError
from core.findings.finding import Kind

log = get_logger(__name__)


class ListKeeper:
    """Loads the list on request and has everything evaluated again by a new one.

    `load` brings the current list or raises a named error; `last_good` what was adopted before
    this process began (None: there was none); `remember` keeps an adopted one for the next.
    """

    def __init__(
        self,
        enforcer: Enforcer,
        rescanner: Rescanner,
        *,
        load: Callable[[], TrustedList],
        last_good: Callable[[], TrustedList | None],
        remember: Callable[[TrustedList], None],
    ) -> None:
        self._enforcer = enforcer
        self._rescanner = rescanner
        self._load = load
        self._last_good = last_good
        self._remember = remember
        self._under_way = False
        self._again = False
        self._next_expiry: datetime | None = None
        self.loaded_at: datetime | None = None
        self.error = ""

    def load(self) -> None:
        """Load elsewhere, adopt when it is here."""
        if self._under_way:
            self._again = True
            return
        self._under_way = True
        self._enforcer.services.work.submit(self._load, self._loaded)

    def load_first(self) -> None:
        """Load now, before anything is evaluated; falls back on the last good list."""
        try:
            self._adopt(self._load())
        except DockwardenError as error:
            try:
                if (last_good := self._last_good()) is not None:
                    self._adopt(last_good, again=True)
            except DockwardenError as worse:
                log.warning("list.last_good_unusable", error=str(worse))
            self._refused(error)

    def tick(self) -> None:
        """Evaluate all again when an approval, a waiver or an exemption has ended."""
        now = self._enforcer.evaluator.time.now()
        if self._next_expiry is not None and now >= self._next_expiry:
            self._plan_expiry(now)
            self._rescanner.evaluate_known()

    def _loaded(self, result: TrustedList | DockwardenError) -> None:
        self._under_way = False
        if isinstance(result, DockwardenError):
            self._refused(result)
        else:
            self._adopt(result)
            self._rescanner.evaluate_known()
            self._rescanner.rescan("new list")
        if self._again:
            self._again = False
            self.load()

    def _adopt(self, trusted: TrustedList, *, again: bool = False) -> None:
        enforcer, info = self._enforcer, trusted.info
        before = enforcer.evaluator.trusted.info.sequence if enforcer.evaluator.trusted else None
        enforcer.evaluator.trusted = trusted
        enforcer.circuit_breaker.reset()
        finding_factory = enforcer.services.finding_factory
        finding_factory.sequence = info.sequence
        self.loaded_at = enforcer.services.clock.now()
        self._plan_expiry(enforcer.evaluator.time.now())
        if again:
            return
        self.error = ""
        back = before is not None and info.sequence < before
        summary = f"Allowlist {info.sequence} ({info.origin}) is in force: " + (
            f"{info.approvals} approvals, {info.denies} denies."
        )
        if back:
            summary += f" It is OLDER than {before}, which it replaces."
        enforcer.services.emit(
            finding_factory.notice(
                "list.went_back" if back else "list.adopted",
                summary,
                kind=Kind.ALARM if back else Kind.NOTICE,
            )
        )
        try:
            self._remember(trusted)
        except DockwardenError as error:
            log.warning("list.not_remembered", error=str(error))

    def _refused(self, error: DockwardenError) -> None:
        if self.error == str(error):
            return
        self.error = str(error)
        kept = self._enforcer.evaluator.trusted
        summary = f"The new allowlist was not adopted: {error}. " + (
            f"Allowlist {kept.info.sequence} stays in force."
            if kept
            else "No trusted list is in force: containers are undetermined."
        )
        finding_factory = self._enforcer.services.finding_factory
        self._enforcer.services.emit(
            finding_factory.notice("list.rejected", summary, kind=Kind.ALARM)
        )

    def _plan_expiry(self, now: datetime) -> None:
        """When a verdict can next change by itself."""
        trusted = self._enforcer.evaluator.trusted
        ends = [e.expires_at for e in self._enforcer.policy.exemptions if e.expires_at > now]
        if trusted is not None and (expiry := trusted.next_expiry(now)) is not None:
            ends.append(expiry)
        self._next_expiry = min(ends, default=None)
