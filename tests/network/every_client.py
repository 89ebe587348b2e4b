"""Every HTTP client of the three programs, each asked in the same way: one request."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tuf.api.exceptions import DownloadError

from agent.adapters.list_sync import Helper, HelperRepository, repository
from agent.adapters.sinks.otlp import Otlp
from agent.adapters.sinks.sink_http import Web
from agent.adapters.sinks.webhook import Webhook
from agent.errors import SinkFailed, SyncFailed
from agent.helpers.sync.deadline import Deadline
from agent.helpers.sync.sync_request import Request
from agent.helpers.sync.tuf.fetcher import Fetcher
from agent.helpers.uplink import host_identity
from agent.helpers.uplink.http import Http
from agent.helpers.uplink.session import Unreachable
from collector import alert_webhook
from collector.web.oidc import provider_client
from collector.web.request_context import OidcSettings
from core.network.web_errors import WebUnusable
from registrar.registrar_errors import RepositoryBroken
from registrar.registry import RegistryError, Transport
from registrar.registry.transport import Limits
from registrar.registry.transport import Request as RegistryRequest
from registrar.repository.remote import Served
from tests.control.fake_host import listed
from tests.fakes.findings import AT, a_finding
from tests.patience import PATIENCE


@dataclass(frozen=True, slots=True)
class Asked:
    """A root URL, the CA file and the total limit in seconds."""

    root: str
    ca_file: str
    seconds: float
    patch: pytest.MonkeyPatch


@dataclass(frozen=True, slots=True)
class Client:
    """`ask` sends one request and returns whether the answer was a good one; or raises one of
    `errors`. `method`: only GET follows redirects."""

    name: str
    ask: Callable[[Asked], bool]
    errors: tuple[type[Exception], ...]
    method: str = "GET"

    def __str__(self) -> str:
        return self.name


def _poll(asked: Asked) -> bool:
    asked.patch.setattr(repository, "POLL_SECONDS", asked.seconds)
    request = Request(asked.root, "acme", "/root.json", "/nowhere", 0.0, ca_file=asked.ca_file)
    polling = HelperRepository(
        request,
        Helper(PATIENCE),
        read=lambda _: None,
        lowest_time=lambda _: None,
        open_list=lambda path: listed("app", sequence=len(Path(path).parts)),
    )
    return polling.changed()


def _sync(asked: Asked) -> bool:
    one = Fetcher(
        each=asked.seconds, total=Deadline.after(asked.seconds * 2), ca_file=asked.ca_file
    )
    return bool(one.get(f"{asked.root}/metadata/timestamp.json", 1000))


def _http(asked: Asked) -> Http:
    return Http(asked.root, ca_file=asked.ca_file, seconds=asked.seconds)


def _uplink(asked: Asked) -> bool:
    return _http(asked).post("/v1/events", b"[]", {}).status == 200


def _enrol(asked: Asked) -> bool:
    return host_identity.enrol(_http(asked).post, asked.root, "secret", "web-1").token == "2"


def _web(asked: Asked) -> Web:
    return Web(f"{asked.root}/v1/logs", ca_file=asked.ca_file, seconds=asked.seconds)


def _otlp(asked: Asked) -> bool:
    return Otlp(_web(asked)).send([a_finding()]) == 0


def _webhook(asked: Asked) -> bool:
    hook = Webhook(_web(asked), form="finding", secret_file="", now=lambda: AT)
    return hook.send([a_finding()]) == 0


def _registry(asked: Asked) -> bool:
    limits = Limits(asked.seconds, asked.seconds, attempts=1)
    transport = Transport(ca_file=Path(asked.ca_file), limits=limits)
    return transport.send(RegistryRequest("GET", f"{asked.root}/v2/")).status == 200


def _served(asked: Asked) -> bool:
    served = Served(asked.root, Path(asked.ca_file), seconds=asked.seconds)
    return served.read("metadata/timestamp.json") is not None


class NotDelivered(Exception):
    """The collector's webhook says why instead of raising."""


def _alerts(asked: Asked) -> bool:
    asked.patch.setenv("SSL_CERT_FILE", asked.ca_file)  # it has no key for a CA file
    if trouble := alert_webhook.deliver(f"{asked.root}/hook", [], seconds=asked.seconds):
        raise NotDelivered(trouble)
    return True


def _oidc(asked: Asked) -> bool:
    asked.patch.setenv("SSL_CERT_FILE", asked.ca_file)

    client = provider_client(OidcSettings(asked.root, "id", "secret", {}), asked.seconds)
    return "host_id" in asyncio.run(client.load_server_metadata())


POLL = Client("poll", _poll, (SyncFailed,))
SYNC = Client("sync", _sync, (DownloadError, WebUnusable))

UPLINK = Client("uplink", _uplink, (Unreachable,), "POST")
ENROL = Client("enrol", _enrol, (host_identity.EnrolmentFailed,), "POST")
OTLP = Client("otlp", _otlp, (SinkFailed,), "POST")
WEBHOOK = Client("webhook", _webhook, (SinkFailed,), "POST")

REGISTRY = Client("registry", _registry, (RegistryError,))
SERVED = Client("verify", _served, (RepositoryBroken,))
ALERTS = Client("alerts", _alerts, (NotDelivered,), "POST")
OIDC = Client("oidc", _oidc, (httpx.HTTPError,), "GET without redirects")

CLIENTS = [POLL, SYNC, UPLINK, ENROL, OTLP, WEBHOOK, REGISTRY, SERVED, ALERTS, OIDC]
