"""A browser without JavaScript: follows links and sends forms as they stand on the page."""

import re
from html import unescape

from httpx import Response
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from tests.collector.web.serving import page_of
from tests.collector.web.world import PASSWORD, World


def browser(app: ASGIApp) -> TestClient:
    return TestClient(app, base_url="http://collector.test", follow_redirects=False)


def csrf_of(answer: Response) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', answer.text)
    assert found, answer.text[:500]
    return unescape(found[1])


def log_in(client: TestClient, name: str = "admin", password: str = PASSWORD) -> Response:
    token = csrf_of(client.get("/login"))
    answer: Response = client.post(
        "/login", data={"name": name, "password": password, "csrf": token}
    )
    return answer


def signed_in(world: World, name: str = "admin") -> TestClient:
    client = browser(page_of(world))
    assert log_in(client, name).status_code == 303
    return client
