"""Templates to HTML; every value that a template writes is escaped and made printable here."""

from http import HTTPStatus
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from collector.model.page_values import HostStatus
from collector.web import formatting
from collector.web.charts import HEIGHT, WIDTH
from collector.web.filters import PERIODS, VERDICTS
from collector.web.request_context import RequestContext
from core.text import printable

_NAVIGATION: Final = (
    ("/", "Fleet"),
    ("/violations", "Violations"),
    ("/images", "Images"),
    ("/hosts", "Hosts"),
    ("/enrolment", "Enrolment"),
    ("/audit", "Audit"),
)


def _shown(value: Any) -> Any:
    """Text chosen by others may not move a cursor or turn the reading direction around."""
    return printable(value) if type(value) is str else value


def _number(value: int) -> Markup:
    """Our own text, whose narrow spaces stay as they are."""
    return Markup(formatting.number(value))


_ENVIRONMENT: Final = Environment(
    loader=PackageLoader("collector.web"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_shown,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.globals.update(
    navigation=_NAVIGATION,
    periods=PERIODS,
    verdicts=VERDICTS,
    statuses=tuple(HostStatus),
    chart_width=WIDTH,
    chart_height=HEIGHT,
)
_ENVIRONMENT.filters.update(
    utc=formatting.utc,
    machine_time=formatting.machine_time,
    relative=formatting.relative,
    digest=formatting.short_digest,
    number=_number,
    milliseconds=formatting.milliseconds,
)


def rendered(
    context: RequestContext, template: str, *, status: int = 200, **values: Any
) -> Response:
    """The template with `context` and `now` in its hands."""
    text = _ENVIRONMENT.get_template(template).render(context=context, now=context.now, **values)
    return HTMLResponse(text, status)


def error_page(status: int, detail: str, hint: str = "") -> Response:
    """What went wrong, for somebody who may be signed in or not: so it reveals nothing else."""
    title = HTTPStatus(status).phrase
    text = _ENVIRONMENT.get_template("error.html").render(
        title=title, detail=detail or title, hint=hint
    )
    return HTMLResponse(text, status)
