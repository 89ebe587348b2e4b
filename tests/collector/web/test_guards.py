"""Who gets in, who may change, and what no answer lacks."""

from dataclasses import replace
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from collector.web.login import MOST_FAILURES, hash_password, safe_next
from collector.web.page_app import PAGES, make_page
from collector.web.routing import Page
from core.base_errors import DockwardenError
from tests.collector.web.client import browser, csrf_of, log_in, signed_in
from tests.collector.web.serving import page_of
from tests.collector.web.world import World, busy_world, settings


def address_of(path: str, world: World) -> str:
    row = world.found[0]
    path = path.replace("{form:export}", "csv").replace("{digest}", row.digest)
    return path.replace("{id}", "s-1" if "enrolment" in path else row.host_id)


@pytest.fixture(scope="module")
def world() -> World:
    return busy_world(12)


@pytest.mark.parametrize("path", sorted({page.path for page in PAGES if page.needs}))
def test_strangers_learn_nothing(path: str, world: World) -> None:
    client = browser(page_of(world))
    page = next(page for page in PAGES if page.path == path)
    answer = client.request(page.method, address_of(path, world))
    assert answer.status_code in (303, 401)
    assert "acme" not in answer.text
    if answer.status_code == 303:
        assert answer.headers["location"].startswith("/login")
        assert "acme" not in client.get(answer.headers["location"]).text


@pytest.mark.parametrize("page", [p for p in PAGES if p.method == "POST"], ids=lambda p: p.path)
def test_no_change_without_the_token(page: Page, world: World) -> None:
    path = address_of(page.path, world)
    client = signed_in(world)
    before = (list(world.secret_rows), dict(world.revoked_hosts), len(world.sessions))
    for form in ({}, {"csrf": ""}, {"csrf": "wrong"}):
        assert client.post(path, data=form).status_code == 403
    assert (list(world.secret_rows), dict(world.revoked_hosts), len(world.sessions)) == before


def test_reader_reads_and_changes_nothing() -> None:
    world = busy_world(10)
    client = signed_in(world, "reader")
    token = csrf_of(client.get("/enrolment"))
    host = world.host_rows[0].id
    form = {"csrf": token, "note": "mine", "lifetime": "24"}
    for path in ("/enrolment", "/enrolment/s-1/revoke", f"/hosts/{host}/revoke"):
        assert client.post(path, data=form).status_code == 403
    assert len(world.secret_rows) == 2 and not world.revoked_hosts
    assert world.secret_rows[0].revoked_at is None
    assert "Revoke the token" not in client.get(f"/hosts/{host}").text
    assert "Create secret" not in client.get("/enrolment").text


def every_address(world: World) -> list[str]:
    gets = [address_of(p.path, world) for p in PAGES if p.method == "GET"]
    return [*gets, "/static/page.css", "/static/nothing", "/nothing", "/hosts/unknown", "/images/x"]


@pytest.mark.parametrize("who", ["admin", None])
def test_every_answer_is_protected(who: str | None, world: World) -> None:
    client = signed_in(world, who) if who else browser(page_of(world))
    answers = [client.get(path) for path in every_address(world)]
    answers += [client.post("/enrolment"), client.put("/"), client.get("/", headers={"Range": "x"})]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy, answer.url
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        if "/static/" not in str(answer.url):
            assert answer.headers["cache-control"] == "no-store"
        assert "<style" not in answer.text and " style=" not in answer.text
        assert " onclick" not in answer.text


def test_failures_are_protected_too_and_show_no_secrets() -> None:
    class Broken(World):
        error: Exception = DockwardenError("postgresql://u:secret@db is away", hint="start it")

        def scopes(self) -> tuple[str, ...]:
            raise self.error

    world = Broken()
    client = signed_in(world)
    answer = client.get("/images")
    assert (answer.status_code, "secret" in answer.text) == (503, False)
    world.error = RuntimeError("secret")
    quiet = TestClient(page_of(world), "http://collector.test", raise_server_exceptions=False)
    quiet.cookies.update(client.cookies)
    answer = quiet.get("/images")
    assert (answer.status_code, "secret" in answer.text) == (500, False)
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_session_cookie_is_locked_in() -> None:
    client = browser(make_page(World().ports(), settings(https=True)))
    token = client.get("/login")
    cookie = token.headers["set-cookie"]
    assert cookie.startswith("__Host-") and "Secure" in cookie
    client = browser(page_of(World()))
    cookie = log_in(client).headers.get_list("set-cookie")[0]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Path=/" in cookie


