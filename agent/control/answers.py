"""What the control socket is told: status, containers, reasons; reads the loop's state only."""

from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from agent import __version__
from agent.control.breakglass import BreakGlass
from agent.control.case import Case
from agent.control.connection import Connection
from agent.control.enforce import Enforcer
from agent.control.freshness import Freshness
from agent.control.lists import ListKeeper
from agent.control.reconcile import Reconciler
from agent.control.record import Recorder
from agent.control.sweep import Sweeper
from agent.control.sync import Syncer
from agent.domain.errors import DockwardenError
from agent.domain.finding import Finding, Kind
from agent.domain.identity import Container
from agent.domain.lockdown import concerns
from agent.domain.verdict import Net
from agent.ports import Outlet

REMEMBERED = 1000
REFUSED = "egress.refused"
SHORTEST_ID = 4  # characters of a container ID that may stand for the whole

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
class Answers:
    """Builds the replies; every method runs on the loop's thread."""

    enforcer: Enforcer
    lists: ListKeeper
    sweeper: Sweeper
    connection: Connection
    recorder: Recorder
    reconciler: Reconciler
    memory: Memory
    began: datetime
    syncer: Syncer | None = None  # of a signed list
    glass: BreakGlass | None = None
    uplink: Uplink | None = None
    outlets: Sequence[Outlet] = ()  # the sinks beside the host

    def ps(self) -> list[dict[str, Any]]:
        """All containers with their verdicts."""
        return [_row(case) for case in self.enforcer.book.cases.values() if case.container]

    def explain(self, name: str) -> dict[str, Any]:
        """Why a container was refused, or why it may run, or why a registry or an address was;
        raises DockwardenError if unknown."""
        finding = self.memory.find(name)
        case = self._case(name)
        if case is not None and (finding is None or not case.action.touches):
            return self._signed(self._explain_case(case))
        if finding is None:
            finding = self.memory.refusal(name)
        if finding is None:
            raise DockwardenError(
                f"no container {name!r} is known here, and no refused address",
                hint="give a name or an ID as `docker ps -a` or `dockwarden violations` shows it, "
                "or the registry or address that a pull could not reach",
            )
        return self._signed(explanation(finding))

    def _signed(self, explained: dict[str, Any]) -> dict[str, Any]:
        """With the signers of the list that spoke."""
        scope = str(explained["scope"])
        return {**explained, "signers": self.syncer.signers(scope) if self.syncer else []}

    def _case(self, name: str) -> Case | None:
        for case in self.enforcer.book.cases.values():
            container = case.container
            if container and _is_called(container, name):
                return case
        return None

    def _explain_case(self, case: Case) -> dict[str, Any]:
        decision, container = case.decision, case.container
        assert container is not None  # _case found it by its container
        return {
            "name": container.name,
            "id": case.id,
            "image": container.claimed_reference,
            "verdict": str(decision.verdict) if decision else "undetermined",
            "reason": decision.reason if decision else "it is being looked up",
            "scope": decision.scope if decision else "",
            "action": str(case.action),
            "contact": self.enforcer.policy.contact,
        }

    def containers(self) -> dict[str, Any]:
        """How many run, by verdict."""
        live = [case for case in self.enforcer.book.cases.values() if case.live]
        verdicts = Counter(str(case.decision.verdict) for case in live if case.decision)
        return {"running": len(live), "by_verdict": dict(verdicts)}

    def allowlist(self) -> dict[str, Any]:
        """What list is in force, and what is wrong with a newer one."""
        trusted, loaded = self.enforcer.judge.trusted, self.lists.loaded_at
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
        engine, gate = self.connection.info, self.enforcer.gatehouse.state
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
            "gate": {"standing": gate.standing, "reason": gate.reason},
            "brake": self._brake(),
            "break_glass": self.glass.status() if self.glass else {"active": False},
            "lockdown": self.reconciler.status(),
            "containers": self.containers(),
            "findings": {
                "violations": self.memory.violations,
                "alarms": self.memory.alarms,
                "last": self.memory.last,
                "dropped": self.recorder.dropped,
            },
            **({"uplink": self.uplink.status()} if self.uplink else {}),
            "sinks": [asdict(outlet.state()) for outlet in self.outlets],
            "degraded": self.degraded() + (self.uplink.degraded() if self.uplink else []),
        }

    def told(self) -> dict[str, Any]:
        """The state for the collector: what arrives there proves that the uplink works."""
        return {**self.status(), "degraded": self.degraded()}

    def _brake(self) -> dict[str, Any]:
        brake, clock = self.enforcer.brake, self.enforcer.tools.clock
        since = None
        if brake.on_since is not None:
            since = clock.now() - timedelta(seconds=clock.monotonic() - brake.on_since)
        return {
            "on": brake.on,
            "since": since.isoformat() if since else None,
            "kills": brake.refused_at,
        }

    def degraded(self) -> list[str]:
        """Every reason why the guard does not stand as configured, in words."""
        enforcer = self.enforcer
        reasons = [
            self.connection.error,
            self.sweeper.engine_error,
            self.lists.error,
            self.recorder.failing,
        ]
        if enforcer.judge.trusted is None:
            reasons.append("no trusted allowlist: containers are undetermined")
        if Net.GATE in enforcer.policy.nets and not enforcer.gatehouse.state.standing:
            reasons.append(f"the cgroup gate does not stand: {enforcer.gatehouse.state.reason}")
        if enforcer.brake.on:
            reasons.append("the kill-rate brake is on: disruptive kills are reported instead")
        reasons += self.syncer.degraded() if self.syncer else []
        reasons += self.glass.degraded() if self.glass else []
        reasons += self.reconciler.degraded()
        states = [outlet.state() for outlet in self.outlets]
        reasons += [f"the sink {s.name} fails: {s.error}" for s in states if s.error]
        return list(dict.fromkeys(reason for reason in reasons if reason))


def _is_called(container: Container, name: str) -> bool:
    return container.name == name or (len(name) >= SHORTEST_ID and container.id.startswith(name))


def explanation(finding: Finding) -> dict[str, Any]:
    """What a refused person is told."""
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
        "net": str(outcome.net) if outcome else "",
        "ran_ms": outcome.ran_ms if outcome else None,
        "at": finding.at.isoformat(),
        "next_step": finding.next_step,
        "count": finding.occurrence,
    }
    return dict(found)


def _row(case: Case) -> dict[str, Any]:
    container, decision = case.container, case.decision
    assert container is not None  # ps asks only for cases that were looked up
    return {
        "id": case.id,
        "name": container.name,
        "image": container.claimed_reference,
        "state": str(container.state),
        "verdict": str(decision.verdict) if decision else "undetermined",
        "reason": decision.reason if decision else "",
        "action": str(case.action),
    }
