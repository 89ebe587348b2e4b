"""A finding's data (core/schemas/finding-1.schema.json) to what is searched by; no I/O.

The structs are as strict as the schema: what is kept has been decoded whole, so that later
readers meet no broken text.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from collector.ingest.field_types import Count, Digest, Positive, Time, fit
from collector.model.records import Row
from core.decision.verdict import Action, Verdict

_Pairs = Annotated[dict[str, str], Meta(max_length=64)]


class _Image(Struct, forbid_unknown_fields=True):
    id: Digest
    manifest: Digest | None
    chain_id: Digest | None


class _Container(Struct, forbid_unknown_fields=True):
    id: str
    name: str
    state: Literal[
        "created", "running", "paused", "restarting", "removing", "exited", "dead", "unknown"
    ]
    claimed_reference: str
    command: str
    labels: _Pairs
    labels_left_out: Count
    created_at: Time | None
    image: _Image | None


class _Decision(Struct, forbid_unknown_fields=True):
    verdict: Verdict
    reason: str
    scope: str
    matched: Digest | None
    repository: str
    until: Time | None


class _Outcome(Struct, forbid_unknown_fields=True):
    action: Literal["allow", "report", "stop", "kill", "pause"]
    enforcement_point: Literal["create", "gate", "start", "rescan", "build"]
    ran_ms: float | None
    took_ms: float | None
    error: str
    breaker_open: bool


class _Finding(Struct, forbid_unknown_fields=True):
    version: Literal[1]
    id: str
    at: Time
    kind: Literal["violation", "alarm", "notice"]
    severity: Literal["info", "warning", "error", "critical"]
    event: str
    summary: str
    next_step: str
    host: str
    mode: Literal["observe", "enforce"]
    violation_id: str
    occurrence: Positive
    container: _Container | None
    decision: _Decision | None
    outcome: _Outcome | None
    evidence: str
    list_sequence: Count | None
    details: _Pairs


_DECODER = msgspec.json.Decoder(_Finding)


def read_finding(data: msgspec.Raw) -> Row:
    """Raises `msgspec.DecodeError`, `ValidationError` or `UnicodeDecodeError` with the reason."""
    finding = _DECODER.decode(data)
    container, decision = finding.container, finding.decision
    image = container.image if container else None
    return Row(
        kind=finding.kind,
        severity=finding.severity,
        event=fit(finding.event, 200),
        verdict=str(decision.verdict) if decision else "",
        scope=fit(decision.scope, 255) if decision else "",
        handling=_handling(finding),
        image=image.id if image else "",
        reference=fit(container.claimed_reference) if container else "",
        container=fit(container.name) if container else "",
        next_step=fit(finding.next_step),
    )


def _handling(finding: _Finding) -> str:
    """Killed is what was touched successfully; every other violation was only reported."""
    if finding.kind != "violation":
        return ""
    outcome = finding.outcome
    touched = outcome is not None and Action(outcome.action).touches and not outcome.error
    return "killed" if touched else "reported"
