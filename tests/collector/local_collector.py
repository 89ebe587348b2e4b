"""A collector in this process with hosts that are enrolled; for tests of the API."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
from starlette.testclient import TestClient

from collector.app import make_app
from collector.ingest.request_limits import Rate
from collector.store.database import Database
from collector.store.enrolment_store import EnrolmentStore, Person
from tests.collector.events import NOW, Sender, body, packed

ADMIN = Person("admin", "192.0.2.1")


@dataclass(slots=True)
class Host:
    """An enrolled host: its spool and its token."""

    spool: Sender
    token: str

    @property
    def id(self) -> str:
        return self.spool.host_id


@dataclass(slots=True)
class LocalCollector:
    """The collector, spoken to over HTTP."""

    client: TestClient
    database: Database
    enrolments: EnrolmentStore

    def enrol(self, name: str = "web-1", machine_id: str = "machine-1") -> Host:
        _, secret = self.enrolments.create("test", timedelta(days=3650), None, ADMIN, NOW)
        answer = self.client.post(
            "/v1/enrol",
            json={
                "secret": secret,
                "machine_id": machine_id,
                "boot_id": "boot-1",
                "hostname": name,
            },
        )
        assert answer.status_code == 200, answer.text
        return Host(Sender(answer.json()["host_id"]), answer.json()["token"])

    def send(self, host: Host, events: list[dict[str, Any]], **headers: str) -> httpx.Response:
        return self.post(host, packed(events), **{"content-encoding": "gzip"} | headers)

    def send_plain(self, host: Host, events: list[dict[str, Any]]) -> httpx.Response:
        return self.post(host, body(events))

    def post(self, host: Host, content: bytes, **headers: str) -> httpx.Response:
        given = {
            "authorization": f"Bearer {host.token}",
            "content-type": "application/cloudevents-batch+json",
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        answer: httpx.Response = self.client.post("/v1/events", content=content, headers=given)
        return answer


@contextmanager
def local_collector(database: Database, rate: Rate | None = None) -> Iterator[LocalCollector]:
    """Tokens are looked up each time."""
    app = make_app(database, rate=rate or Rate(0), remembered=0.0)
    with TestClient(app) as client:
        yield LocalCollector(client, database, EnrolmentStore(database))
