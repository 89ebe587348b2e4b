"""Signing in through a provider, from the button to the fleet."""

import time
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from joserfc.jwk import RSAKey
from starlette.types import ASGIApp, Receive, Scope, Send

from collector.model.accounts import Role
from collector.web.oidc import name_of, role_of
from collector.web.page_app import make_page
from collector.web.request_context import OidcSettings
from tests.collector.web.provider import CLIENT, SECRET, Provider
from tests.collector.web.serving import served
from tests.collector.web.world import World, settings
from tests.patience import PATIENCE

GROUPS = {"ops": Role.READER, "image-admins": Role.ADMINISTRATOR}


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider(clock=int(time.time()))
    with served(provider.app()) as address:
        provider.issuer = address
        yield provider


def context(provider: Provider, world: World, **changes: str) -> httpx.Response:
    """As a browser that starts with the button and follows every redirect."""
    oidc = OidcSettings(provider.issuer, CLIENT, SECRET, GROUPS)
    made: list[ASGIApp] = []  # it has to know its address, which is known once it is served

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await made[0](scope, receive, send)

    with served(app) as address, httpx.Client(follow_redirects=True, timeout=PATIENCE) as client:
        made.append(make_page(world.ports(), replace(settings(), oidc=oidc, url=address)))
        if changes:
            return client.get(f"{address}/login/oidc/callback", params=changes)
        return client.get(f"{address}/login/oidc", params={"next": "/hosts"})


@pytest.mark.parametrize(
    ("groups", "role"),
    [(["ops"], Role.READER), (["ops", "image-admins"], Role.ADMINISTRATOR)],
)
def test_groups_become_roles(provider: Provider, groups: list[str], role: Role) -> None:
    world = World()
    provider.claims = {"groups": groups, "email": "eve@acme.example"}
    answer = context(provider, world)
    assert (answer.status_code, 'href="/hosts"' in answer.text) == (200, True)
    (session,) = world.sessions.values()
    assert (session.role, session.who) == (role, "eve@acme.example (4711)")
    assert world.log[-1].action == "login.succeeded"
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("dockwarden="))
    assert "SameSite=strict" in cookie and "HttpOnly" in cookie


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"aud": "another-program"},
        {"nonce": "of another login"},
        {"exp": 1},
    ],
    ids=lambda claims: next(iter(claims)),
)
def test_what_the_token_does_not_prove_opens_nothing(
    provider: Provider, claims: dict[str, object]
) -> None:
    world = World()
    provider.claims = {"groups": ["image-admins"], **claims}
    assert context(provider, world).status_code == 502
    assert not world.sessions


def test_another_key_opens_nothing(provider: Provider) -> None:
    world = World()
    provider.claims = {"groups": ["image-admins"]}
    provider.published = RSAKey.generate_key(2048, {"kid": "1"})
    assert context(provider, world).status_code == 502
    assert not world.sessions


def test_an_answer_nobody_asked_for_opens_nothing(provider: Provider) -> None:
    world = World()
    assert context(provider, world, code="stolen", state="made up").status_code == 502
    assert context(provider, world, error="access_denied").status_code == 502
    assert not world.sessions


def test_no_mapped_group_no_access(provider: Provider) -> None:
    world = World()
    provider.claims = {"groups": ["everybody"]}
    assert context(provider, world).status_code == 403
    assert [entry.action for entry in world.log] == ["login.refused"]
    assert not world.sessions


def test_claims_of_any_shape() -> None:
    oidc = OidcSettings("https://idp.example", CLIENT, SECRET, GROUPS)
    assert role_of({"groups": "ops"}, oidc) is Role.READER
    assert role_of({"groups": {"ops": 1}}, oidc) is None
    assert role_of({}, oidc) is None
    assert name_of({"sub": "1"}) == "1"
