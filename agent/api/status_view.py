"""What the control socket answers: status, containers, reasons; reads the loop's state only."""

from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from agent.api.reload import Reloader
from agent.enforcement.connection import Connection
from agent.enforcement.enforce import Enforcer
from agent.enforcement.freshness import Freshness
from agent.enforcement.rescan import Rescanner
from agent.enforcement.tracked_container import TrackedContainer
from agent.lockdown.reconcile import Reconciler
from agent.policy.break_glass import BreakGlass
from agent.policy.list_loader import ListKeeper
from agent.policy.list_syncer import Syncer
from agent.ports import Exporter
from agent.ports.lockdown_values import concerns
from agent.reporting.recorder import Recorder
from core import __version__
from core.base_errors import DockwardenError
from core.decision.verdict import EnforcementPoint
from core.findings.finding import Finding, Kind
from core.image.identity import Container

REMEMBERED = 1000
REFUSED = "egress.refused"
SHORTEST_ID = 4  # characters of a container ID that are enough to name it

K = TypeVar("K")


class Uplink(Protocol):
    """The way to the collector, if there is one."""

    def status(self) -> dict[str, Any]:
        """What is on its way."""
        ...

    def degraded(self) -> list[str]:
        """Why reports do not arrive, in words."""
        ...


@dataclass(slots=True)
class Memory:
    """The last refusals by container and by address, and how many findings there were; bounded."""

    violations: int = 0
    alarms: int = 0
    last: str = ""
    recent: "OrderedDict[str, Finding]" = field(default_factory=OrderedDict)
    egress: "OrderedDict[tuple[str, str], Finding]" = field(default_factory=OrderedDict)
    selftest_failures: tuple[str, ...] = ()

    def add(self, finding: Finding) -> None:
        """Remember a finding; a container's newest replaces its older ones."""
        if finding.kind is Kind.ALARM:
            self.alarms += 1
        if finding.event == REFUSED:
            about = finding.details
            _keep(self.egress, (about["registry"], about["destination"]), finding)
        if finding.kind is not Kind.VIOLATION or finding.container is None:
            return
        self.violations += 1
        self.last = finding.at.isoformat()
        _keep(self.recent, finding.container.id, finding)

    def find(self, name: str) -> Finding | None:
        """The newest finding about a container by name, ID or the start of its ID."""
        for finding in reversed(self.recent.values()):
            container = finding.container
            if container and _is_called(container, name):
                return finding
        return None

    def refusal(self, name: str) -> Finding | None:
        """The newest refused connection to a registry or an address."""
        for (registry, destination), finding in reversed(self.egress.items()):
            if concerns(name, registry, destination):
                return finding
        return None


def _keep(recent: "OrderedDict[K, Finding]", key: K, finding: Finding) -> None:
    recent[key] = finding
    recent.move_to_end(key)
    while len(recent) > REMEMBERED:
        recent.popitem(last=False)


