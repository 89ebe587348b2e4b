"""The fleet, its violations and its images; each function answers one address."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from collector.model.page_values import FindingFilter, FindingRow, ImageHost, UnapprovedImage
from collector.web.charts import chart_of
from collector.web.export import every, exported
from collector.web.filters import ParsedFilter, parse_finding_filter
from collector.web.render import rendered
from collector.web.request_context import RequestContext
from core.base_errors import InvalidDigest
from core.image.digest import Digest

ROWS: Final = 50
_LATEST: Final = 8
_TOP: Final = 5
_MOST_IMAGES: Final = 1000
_EXPORT_ROWS: Final = 1000


def fleet(context: RequestContext) -> Response:
    """The first page: what is wrong now, and where to look."""
    parsed = parse_finding_filter(context.query, context.now)
    reader = context.ports.fleet
    return rendered(
        context,
        "fleet.html",
        summary=reader.summary(context.now),
        images=reader.unapproved(parsed.filter, _TOP),
        latest=reader.findings(FindingFilter(), "", _LATEST).rows,
        **_charted(context, parsed),
    )


def latest(context: RequestContext) -> Response:
    """The newest violations as a fragment; 204 if `seen` is still the newest."""
    rows = context.ports.fleet.findings(FindingFilter(), "", _LATEST).rows
    if rows and rows[0].event_id == context.query.get("seen"):
        return Response(status_code=204)
    return rendered(context, "latest.html", latest=rows)


def violations(context: RequestContext) -> Response:
    """All violations that a filter leaves, as a chart, by level and one by one."""
    parsed = parse_finding_filter(context.query, context.now)
    found = context.ports.fleet.findings(parsed.filter, context.query.get("after", ""), ROWS)
    return rendered(
        context,
        "violations.html",
        found=found,
        filtered=_is_filtered(parsed.filter),
        **_charted(context, parsed),
    )


def export_violations(context: RequestContext) -> Response:
    """What the same filter shows, all of it."""
    parsed = parse_finding_filter(context.query, context.now).filter
    rows = every(lambda after: context.ports.fleet.findings(parsed, after, _EXPORT_ROWS))
    return exported(rows, FindingRow, "violations", context.parts["form"])


def images(context: RequestContext) -> Response:
    """Unapproved images, those on most hosts first."""
    parsed = parse_finding_filter(context.query, context.now)
    found = context.ports.fleet.unapproved(parsed.filter, _MOST_IMAGES)
    return rendered(
        context,
        "images.html",
        images=found,
        most=_MOST_IMAGES,
        filtered=_is_filtered(parsed.filter),
        parsed=parsed,
        scopes=context.ports.fleet.scopes(),
    )


def export_images(context: RequestContext) -> Response:
    """What the same filter shows."""
    parsed = parse_finding_filter(context.query, context.now).filter
    rows = context.ports.fleet.unapproved(parsed, _MOST_IMAGES)
    return exported(rows, UnapprovedImage, "images", context.parts["form"])


def image(context: RequestContext) -> Response:
    """Which hosts have an image, and what to use instead."""
    digest = _digest(context)
    found = context.ports.fleet.image_hosts(digest, context.query.get("after", ""), ROWS)
    year = FindingFilter(
        since=context.now - timedelta(days=365),
        until=context.now + timedelta(hours=1),
        image=digest,
    )
    about = context.ports.fleet.unapproved(year, 1)
    return rendered(
        context, "image.html", digest=digest, found=found, about=about[0] if about else None
    )


def export_image(context: RequestContext) -> Response:
    """Every host of an image."""
    digest = _digest(context)
    rows = every(lambda after: context.ports.fleet.image_hosts(digest, after, _EXPORT_ROWS))
    return exported(rows, ImageHost, "image-hosts", context.parts["form"])


def _charted(context: RequestContext, parsed: ParsedFilter) -> dict[str, Any]:
    slots = context.ports.fleet.over_time(parsed.filter, parsed.width)
    return {
        "parsed": parsed,
        "slots": slots,
        "chart": chart_of(slots),
        "levels": context.ports.fleet.by_level(parsed.filter),
        "scopes": context.ports.fleet.scopes(),
    }


def _is_filtered(parsed: FindingFilter) -> bool:
    """Whether anything but the time narrows it."""
    return replace(parsed, since=None, until=None) != FindingFilter()


def _digest(context: RequestContext) -> str:
    try:
        return str(Digest.parse(context.parts["digest"]))
    except InvalidDigest:
        raise HTTPException(404, "Give the whole digest of the image.") from None
