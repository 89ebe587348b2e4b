"""What the agent measures of itself, as Prometheus reads it; pure: from status and counters.

Names follow prometheus.io/docs/practices/naming; the form is the text exposition format 0.0.4.
Counters begin at zero with each start of the agent, which `rate` and `increase` expect.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agent.ports import SinkState
from agent.reporting.finding_counters import BUCKETS_MS, FindingCounters
from core.decision.verdict import Mode, Verdict
from core.findings.finding import Kind, Severity

Labels = Mapping[str, str]
Sample = tuple[Labels, float]
NONE: Labels = {}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known at one moment; `status` is `StatusView.status()`, `up` false at the end."""

    status: Mapping[str, Any]
    counters: FindingCounters
    sinks: Sequence[SinkState]
    now: datetime
    up: bool = True


def exposition(snapshot: Snapshot) -> str:
    """The whole text."""
    families = (*_self(snapshot), *_guard(snapshot.status), *_findings(snapshot), *_sinks(snapshot))
    return "".join(_family(*family) for family in families)


Family = tuple[str, str, str, Iterable[Sample]]  # name, type, help, samples


def _self(snapshot: Snapshot) -> Iterator[Family]:
    status = snapshot.status
    version = {"version": str(status["version"])}
    yield "dockwarden_up", "gauge", "Whether the agent runs.", [(NONE, float(snapshot.up))]
    yield "dockwarden_build_info", "gauge", "The agent's version.", [(version, 1)]
    modes = [({"mode": mode.value}, float(status["mode"] == mode)) for mode in Mode]
    yield "dockwarden_mode", "gauge", "1 for the mode the agent is in.", modes
    began = datetime.fromisoformat(status["since"]).timestamp()
    text = "When the agent started, in seconds since the epoch."
    yield "dockwarden_start_time_seconds", "gauge", text, [(NONE, began)]
    text = "When these metrics were measured, in seconds since the epoch."
    yield "dockwarden_measured_time_seconds", "gauge", text, [(NONE, snapshot.now.timestamp())]
    text = "How many reasons there are why enforcement is not working as configured."
    yield "dockwarden_degraded_reasons", "gauge", text, [(NONE, len(status["degraded"]))]


def _guard(status: Mapping[str, Any]) -> Iterator[Family]:
    gauges: tuple[tuple[str, str, object], ...] = (
        ("engine_connected", "Whether the engine answers.", status["engine"]["connected"]),
        ("gate_working", "Whether the cgroup gate works.", status["gate"]["working"]),
        (
            "circuit_breaker_open",
            "Whether the circuit breaker is open.",
            status["circuit_breaker"]["open"],
        ),
        ("break_glass_active", "Whether break-glass is in force.", status["break_glass"]["active"]),
    )
    for name, text, value in gauges:
        yield f"dockwarden_{name}", "gauge", text, [(NONE, float(bool(value)))]
    yield from _allowlist(status["allowlist"])
    layers = status["lockdown"]
    text = "Whether a layer of the lockdown is in place."
    samples = [({"layer": str(each["layer"])}, float(bool(each["in_place"]))) for each in layers]
    yield "dockwarden_lockdown_in_place", "gauge", text, samples
    text = "How often a layer of the lockdown was restored."
    samples = [({"layer": str(each["layer"])}, float(each["healed"])) for each in layers]
    yield "dockwarden_lockdown_heals_total", "counter", text, samples
    running = status["containers"]["by_verdict"]
    samples = [({"verdict": v.value}, float(running.get(v.value, 0))) for v in Verdict]
    yield "dockwarden_containers_running", "gauge", "Running containers by verdict.", samples


