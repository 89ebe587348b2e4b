"""The fleet, its violations and its images; each function answers one address."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from agent.domain.base_errors import InvalidDigest
from agent.domain.digest import Digest
from collector.web.charts import chart_of
from collector.web.export import every, exported
from collector.web.filters import Wanted, findings_wanted
from collector.web.render import rendered
from collector.web.values import FindingFilter, FindingRow, ImageHost, UnapprovedImage
from collector.web.visit import Visit

ROWS: Final = 50
_LATEST: Final = 8
_TOP: Final = 5
_MOST_IMAGES: Final = 1000
_EXPORT_ROWS: Final = 1000


def fleet(visit: Visit) -> Response:
    """The first page: what is wrong now, and where to look."""
    wanted = findings_wanted(visit.query, visit.now)
    reader = visit.ports.fleet
    return rendered(
        visit,
        "fleet.html",
        summary=reader.summary(visit.now),
        images=reader.unapproved(wanted.filter, _TOP),
        latest=reader.findings(FindingFilter(), "", _LATEST).rows,
        **_charted(visit, wanted),
    )


def latest(visit: Visit) -> Response:
    """The newest violations as a fragment; 204 if `seen` is still the newest."""
    rows = visit.ports.fleet.findings(FindingFilter(), "", _LATEST).rows
    if rows and rows[0].event_id == visit.query.get("seen"):
        return Response(status_code=204)
    return rendered(visit, "latest.html", latest=rows)


def violations(visit: Visit) -> Response:
    """All violations that a filter leaves, as a chart, by level and one by one."""
    wanted = findings_wanted(visit.query, visit.now)
    found = visit.ports.fleet.findings(wanted.filter, visit.query.get("after", ""), ROWS)
    return rendered(
        visit,
        "violations.html",
        found=found,
        filtered=_is_filtered(wanted.filter),
        **_charted(visit, wanted),
    )


def export_violations(visit: Visit) -> Response:
    """What the same filter shows, all of it."""
    wanted = findings_wanted(visit.query, visit.now).filter
    rows = every(lambda after: visit.ports.fleet.findings(wanted, after, _EXPORT_ROWS))
    return exported(rows, FindingRow, "violations", visit.parts["form"])


def images(visit: Visit) -> Response:
    """Unapproved images, those on most hosts first."""
    wanted = findings_wanted(visit.query, visit.now)
    found = visit.ports.fleet.unapproved(wanted.filter, _MOST_IMAGES)
    return rendered(
        visit,
        "images.html",
        images=found,
        most=_MOST_IMAGES,
        filtered=_is_filtered(wanted.filter),
        wanted=wanted,
        scopes=visit.ports.fleet.scopes(),
    )


def export_images(visit: Visit) -> Response:
    """What the same filter shows."""
    wanted = findings_wanted(visit.query, visit.now).filter
    rows = visit.ports.fleet.unapproved(wanted, _MOST_IMAGES)
    return exported(rows, UnapprovedImage, "images", visit.parts["form"])


def image(visit: Visit) -> Response:
    """Which hosts have an image, and what to use instead."""
    digest = _digest(visit)
    found = visit.ports.fleet.image_hosts(digest, visit.query.get("after", ""), ROWS)
    year = FindingFilter(
        since=visit.now - timedelta(days=365), until=visit.now + timedelta(hours=1), image=digest
    )
    about = visit.ports.fleet.unapproved(year, 1)
    return rendered(
        visit, "image.html", digest=digest, found=found, about=about[0] if about else None
    )


def export_image(visit: Visit) -> Response:
    """Every host of an image."""
    digest = _digest(visit)
    rows = every(lambda after: visit.ports.fleet.image_hosts(digest, after, _EXPORT_ROWS))
    return exported(rows, ImageHost, "image-hosts", visit.parts["form"])


def _charted(visit: Visit, wanted: Wanted) -> dict[str, Any]:
    slots = visit.ports.fleet.over_time(wanted.filter, wanted.width)
    return {
        "wanted": wanted,
        "slots": slots,
        "chart": chart_of(slots),
        "levels": visit.ports.fleet.by_level(wanted.filter),
        "scopes": visit.ports.fleet.scopes(),
    }


def _is_filtered(wanted: FindingFilter) -> bool:
    """Whether anything but the time narrows it."""
    return replace(wanted, since=None, until=None) != FindingFilter()


def _digest(visit: Visit) -> str:
    try:
        return str(Digest.parse(visit.parts["digest"]))
    except InvalidDigest:
        raise HTTPException(404, "An image is named by its whole digest here.") from None
