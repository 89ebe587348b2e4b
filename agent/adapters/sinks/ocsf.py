"""A finding as an OCSF event: Detection Finding (class 2004) of OCSF 1.8.0; pure, no I/O.

The identifiers are those of the published schema (schema.ocsf.io/1.8.0), profiles `host`,
`container` and `security_control`.
"""

from typing import Any

from core import __version__
from core.decision.verdict import Action
from core.findings.finding import Finding, Kind, Outcome, Severity
from core.findings.finding_record import as_record
from core.image.identity import Container

OCSF_VERSION = "1.8.0"
_CLASS, _CATEGORY = 2004, 2
_CREATE, _UPDATE = 1, 2  # activity_id
_SEVERITY = {  # severity_id
    Severity.INFO: (1, "Informational"),
    Severity.WARNING: (3, "Medium"),
    Severity.ERROR: (4, "High"),
    Severity.CRITICAL: (5, "Critical"),
}
_ALLOWED, _DENIED, _OBSERVED = (1, "Allowed"), (2, "Denied"), (3, "Observed")  # action_id
_DISPOSITION = {  # disposition_id
    Action.ALLOW: (1, "Allowed"),
    Action.REPORT: (17, "Logged"),
    Action.PAUSE: (3, "Quarantined"),
    Action.STOP: (2, "Blocked"),
    Action.KILL: (2, "Blocked"),
}
_FAILED = (16, "No Action")
_SHA256 = 3  # fingerprint.algorithm_id
_SERVER = 1  # device.type_id


def as_ocsf(finding: Finding) -> dict[str, Any] | None:
    """The event, or None for a notice, which detects nothing. Times are in milliseconds.

    The occurrences of one restart loop are one finding: created once, then updated.
    """
    if finding.kind is Kind.NOTICE:
        return None
    record = as_record(finding)  # bounded, and fit for UTF-8
    severity_id, severity = _SEVERITY[finding.severity]
    activity = _UPDATE if finding.occurrence > 1 else _CREATE
    event: dict[str, Any] = {
        "activity_id": activity,
        "activity_name": "Update" if activity == _UPDATE else "Create",
        "category_uid": _CATEGORY,
        "category_name": "Findings",
        "class_uid": _CLASS,
        "class_name": "Detection Finding",
        "type_uid": _CLASS * 100 + activity,
        "type_name": f"Detection Finding: {'Update' if activity == _UPDATE else 'Create'}",
        "time": int(finding.at.timestamp() * 1000),
        "severity_id": severity_id,
        "severity": severity,
        "status_id": 1,
        "status": "New",
        "is_alert": True,
        "count": finding.occurrence,
        "message": record["summary"],
        "finding_info": {
            "uid": record["violation_id"] or record["id"],
            "title": record["summary"],
            "types": [record["event"]],
        },
        "metadata": _metadata(record),
        "device": {"hostname": record["host"] or "unknown", "type_id": _SERVER, "type": "Server"},
        "unmapped": {"mode": record["mode"], "details": record["details"]},
    }
    if record["next_step"]:
        event["remediation"] = {"desc": record["next_step"]}
    if finding.outcome is not None:
        event |= _acted(finding.outcome)
    if finding.container is not None:
        event |= _about(finding.container, record)
    return event


def _metadata(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": OCSF_VERSION,
        "uid": record["id"],
        "event_code": record["event"],
        "profiles": ["container", "host", "security_control"],
        "product": {"name": "dockwarden", "vendor_name": "dockwarden", "version": __version__},
    }


def _acted(outcome: Outcome) -> dict[str, Any]:
    action_id, action = _DENIED if outcome.action.touches else _OBSERVED
    if outcome.action is Action.ALLOW or (outcome.error and outcome.action.touches):
        action_id, action = _ALLOWED
    failed = outcome.error and outcome.action.touches
    disposition_id, disposition = _FAILED if failed else _DISPOSITION[outcome.action]
    return {
        "action_id": action_id,
        "action": action,
        "disposition_id": disposition_id,
        "disposition": disposition,
    }


def _about(container: Container, record: dict[str, Any]) -> dict[str, Any]:
    shown = record["container"]
    described: dict[str, Any] = {"uid": shown["id"], "name": shown["name"], "runtime": "docker"}
    if container.image is not None:
        image = container.image.image_id
        described["image"] = {"uid": str(image), "name": shown["claimed_reference"]}
        described["hash"] = {
            "algorithm_id": _SHA256,
            "algorithm": "SHA-256",
            "value": str(image).partition(":")[2],
        }
    data = {"decision": record["decision"], "outcome": record["outcome"]}
    return {
        "evidences": [{"container": described, "data": data}],
        "resources": [{"uid": shown["id"], "name": shown["name"], "type": "container"}],
    }
