"""POSTs alerts to the configured webhook; knows no store. Route and trust are `core.network`'s."""

import json
from collections.abc import Sequence
from typing import Final

from collector.store.silence import Alert
from core.findings.finding_record import timestamp
from core.network.web_address import WebAddress
from core.network.web_client import WebClient
from core.network.web_errors import WebFailed
from core.network.web_exchange import WebLimits, WebRequest

SECONDS: Final = 10.0  # for one request as a whole


def deliver(url: str, alerts: Sequence[Alert], *, seconds: float = SECONDS) -> str:
    """Why they were not taken; empty if they were. The path, which may be a secret, is left out."""
    content = json.dumps(_body(alerts)).encode()
    request = WebRequest("POST", url, {"Content-Type": "application/json"}, content)
    try:
        answer = WebClient().send(request, WebLimits(seconds, cut=True))
    except WebFailed as error:
        return _without_path(url, str(error))
    return "" if 200 <= answer.status < 300 else f"it answers {answer.status}"


def _without_path(url: str, text: str) -> str:
    try:
        address = WebAddress.parse(url)
    except WebFailed:
        return "the webhook's URL is not valid"
    return text.replace(str(address), f"{address.scheme}://{address.netloc}")


def _body(alerts: Sequence[Alert]) -> dict[str, object]:
    return {
        "version": 1,
        "alerts": [
            {
                "id": alert.id,
                "at": timestamp(alert.at),
                "host_id": alert.host_id,
                "host": alert.name,
                "status": alert.status,
                "was": alert.was,
                "reasons": alert.reasons,
            }
            for alert in alerts
        ],
    }