@dataclass(frozen=True, slots=True)
class StatusView:
    """Builds the replies; every method runs on the loop's thread."""

    enforcer: Enforcer
    lists: ListKeeper
    rescanner: Rescanner
    connection: Connection
    recorder: Recorder
    reconciler: Reconciler
    memory: Memory
    began: datetime
    syncer: Syncer | None = None  # of a signed list
    break_glass: BreakGlass | None = None
    uplink: Uplink | None = None
    exporters: Sequence[Exporter] = ()  # the sinks beside the host
    reloader: Reloader | None = None

    def ps(self) -> list[dict[str, Any]]:
        """All containers with their verdicts."""
        return [
            _row(tracked) for tracked in self.enforcer.table.entries.values() if tracked.container
        ]

    def explain(self, name: str) -> dict[str, Any]:
        """Why a container was refused, or why it may run, or why a registry or an address was;
        raises DockwardenError if unknown."""
        finding = self.memory.find(name)
        tracked = self._tracked(name)
        if tracked is not None and (finding is None or not tracked.action.touches):
            return self._signed(self._explain_tracked(tracked))
        if finding is None:
            finding = self.memory.refusal(name)
        if finding is None:
            raise DockwardenError(
                f"no container {name!r} is known here, and no such refused address",
                hint="give a name or an ID as `docker ps -a` or `dockwarden violations` shows it, "
                "or the registry or address that a pull could not reach",
            )
        return self._signed(explanation(finding))

    def _signed(self, explained: dict[str, Any]) -> dict[str, Any]:
        """With the signers of the list that spoke."""
        scope = str(explained["scope"])
        return {**explained, "signers": self.syncer.signers(scope) if self.syncer else []}

    def _tracked(self, name: str) -> TrackedContainer | None:
        for tracked in self.enforcer.table.entries.values():
            container = tracked.container
            if container and _is_called(container, name):
                return tracked
        return None

    def _explain_tracked(self, tracked: TrackedContainer) -> dict[str, Any]:
        decision, container = tracked.decision, tracked.container
        assert container is not None  # _case found it by its container
        return {
            "name": container.name,
            "id": tracked.id,
            "image": container.claimed_reference,
            "verdict": str(decision.verdict) if decision else "undetermined",
            "reason": decision.reason if decision else "its image is being looked up",
            "scope": decision.scope if decision else "",
            "action": str(tracked.action),
            "contact": self.enforcer.policy.contact,
        }

    def containers(self) -> dict[str, Any]:
        """How many run, by verdict."""
        live = [tracked for tracked in self.enforcer.table.entries.values() if tracked.live]
        verdicts = Counter(str(tracked.decision.verdict) for tracked in live if tracked.decision)
        return {"running": len(live), "by_verdict": dict(verdicts)}

    def allowlist(self) -> dict[str, Any]:
        """What list is in force, and what is wrong with a newer one."""
        trusted, loaded = self.enforcer.evaluator.trusted, self.lists.loaded_at
        info = trusted.info if trusted else None
        return {
            "sequence": info.sequence if info else None,
            "origin": info.origin if info else "",
            "signed": info.signed if info else False,
            "scope": info.scope if info else "",
            "approvals": info.approvals if info else 0,
            "loaded_at": loaded.isoformat() if loaded else None,
            "error": self.lists.error,
            **(self.syncer.status() if self.syncer else {"freshness": Freshness.UNSIGNED}),
        }

    def status(self) -> dict[str, Any]:
        """The whole state, for `dockwarden status`."""
        engine, gate = self.connection.info, self.enforcer.gate_handler.state
        return {
            "version": __version__,
            "mode": str(self.enforcer.policy.mode),
            "since": self.began.isoformat(),
            "engine": {
                "version": engine.version if engine else "",
                "connected": not self.connection.error,
                "cgroup_version": engine.cgroup_version if engine else "",
                "cgroup_driver": engine.cgroup_driver if engine else "",
                "containerd_store": engine.containerd_store if engine else False,
            },
            "allowlist": self.allowlist(),
            **({"configuration": self.reloader.status()} if self.reloader else {}),
            "gate": {"working": gate.working, "reason": gate.reason},
            "circuit_breaker": self._circuit_breaker(),
            "break_glass": self.break_glass.status() if self.break_glass else {"active": False},
            "lockdown": self.reconciler.status(),
            "containers": self.containers(),
            "findings": {
                "violations": self.memory.violations,
                "alarms": self.memory.alarms,
                "last": self.memory.last,
                "dropped": self.recorder.dropped,
            },
            **({"uplink": self.uplink.status()} if self.uplink else {}),
            "sinks": [asdict(exporter.state()) for exporter in self.exporters],
            "degraded": self.degraded() + (self.uplink.degraded() if self.uplink else []),
        }

    def for_collector(self) -> dict[str, Any]:
        """The state for the collector: what arrives there proves that the uplink works."""
        return {**self.status(), "degraded": self.degraded()}

    def _circuit_breaker(self) -> dict[str, Any]:
        circuit_breaker, clock = self.enforcer.circuit_breaker, self.enforcer.services.clock
        since = None
        if circuit_breaker.opened_at is not None:
            since = clock.now() - timedelta(seconds=clock.monotonic() - circuit_breaker.opened_at)
        return {
            "open": circuit_breaker.is_open,
            "since": since.isoformat() if since else None,
            "kills": circuit_breaker.refused_at,
        }

    def degraded(self) -> list[str]:
        """Every reason why enforcement is not working as configured, in words."""
        enforcer = self.enforcer
        reasons = [
            self.connection.error,
            self.rescanner.engine_error,
            self.lists.error,
            self.recorder.failing,
        ]
        if enforcer.evaluator.trusted is None:
            reasons.append("no trusted allowlist: containers are undetermined")
        if (
            EnforcementPoint.GATE in enforcer.policy.enforcement_points
            and not enforcer.gate_handler.state.working
        ):
            reasons.append(f"the cgroup gate does not work: {enforcer.gate_handler.state.reason}")
        if enforcer.circuit_breaker.is_open:
            reasons.append("the circuit breaker is open: disruptive kills are reported instead")
        reasons += self.syncer.degraded() if self.syncer else []
        reasons += self.break_glass.degraded() if self.break_glass else []
        reasons += self.reconciler.degraded()
        reasons += [f"the last selftest failed: {f}" for f in self.memory.selftest_failures]
        reasons += self.reloader.degraded() if self.reloader else []
        states = [exporter.state() for exporter in self.exporters]
        reasons += [f"the sink {s.name} fails: {s.error}" for s in states if s.error]
        return list(dict.fromkeys(reason for reason in reasons if reason))


def _is_called(container: Container, name: str) -> bool:
    return container.name == name or (len(name) >= SHORTEST_ID and container.id.startswith(name))


def explanation(finding: Finding) -> dict[str, Any]:
    """The answer for a refused user."""
    container, decision, outcome = finding.container, finding.decision, finding.outcome
    about = finding.details.get("registry") or finding.details.get("destination", "")
    found: Mapping[str, Any] = {
        "name": container.name if container else about,
        "id": container.id if container else "",
        "image": container.claimed_reference if container else "",
        "verdict": str(decision.verdict) if decision else "",
        "reason": decision.reason if decision else finding.summary,
        "scope": decision.scope if decision else "",
        "action": str(outcome.action) if outcome else "refuse",
        "enforcement_point": str(outcome.enforcement_point) if outcome else "",
        "ran_ms": outcome.ran_ms if outcome else None,
        "at": finding.at.isoformat(),
        "next_step": finding.next_step,
        "count": finding.occurrence,
    }
    return dict(found)


def _row(tracked: TrackedContainer) -> dict[str, Any]:
    container, decision = tracked.container, tracked.decision
    assert container is not None  # ps asks only for cases that were looked up
    return {
        "id": tracked.id,
        "name": container.name,
        "image": container.claimed_reference,
        "state": str(container.state),
        "verdict": str(decision.verdict) if decision else "undetermined",
        "reason": decision.reason if decision else "",
        "action": str(tracked.action),
    }
