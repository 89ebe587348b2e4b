"""Limits of one request that only some clients set."""

import io

import pytest

from core.network.web_client import WebClient
from core.network.web_errors import WebTooLong, WebTooSlow
from core.network.web_exchange import ANSWER_LIMIT, WebLimits, WebRequest
from tests.network.street import Street
from tests.patience import PATIENCE


def test_one_wait_may_be_bounded_below_the_whole(street: Street) -> None:
    street.plain.mood = "hanging"
    request = WebRequest("GET", street.plain.at("localhost"))
    with pytest.raises(WebTooSlow):
        WebClient().send(request, WebLimits(10 * PATIENCE, idle=0.2))


def test_an_answer_that_is_no_file_may_not_fill_the_memory(street: Street) -> None:
    street.plain.mood, street.plain.reply = "moved", bytes(ANSWER_LIMIT + 1)
    request, into = WebRequest("GET", street.plain.at("localhost")), io.BytesIO(b"kept")
    limits = WebLimits(PATIENCE, 100 * ANSWER_LIMIT, redirects=0)
    with pytest.raises(WebTooLong):
        WebClient().send(request, limits, into)
    assert into.getvalue() == b"kept"
