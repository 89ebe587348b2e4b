"""The hosts and one of them; each function answers one address."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from collector.model.page_values import (
    FindingFilter,
    HostDetail,
    HostFilter,
    HostRow,
    TimelineEntry,
)
from collector.web.export import every, exported
from collector.web.filters import parse_host_filter
from collector.web.render import rendered
from collector.web.request_context import RequestContext

ROWS: Final = 50
_EXPORT_ROWS: Final = 1000
_LATEST: Final = 5


def hosts(context: RequestContext) -> Response:
    """Every host with its status and the reasons for it."""
    parsed, problems = parse_host_filter(context.query)
    after = context.query.get("after", "")
    return rendered(
        context,
        "hosts.html",
        found=context.ports.fleet.hosts(parsed, context.now, after, ROWS),
        parsed=parsed,
        filtered=parsed != HostFilter(),
        problems=problems,
        scopes=context.ports.fleet.scopes(),
        summary=context.ports.fleet.summary(context.now),
    )


def export_hosts(context: RequestContext) -> Response:
    """What the same filter shows, all of it."""
    parsed, _ = parse_host_filter(context.query)
    rows = every(lambda after: context.ports.fleet.hosts(parsed, context.now, after, _EXPORT_ROWS))
    return exported(rows, HostRow, "hosts", context.parts["form"])


def host(context: RequestContext) -> Response:
    """One host: does it guard, is anything missing, what happened."""
    detail = _detail(context)
    return rendered(
        context,
        "host.html",
        host=detail,
        violations=context.ports.fleet.findings(
            FindingFilter(host=detail.row.id), "", _LATEST
        ).rows,
        timeline=context.ports.fleet.timeline(detail.row.id, context.query.get("after", ""), ROWS),
    )


def export_timeline(context: RequestContext) -> Response:
    """All that happened on a host."""
    detail = _detail(context)
    rows = every(
        lambda after: context.ports.fleet.timeline(detail.row.id, after, _EXPORT_ROWS),
    )
    return exported(rows, TimelineEntry, "timeline", context.parts["form"])


def revoke_host(context: RequestContext) -> Response:
    """Take the token away: from now on nothing that the host sends is believed."""
    detail = _detail(context)
    if not context.ports.enrolment.revoke_host(detail.row.id, context.actor, context.now):
        raise HTTPException(409, "This host has no token: its token was already revoked.")
    return RedirectResponse(context.path.removesuffix("/revoke"), 303)


def _detail(context: RequestContext) -> HostDetail:
    detail = context.ports.fleet.host(context.parts["id"], context.now)
    if detail is None:
        raise HTTPException(404, "There is no such host: its records may have been deleted.")
    return detail
