"""The hosts and one of them; each function answers one address."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from collector.web.export import every, exported
from collector.web.filters import hosts_wanted
from collector.web.render import rendered
from collector.web.values import FindingFilter, HostDetail, HostFilter, HostRow, TimelineEntry
from collector.web.visit import Visit

ROWS: Final = 50
_EXPORT_ROWS: Final = 1000
_LATEST: Final = 5


def hosts(visit: Visit) -> Response:
    """Every host with its status and the reasons for it."""
    wanted, problems = hosts_wanted(visit.query)
    after = visit.query.get("after", "")
    return rendered(
        visit,
        "hosts.html",
        found=visit.ports.fleet.hosts(wanted, visit.now, after, ROWS),
        wanted=wanted,
        filtered=wanted != HostFilter(),
        problems=problems,
        scopes=visit.ports.fleet.scopes(),
        summary=visit.ports.fleet.summary(visit.now),
    )


def export_hosts(visit: Visit) -> Response:
    """What the same filter shows, all of it."""
    wanted, _ = hosts_wanted(visit.query)
    rows = every(lambda after: visit.ports.fleet.hosts(wanted, visit.now, after, _EXPORT_ROWS))
    return exported(rows, HostRow, "hosts", visit.parts["form"])


def host(visit: Visit) -> Response:
    """One host: does it guard, is anything missing, what happened."""
    detail = _detail(visit)
    return rendered(
        visit,
        "host.html",
        host=detail,
        violations=visit.ports.fleet.findings(FindingFilter(host=detail.row.id), "", _LATEST).rows,
        timeline=visit.ports.fleet.timeline(detail.row.id, visit.query.get("after", ""), ROWS),
    )


def export_timeline(visit: Visit) -> Response:
    """All that happened on a host."""
    detail = _detail(visit)
    rows = every(
        lambda after: visit.ports.fleet.timeline(detail.row.id, after, _EXPORT_ROWS),
    )
    return exported(rows, TimelineEntry, "timeline", visit.parts["form"])


def revoke_host(visit: Visit) -> Response:
    """Take the token away: from now on nothing that the host sends is believed."""
    detail = _detail(visit)
    if not visit.ports.enrolment.revoke_host(detail.row.id, visit.actor, visit.now):
        raise HTTPException(409, "This host has no token: it was revoked already.")
    return RedirectResponse(visit.path.removesuffix("/revoke"), 303)


def _detail(visit: Visit) -> HostDetail:
    detail = visit.ports.fleet.host(visit.parts["id"], visit.now)
    if detail is None:
        raise HTTPException(404, "There is no such host: it may have been forgotten.")
    return detail
