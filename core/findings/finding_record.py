"""A finding as a plain record, the one form in which it is written and sent; pure, no I/O.

Fields and limits are published in docs/reference/findings.md and schemas/finding-1.schema.json.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from core.decision.decision import Decision
from core.findings.finding import Finding, Outcome
from core.image.identity import Container, ImageIdentity
from core.text import encodable, shortened

VERSION = 1
LONGEST_TEXT = 4096  # characters
LONGEST_LABEL = 1024
MOST_LABELS = 64


def as_record(finding: Finding) -> dict[str, Any]:
    """Dicts, text, numbers and None only: every value can be written as UTF-8 JSON.

    Text is cut at `LONGEST_TEXT` characters and labels at `MOST_LABELS`, since the starter of
    the container chooses their size; what was cut is shown.
    """
    return {
        "version": VERSION,
        "id": _text(finding.id),
        "at": timestamp(finding.at),
        "kind": str(finding.kind),
        "severity": str(finding.severity),
        "event": _text(finding.event),
        "summary": _text(finding.summary),
        "next_step": _text(finding.next_step),
        "host": _text(finding.host),
        "mode": str(finding.mode),
        "violation_id": _text(finding.violation_id),
        "occurrence": finding.occurrence,
        "container": _container(finding.container) if finding.container else None,
        "decision": _decision(finding.decision) if finding.decision else None,
        "outcome": _outcome(finding.outcome) if finding.outcome else None,
        "evidence": _text(finding.evidence),
        "list_sequence": finding.list_sequence,
        "details": _pairs(finding.details, LONGEST_TEXT),
    }


def timestamp(at: datetime) -> str:
    """RFC 3339 in UTC with microseconds and `Z`: fixed width, so text order is time order."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _container(container: Container) -> dict[str, Any]:
    return {
        "id": _text(container.id),
        "name": _text(container.name),
        "state": str(container.state),
        "claimed_reference": _text(container.claimed_reference),
        "command": _text(container.command),
        "labels": _pairs(container.labels, LONGEST_LABEL),
        "labels_left_out": max(0, len(container.labels) - MOST_LABELS),
        "created_at": timestamp(container.created_at) if container.created_at else None,
        "image": _image(container.image) if container.image else None,
    }


def _image(image: ImageIdentity) -> dict[str, Any]:
    return {
        "id": str(image.image_id),
        "manifest": str(image.manifest) if image.manifest else None,
        "chain_id": str(image.chain[-1]) if image.chain else None,
    }


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "verdict": str(decision.verdict),
        "reason": _text(decision.reason),
        "scope": _text(decision.scope),
        "matched": str(decision.matched) if decision.matched else None,
        "repository": _text(decision.repository),
        "until": timestamp(decision.until) if decision.until else None,
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "action": str(outcome.action),
        "enforcement_point": str(outcome.enforcement_point),
        "ran_ms": _number(outcome.ran_ms),
        "took_ms": _number(outcome.took_ms),
        "error": _text(outcome.error),
        "breaker_open": outcome.breaker_open,
    }


def _text(text: str, limit: int = LONGEST_TEXT) -> str:
    return encodable(shortened(text, limit))


def _number(value: float | None) -> float | None:
    return round(value, 3) if value is not None and isfinite(value) else None


def _pairs(pairs: Mapping[str, str], limit: int) -> dict[str, str]:
    kept = list(pairs.items())[:MOST_LABELS]
    return {_text(str(key), limit): _text(str(value), limit) for key, value in kept}