def _allowlist(allowlist: Mapping[str, Any]) -> Iterator[Family]:
    trusted = allowlist["sequence"] is not None
    text = "Whether an allowlist is trusted."
    yield "dockwarden_allowlist_trusted", "gauge", text, [(NONE, float(trusted))]
    if trusted:
        text = "The sequence of the allowlist in force."
        yield "dockwarden_allowlist_sequence", "gauge", text, [(NONE, allowlist["sequence"])]
    text = "1 for the present freshness of the allowlist."
    fresh = [({"freshness": str(allowlist["freshness"])}, 1.0)]
    yield "dockwarden_allowlist_freshness", "gauge", text, fresh
    if allowlist.get("synced_at"):
        at = datetime.fromisoformat(allowlist["synced_at"]).timestamp()
        text = "When the signed allowlist was last synced, in seconds since the epoch."
        yield "dockwarden_allowlist_synced_time_seconds", "gauge", text, [(NONE, at)]


def _findings(snapshot: Snapshot) -> Iterator[Family]:
    counters = snapshot.counters
    kinds = [(kind.value, severity.value) for kind in Kind for severity in Severity]
    yield (
        "dockwarden_findings_total",
        "counter",
        "Findings by kind and severity.",
        [({"kind": k, "severity": s}, counters.kinds[k, s]) for k, s in kinds],
    )
    yield (
        "dockwarden_violations_total",
        "counter",
        "Violations by verdict, every occurrence counted.",
        # All from the start on, at zero: of a series that appears, `increase` misses the first.
        [({"verdict": v.value}, counters.verdicts[v.value]) for v in Verdict],
    )
    yield (
        "dockwarden_actions_total",
        "counter",
        "What was done about violations, by enforcement point and result.",
        [
            ({"action": action, "enforcement_point": enforcement_point, "result": result}, count)
            for (action, enforcement_point, result), count in sorted(counters.actions.items())
        ],
    )
    text = "Violations whose code ran before the agent acted."
    yield "dockwarden_violations_ran_total", "counter", text, [(NONE, counters.ran)]
    text = "Time from the detection of a violation to the end of the action."
    yield "dockwarden_action_duration_seconds", "histogram", text, _durations(counters)
    text = "Findings that could not be stored on this host."
    dropped = float(snapshot.status["findings"]["dropped"])
    yield "dockwarden_findings_dropped_total", "counter", text, [(NONE, dropped)]


def _durations(counters: FindingCounters) -> Iterator[Sample]:
    """Samples of a histogram carry their suffix as the pseudo-label `__suffix__`."""
    total = 0
    for bound in BUCKETS_MS:
        total += counters.took[bound]
        yield {"__suffix__": "_bucket", "le": f"{bound / 1000:g}"}, total
    total += counters.took[float("inf")]
    yield {"__suffix__": "_bucket", "le": "+Inf"}, total
    yield {"__suffix__": "_sum"}, counters.took_sum_ms / 1000
    yield {"__suffix__": "_count"}, total


def _sinks(snapshot: Snapshot) -> Iterator[Family]:
    sinks = snapshot.sinks
    rows: tuple[tuple[str, str, str, Sequence[float]], ...] = (
        ("waiting", "gauge", "Findings that wait for a sink.", [s.waiting for s in sinks]),
        (
            "failing",
            "gauge",
            "Whether a sink's last attempt failed.",
            [bool(s.error) for s in sinks],
        ),
        ("sent_total", "counter", "Findings that a sink accepted.", [s.sent for s in sinks]),
        (
            "dropped_total",
            "counter",
            "Findings that a sink never received.",
            [s.dropped for s in sinks],
        ),
        ("refused_total", "counter", "Findings that a sink refused.", [s.refused for s in sinks]),
    )
    for name, kind, text, values in rows:
        samples = [
            ({"sink": sink.name}, float(value)) for sink, value in zip(sinks, values, strict=True)
        ]
        yield f"dockwarden_sink_{name}", kind, text, samples


def _family(name: str, kind: str, text: str, samples: Iterable[Sample]) -> str:
    lines = [f"{name}{_labels(labels)} {_value(value)}\n" for labels, value in samples]
    return "".join((f"# HELP {name} {text}\n", f"# TYPE {name} {kind}\n", *lines)) if lines else ""


def _labels(labels: Labels) -> str:
    suffix = labels.get("__suffix__", "")
    pairs = [f'{key}="{_escaped(v)}"' for key, v in labels.items() if key != "__suffix__"]
    return f"{suffix}{{{','.join(pairs)}}}" if pairs else suffix


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _value(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