def test_session_ends_at_the_server() -> None:
    world = World()
    client = signed_in(world)
    kept = dict(client.cookies)
    token = csrf_of(client.get("/"))
    client.post("/logout", data={"csrf": token})
    again = browser(page_of(world))
    again.cookies.update(kept)
    assert again.get("/").status_code == 303
    assert not world.sessions
    client = signed_in(world)
    world.clock += settings().session_lifetime + timedelta(seconds=1)
    assert client.get("/").status_code == 303


def test_a_login_ends_the_session_before_it_and_keeps_no_cookie_text() -> None:
    world = World()
    client = signed_in(world)
    text = client.cookies["dockwarden"]
    assert text not in repr(world.sessions)
    session = next(iter(world.sessions.values()))
    token = "t"
    client.cookies.set("dockwarden-login", token)
    form = {"name": "admin", "password": "correct horse battery staple", "csrf": token}
    client.post("/login", data=form)
    assert session.key not in world.sessions and len(world.sessions) == 1


def test_wrong_passwords_are_limited_by_address_and_audited() -> None:
    world = World()
    client = browser(page_of(world))
    answers = [log_in(client, password="guess").status_code for _ in range(MOST_FAILURES + 1)]
    assert answers == [401] * MOST_FAILURES + [429]
    assert log_in(client).status_code == 429
    assert [entry.action for entry in world.log] == ["login.failed"] * MOST_FAILURES
    world.clock += timedelta(minutes=16)
    assert log_in(client).status_code == 303


def test_unknown_names_fail_as_wrong_passwords_do() -> None:
    client = browser(page_of(World()))
    unknown, wrong = log_in(client, "nobody"), log_in(client, password="guess")
    assert unknown.status_code == wrong.status_code == 401
    assert "Name or password is wrong." in unknown.text and "Name or password" in wrong.text
    assert log_in(client, password="x" * 2000).status_code == 401


@pytest.mark.parametrize(
    "wanted", ["https://evil.example", "//evil.example", "/\\evil.example", "x", "", "/\t/evil"]
)
def test_login_leads_nowhere_else(wanted: str) -> None:
    assert safe_next(wanted) == "/"
    assert safe_next("/hosts?status=offline") == "/hosts?status=offline"


def test_forms_are_bounded() -> None:
    client = signed_in(World())
    assert client.post("/enrolment", content=b"a" * 20_000).status_code == 413
    assert client.post("/enrolment", content=b"&".join([b"a=1"] * 99)).status_code == 400
    assert client.post("/enrolment", content=b"\xff\xfe").status_code == 400


def test_changes_are_audited_with_who_and_whence() -> None:
    world = busy_world(10)
    client = signed_in(world)
    token = csrf_of(client.get("/enrolment"))
    client.post("/enrolment", data={"csrf": token, "note": "rack 9", "lifetime": "1", "uses": "3"})
    client.post("/enrolment/s-1/revoke", data={"csrf": token})
    host = world.host_rows[3].id
    assert client.post(f"/hosts/{host}/revoke", data={"csrf": token}).status_code == 303
    assert client.post(f"/hosts/{host}/revoke", data={"csrf": token}).status_code == 409
    done = [entry for entry in world.log if entry.action.endswith((".created", ".revoked"))]
    assert [entry.action for entry in done] == ["secret.created", "secret.revoked", "host.revoked"]
    assert {(entry.who, entry.address) for entry in done} == {("admin", "testclient")}
    assert "rack 9" in client.get("/audit").text


def test_role_is_the_sessions_not_the_browsers() -> None:
    world = World()
    client = signed_in(world, "reader")
    session = next(iter(world.sessions.values()))
    world.sessions = {session.key: replace(session, who="other")}
    assert "other" in client.get("/").text


def test_passwords_are_kept_as_argon2id_of_rfc_9106() -> None:
    world = World()
    kept = hash_password("secret word")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$") and "secret" not in kept
    world.people["admin"] = replace(world.people["admin"], password_hash=kept)
    client = browser(page_of(world))
    assert log_in(client, password="secret word").status_code == 303
