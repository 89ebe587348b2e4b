"""Break-glass: for the time that a signed token gives, nothing is killed, stopped or paused.

What it must not know: signatures and files. Every method runs on the loop's thread;
docs/internals/break-glass.md has the rules.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from agent.enforcement.enforce import Enforcer
from agent.enforcement.rescan import Rescanner
from agent.log import get_logger
from agent.ports import BreakGlassStore, TokenVerifier
from core.allowlist.break_glass_token import Active, BreakGlassState, InvalidToken, Token
from core.base_errors import DockwardenError
from core.findings.finding import Kind

log = get_logger(__name__)

COUNT_SECONDS = 30.0  # how often the time that is left is written down

Told = Callable[[dict[str, Any] | DockwardenError], None]


class BreakGlass:
    """Gives out nonces, takes tokens, and ends what they allowed."""

    def __init__(
        self,
        enforcer: Enforcer,
        rescanner: Rescanner,
        *,
        store: BreakGlassStore,
        verifier: TokenVerifier,
        new_nonce: Callable[[], str],
    ) -> None:
        self._enforcer, self._rescanner = enforcer, rescanner
        self._store, self._verifier = store, verifier
        self._new_nonce = new_nonce
        self._state = BreakGlassState()
        self._counted_at = 0.0  # monotonic: when `left_seconds` was right
        self._written_at = 0.0

    def start(self) -> None:
        """Continue what an earlier process had begun; before anything is evaluated."""
        try:
            self._state = self._store.read()
        except DockwardenError as error:
            log.warning("break_glass.state_unusable", error=str(error))
            return
        self._counted_at = self._written_at = self._monotonic()
        if (active := self._state.active) is not None:
            away = max((self._now() - active.seen_at).total_seconds(), 0.0)
            left = active.left_seconds - away
            self._state = replace(
                self._state, active=replace(active, left_seconds=left, seen_at=self._now())
            )
            self._break(True)
            self._end_when_due(evaluate=False)  # nothing is known yet that could be evaluated

    def tick(self) -> None:
        """End it when its time is over; write down now and then how much is left."""
        if self._state.active is None:
            return
        self._end_when_due()
        if self._state.active and self._monotonic() - self._written_at >= COUNT_SECONDS:
            self._write_time_left()

    def request(self) -> dict[str, Any]:
        """A fresh nonce, and the host's id: what a token has to name."""
        nonce = self._new_nonce()
        self._write(self._state.asked(nonce))
        return {"host": self._verifier.host, "nonce": nonce}

    def apply(self, token: bytes, then: Told) -> None:
        """Have the token verified, elsewhere, and use it if it is good."""
        now = self._now()
        self._enforcer.services.work.submit(
            lambda: self._verifier.verify(token, now), lambda found: then(self._verified(found))
        )

    def end(self) -> dict[str, Any]:
        """End it by hand."""
        was_active = self._state.active is not None
        if was_active:
            self._end("by hand")
        return {"ended": was_active}

    def status(self) -> dict[str, Any]:
        """Whether it is in force, by whose word, until when."""
        active = self._state.active
        if active is None:
            return {"active": False}
        return {
            "active": True,
            "began_at": active.began_at.isoformat(),
            "ends_at": self._ends_at(active).isoformat(),
            "reason": active.token.reason,
            "issued_by": active.token.issued_by,
        }

    def degraded(self) -> list[str]:
        """That nobody is killed, if so."""
        active = self._state.active
        if active is None:
            return []
        until = self._ends_at(active).isoformat(timespec="seconds")
        return [f"break-glass is in force until {until}: {active.token.reason}"]

    # What happens to it.

    def _verified(self, token: Token | DockwardenError) -> dict[str, Any] | DockwardenError:
        try:
            if isinstance(token, DockwardenError):
                raise token
            self._begin(token)
        except DockwardenError as error:
            summary = f"A break-glass token was refused: {error}."
            self._emit("break_glass.refused", summary)
            return error
        return self.status()

    def _begin(self, token: Token) -> None:
        if token.nonce not in self._state.nonces:
            raise InvalidToken(
                "the token's nonce was not given out here, or was used",
                hint="each token works once: dockwarden break-glass request",
            )
        now = self._now()
        left = (token.expires_at - now).total_seconds()
        if left <= 0:
            raise InvalidToken("the token has ended")
        if self._state.active is not None:
            self._end("another token was applied", evaluate=False)
        self._write(replace(self._state.used(token.nonce), active=Active(token, now, left, now)))
        self._break(True)
        until = token.expires_at.isoformat(sep=" ", timespec="seconds")
        self._emit(
            "break_glass.began",
            f"Break-glass by {token.issued_by} until {until}: containers are evaluated and"
            f" reported, nothing is killed, stopped or paused. Reason: {token.reason}",
            token,
        )
        self._rescanner.evaluate_known()

    def _end_when_due(self, *, evaluate: bool = True) -> None:
        active = self._state.active
        if active is not None and self._now() >= self._ends_at(active):
            self._end("its time is over", evaluate=evaluate)

    def _end(self, why: str, *, evaluate: bool = True) -> None:
        active = self._state.active
        assert active is not None  # only what is in force ends
        self._break(False)
        self._state = replace(self._state, active=None)
        summary = f"Break-glass by {active.token.issued_by} ended: {why}. The agent acts again."
        self._emit("break_glass.ended", summary, active.token)
        if evaluate:
            self._rescanner.evaluate_known()
        try:
            self._write(self._state)
        except DockwardenError as error:  # it has ended; a restart counts its time again
            log.warning("break_glass.not_written", error=str(error))

    def _break(self, broken: bool) -> None:
        self._enforcer.policy.break_glass.active = broken

    # Time and disk.

    def _left(self, active: Active) -> float:
        return active.left_seconds - (self._monotonic() - self._counted_at)

    def _ends_at(self, active: Active) -> datetime:
        return min(active.token.expires_at, self._now() + timedelta(seconds=self._left(active)))

    def _write_time_left(self) -> None:
        active = self._state.active
        assert active is not None  # nothing else has time left
        rest = replace(active, left_seconds=self._left(active), seen_at=self._now())
        try:
            self._write(replace(self._state, active=rest))
        except DockwardenError as error:
            self._written_at = self._monotonic()
            log.warning("break_glass.not_written", error=str(error))

    def _write(self, state: BreakGlassState) -> None:
        """Durable first, then in force."""
        self._store.write(state)
        if state.active is not self._state.active:
            self._counted_at = self._monotonic()
        self._state, self._written_at = state, self._monotonic()

    def _now(self) -> datetime:
        return self._enforcer.evaluator.time.now()

    def _monotonic(self) -> float:
        return self._enforcer.services.clock.monotonic()

    def _emit(self, event: str, summary: str, token: Token | None = None) -> None:
        about = (
            {"issued_by": token.issued_by, "reason": token.reason, "nonce": token.nonce}
            if token
            else {}
        )
        finding_factory = self._enforcer.services.finding_factory
        self._enforcer.services.emit(
            finding_factory.notice(event, summary, kind=Kind.ALARM, **about)
        )
