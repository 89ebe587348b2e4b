"""Enrolment and the audit log; each function answers one address."""

from datetime import timedelta
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from collector.web.export import every, exported
from collector.web.render import rendered
from collector.web.values import AuditEntry, Secret
from collector.web.visit import Visit

LIFETIMES: Final = {
    "1": ("1 hour", timedelta(hours=1)),
    "24": ("1 day", timedelta(days=1)),
    "168": ("7 days", timedelta(days=7)),
    "720": ("30 days", timedelta(days=30)),
}
_ROWS: Final = 50
_EXPORT_ROWS: Final = 1000
_LONGEST_NOTE: Final = 200
_MOST_USES: Final = 100_000


def enrolment(visit: Visit) -> Response:
    """The secrets with which hosts may enrol."""
    return _desk(visit)


def create_secret(visit: Visit) -> Response:
    """Shown in this answer and never again; so this POST answers with the page itself."""
    note = visit.form.get("note", "").strip()[:_LONGEST_NOTE]
    lifetime = LIFETIMES.get(visit.form.get("lifetime", ""))
    uses = visit.form.get("uses", "").strip()
    if not note:
        return _desk(visit, problem="Say in the note what the secret is for.", status=400)
    if lifetime is None:
        return _desk(visit, problem="Choose how long the secret is valid.", status=400)
    if uses and not (uses.isascii() and uses.isdigit() and 0 < int(uses[:7]) <= _MOST_USES):
        problem = f"Hosts: a number from 1 to {_MOST_USES}, or nothing for any number."
        return _desk(visit, problem=problem, status=400)
    made, text = visit.ports.enrolment.create(
        note, lifetime[1], int(uses) if uses else None, visit.actor, visit.now
    )
    return _desk(visit, made=made, text=text)


def revoke_secret(visit: Visit) -> Response:
    """No host enrols with it any more; those that did stay."""
    if not visit.ports.enrolment.revoke(visit.parts["id"], visit.actor, visit.now):
        raise HTTPException(409, "This secret is not in force any more.")
    return RedirectResponse("/enrolment", 303)


def audit(visit: Visit) -> Response:
    """Who changed what."""
    found = visit.ports.audit.entries(visit.query.get("after", ""), _ROWS)
    return rendered(visit, "audit.html", found=found)


def export_audit(visit: Visit) -> Response:
    """All of it."""
    rows = every(lambda after: visit.ports.audit.entries(after, _EXPORT_ROWS))
    return exported(rows, AuditEntry, "audit", visit.parts["form"])


def _desk(
    visit: Visit,
    *,
    problem: str = "",
    made: Secret | None = None,
    text: str = "",
    status: int = 200,
) -> Response:
    return rendered(
        visit,
        "enrolment.html",
        status=status,
        secrets=visit.ports.enrolment.secrets(),
        lifetimes=LIFETIMES,
        problem=problem,
        made=made,
        text=text,
    )
