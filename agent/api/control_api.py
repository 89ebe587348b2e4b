"""What the control sockets offer: each verb is answered by the loop, for another thread."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import asdict
from typing import Any, TypeVar

from agent.api.reload import Reloaded
from agent.api.status_view import StatusView
from agent.policy.break_glass import BreakGlass
from agent.ports.work import Calls
from core.base_errors import DockwardenError
from core.findings.finding import Kind

ASK_SECONDS = 5.0  # how long a question waits for the loop
TOKEN_SECONDS = 30.0  # a helper verifies it
RELOAD_SECONDS = 65.0  # another process reads the files
RESTORE_SECONDS = 50.0  # an engine's reload has to be seen, too

T = TypeVar("T")
Handler = Callable[[Mapping[str, Any]], Any]


class ControlApi:
    """Handlers by verb; they run on the socket server's thread and touch nothing themselves."""

    def __init__(self, status_view: StatusView, loop: Calls) -> None:
        self._status_view = status_view
        self._loop = loop

    def for_everyone(self) -> dict[str, Handler]:
        """What people who may ask why something was refused can do."""
        return {"explain": self._explain}

    def for_root(self) -> dict[str, Handler]:
        """All verbs."""
        status_view = self._status_view
        return {
            **self.for_everyone(),
            "status": lambda _: self._ask(status_view.status),
            "ps": lambda _: self._ask(status_view.ps),
            "rescan": lambda _: self._ask(lambda: status_view.rescanner.rescan("asked for")),
            "restore": lambda _: self._restore(),
            "reload": lambda _: self._reload(),
            "selftest-result": lambda given: self._ask(lambda: self._selftest_result(given)),
            "reset-circuit-breaker": lambda _: self._ask(self._reset_circuit_breaker),
            "sync": lambda _: self._ask(self._sync),
            "sync-outcome": lambda given: self._ask(lambda: self._outcome(given)),
            "break-glass-request": lambda _: self._ask(lambda: self._break_glass().request()),
            "break-glass-apply": self._apply_token,
            "break-glass-status": lambda _: self._ask(lambda: self._break_glass().status()),
            "break-glass-end": lambda _: self._ask(lambda: self._break_glass().end()),
        }

    def _sync(self) -> dict[str, Any]:
        syncer = self._status_view.syncer
        if syncer is None:
            self._status_view.lists.load()
            return {"signed": False}
        return {"signed": True, "number": syncer.sync()}

    def _outcome(self, given: Mapping[str, Any]) -> dict[str, Any]:
        syncer, number = self._status_view.syncer, given.get("number")
        if syncer is None or not isinstance(number, int):
            raise DockwardenError("there is no such sync", hint="dockwarden sync starts one")
        return syncer.outcome(number)

    def _break_glass(self) -> BreakGlass:
        if self._status_view.break_glass is None:
            raise DockwardenError("this agent accepts no break-glass tokens")
        return self._status_view.break_glass

    def _apply_token(self, given: Mapping[str, Any]) -> dict[str, Any]:
        token = str(given.get("token", "")).encode()
        answer: Future[dict[str, Any]] = Future()

        def told(result: dict[str, Any] | DockwardenError) -> None:
            if isinstance(result, DockwardenError):
                answer.set_exception(result)
            else:
                answer.set_result(result)

        self._loop.call(lambda: self._break_glass().apply(token, told))
        return _awaited(answer, TOKEN_SECONDS)

    def _explain(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        name = str(arguments.get("container", "")).lstrip("/")
        return self._ask(lambda: self._status_view.explain(name))

    def _reset_circuit_breaker(self) -> dict[str, Any]:
        enforcer = self._status_view.enforcer
        was_on = enforcer.circuit_breaker.is_open
        enforcer.circuit_breaker.reset_by_hand(enforcer.services.clock.monotonic())
        if was_on:
            notice = enforcer.services.finding_factory.notice(
                "circuit_breaker.reset", "The circuit breaker was reset by hand."
            )
            enforcer.services.emit(notice)
            self._status_view.rescanner.rescan("circuit breaker reset")
        return {"released": was_on}

    def _restore(self) -> list[dict[str, Any]]:
        answer: Future[list[dict[str, Any]]] = Future()
        self._loop.call(lambda: self._status_view.reconciler.restore(answer.set_result))
        return _awaited(answer, RESTORE_SECONDS)

    def _selftest_result(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """A failure is an alarm, and degrades the agent until a selftest succeeds."""
        told = given.get("failures")
        failures = tuple(str(each) for each in told) if isinstance(told, list) else ()
        self._status_view.memory.selftest_failures = failures
        services = self._status_view.enforcer.services
        if failures:
            summary = f"The selftest failed: {'; '.join(failures)}"
            notice = services.finding_factory.notice("selftest.failed", summary, kind=Kind.ALARM)
            services.emit(notice)
        return {}

    def _reload(self) -> dict[str, Any]:
        reloader = self._status_view.reloader
        if reloader is None:
            raise DockwardenError("this agent cannot reload", hint="restart it")
        answer: Future[dict[str, Any]] = Future()
        self._loop.call(lambda: reloader.reload(lambda outcome: _settle(answer, outcome)))
        return _awaited(answer, RELOAD_SECONDS)

    def _ask(self, question: Callable[[], T]) -> T:
        answer: Future[T] = Future()

        def run() -> None:
            try:
                answer.set_result(question())
            except DockwardenError as error:
                answer.set_exception(error)

        self._loop.call(run)
        return _awaited(answer, ASK_SECONDS)


def _settle(answer: "Future[dict[str, Any]]", outcome: Reloaded | DockwardenError) -> None:
    if isinstance(outcome, DockwardenError):
        answer.set_exception(outcome)
    else:
        answer.set_result(asdict(outcome))


def _awaited(answer: "Future[T]", seconds: float) -> T:
    try:
        return answer.result(seconds)
    except TimeoutError as error:
        raise DockwardenError(
            f"the agent did not answer within {seconds:g} s",
            hint="it is busy or stuck: see journalctl -u dockwarden",
        ) from error
