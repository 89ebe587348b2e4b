"""Enrolment and the audit log; each function answers one address."""

from datetime import timedelta
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from collector.model.page_values import AuditEntry, Secret
from collector.web.export import every, exported
from collector.web.render import rendered
from collector.web.request_context import RequestContext

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


def enrolment(context: RequestContext) -> Response:
    """The secrets with which hosts may enrol."""
    return _enrolment_page(context)


def create_secret(context: RequestContext) -> Response:
    """Shown in this answer and never again; so this POST answers with the page itself."""
    note = context.form.get("note", "").strip()[:_LONGEST_NOTE]
    lifetime = LIFETIMES.get(context.form.get("lifetime", ""))
    uses = context.form.get("uses", "").strip()
    if not note:
        return _enrolment_page(
            context, problem="Say in the note what the secret is for.", status=400
        )
    if lifetime is None:
        return _enrolment_page(context, problem="Choose how long the secret is valid.", status=400)
    if uses and not (uses.isascii() and uses.isdigit() and 0 < int(uses[:7]) <= _MOST_USES):
        problem = f"Hosts: a number from 1 to {_MOST_USES}, or nothing for any number."
        return _enrolment_page(context, problem=problem, status=400)
    made, text = context.ports.enrolment.create(
        note, lifetime[1], int(uses) if uses else None, context.actor, context.now
    )
    return _enrolment_page(context, made=made, text=text)


def revoke_secret(context: RequestContext) -> Response:
    """No host enrols with it any more; those that did stay."""
    if not context.ports.enrolment.revoke(context.parts["id"], context.actor, context.now):
        raise HTTPException(409, "This secret is no longer valid.")
    return RedirectResponse("/enrolment", 303)


def audit(context: RequestContext) -> Response:
    """Who changed what."""
    found = context.ports.audit.entries(context.query.get("after", ""), _ROWS)
    return rendered(context, "audit.html", found=found)


def export_audit(context: RequestContext) -> Response:
    """All of it."""
    rows = every(lambda after: context.ports.audit.entries(after, _EXPORT_ROWS))
    return exported(rows, AuditEntry, "audit", context.parts["form"])


def _enrolment_page(
    context: RequestContext,
    *,
    problem: str = "",
    made: Secret | None = None,
    text: str = "",
    status: int = 200,
) -> Response:
    return rendered(
        context,
        "enrolment.html",
        status=status,
        secrets=context.ports.enrolment.secrets(),
        lifetimes=LIFETIMES,
        problem=problem,
        made=made,
        text=text,
    )
