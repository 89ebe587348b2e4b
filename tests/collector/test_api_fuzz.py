"""Whatever is sent to the API, it never answers 500: schemathesis over its own description."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from starlette.types import ASGIApp, Receive, Scope, Send

from collector.app import make_app
from collector.ingest.request_limits import Rate
from collector.store.database import Database
from collector.store.migrate import migrate
from tests.collector.events import NOW, finding, heartbeat, inventory, seal
from tests.collector.local_collector import Host, LocalCollector, local_collector

EXAMPLES = 60
quick = settings(
    max_examples=EXAMPLES,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
    database=None,
)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCollector]:
    database = Database.open(f"sqlite:///{tmp_path_factory.mktemp('fuzz')}/collector.db")
    migrate(database)
    with local_collector(database) as found:
        yield found
    database.close()


@pytest.fixture(scope="module")
def host(here: LocalCollector) -> Host:
    return here.enrol()


def started(app: ASGIApp) -> ASGIApp:
    """The application without its lifespan, which schemathesis would restart at each call."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})

    return call


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/events"), ("POST", "/v1/enrol"), ("GET", "/healthz"), ("GET", "/readyz")],
)
def test_no_answer_is_a_server_error(
    here: LocalCollector, host: Host, method: str, path: str
) -> None:
    """Called by hand, since schemathesis's own runner does not know every pytest."""
    described = schemathesis.openapi.from_asgi("/v1/openapi.json", started(here.client.app))
    operation = described[path][method]

    @quick
    @given(case=operation.as_strategy())
    def attack(case: Any) -> None:
        headers = dict(case.headers or {}) | {"Authorization": f"Bearer {host.token}"}
        response = case.call(headers=headers)
        case.validate_response(response, checks=[not_a_server_error])
        assert response.status_code < 500

    attack()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
_DATA = {
    "finding": finding(NOW),
    "heartbeat": heartbeat(),
    "inventory": inventory(),
    "drops": {"version": 1, "reason": "x", "count": 1, "ranges": [],
              "epoch": "01939a00-0000-7000-8000-000000000001"},
}  # fmt: skip


@quick
@given(kind=st.sampled_from(sorted(_DATA)), value=_JSON, choice=st.randoms(use_true_random=False))
def test_one_wrong_member_anywhere_is_answered(
    here: LocalCollector, host: Host, kind: str, value: object, choice: object
) -> None:
    """A valid event with any one member of its data, or of itself, replaced by anything."""
    data = json.loads(json.dumps(_DATA[kind]))
    event = host.spool.event(kind, data)
    places = [(event, key) for key in event if key != "data"] + [(data, key) for key in data]
    for inner in list(data.values()):
        if isinstance(inner, dict):
            places += [(inner, key) for key in inner]
    place, key = choice.choice(places)  # type: ignore[attr-defined] # a random.Random
    place[key] = value
    try:
        event["hash"] = seal(event)
    except (TypeError, ValueError, AttributeError):
        event["hash"] = "0" * 64
    content = json.dumps([event]).encode("utf-8", "surrogatepass")
    assert here.post(host, content).status_code in (200, 400, 403, 413)


@quick
@given(content=st.binary(max_size=300), packed=st.booleans())
def test_any_bytes_are_answered(
    here: LocalCollector, host: Host, content: bytes, packed: bool
) -> None:
    more = {"content-encoding": "gzip"} if packed else {}
    assert here.post(host, content, **more).status_code in (200, 400)


def test_the_description_is_published(here: LocalCollector) -> None:
    paths = here.client.get("/v1/openapi.json").json()["paths"]
    assert {"/v1/events", "/v1/enrol", "/healthz", "/readyz"} <= set(paths)


def test_readiness_needs_the_tables(tmp_path: Path) -> None:
    from starlette.testclient import TestClient

    database = Database.open(f"sqlite:///{tmp_path}/empty.db")
    with TestClient(make_app(database, rate=Rate(0))) as client:
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 204
        migrate(database)
        assert client.get("/readyz").status_code == 204
