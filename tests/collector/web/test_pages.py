"""What the pages say, without JavaScript, and that everybody can use them."""

import re

import pytest

from collector.model.page_values import Handling, HostStatus
from collector.web.page_app import PAGES
from tests.collector.web.accessible import problems_of
from tests.collector.web.client import browser, csrf_of, signed_in
from tests.collector.web.serving import page_of
from tests.collector.web.world import NOW, World, busy_world, finding, host_row

READ = ["/", "/violations", "/images", "/hosts", "/enrolment", "/audit"]
EVIL = "<script>window.hacked=1</script>\"><img src=x onerror=window.hacked=1>'{{7*7}}\u202e"


@pytest.mark.parametrize("path", READ)
@pytest.mark.parametrize("world", [World(), busy_world(12)], ids=["empty", "busy"])
def test_pages_are_accessible(path: str, world: World) -> None:
    answer = signed_in(world).get(path)
    assert answer.status_code == 200
    assert problems_of(answer.text) == []


def test_detail_login_and_error_pages_are_accessible() -> None:
    world = busy_world(12)
    client = signed_in(world)
    paths = [f"/hosts/{world.host_rows[7].id}", f"/images/{world.found[0].digest}", "/nothing"]
    texts = [client.get(path).text for path in paths]
    texts.append(browser(page_of(world)).get("/login").text)
    assert [problems_of(text) for text in texts] == [[]] * 4


@pytest.mark.parametrize(
    ("path", "next_step"),
    [
        ("/", "Create an enrolment secret"),
        ("/violations", "Make sure that every host is online"),
        ("/images", "Make sure that every host is online"),
        ("/hosts", "Create an enrolment secret"),
        ("/enrolment", "Create one above"),
        ("/violations?verdict=denied", "Clear it"),
        ("/hosts?status=offline", "Show all"),
        ("/images/sha256:" + "0" * 64, "Check the digest"),
    ],
)
def test_empty_pages_show_the_next_step(path: str, next_step: str) -> None:
    world = World()
    assert next_step in signed_in(world).get(path).text


def test_fleet_reads_without_javascript() -> None:
    world = busy_world(12)
    text = signed_in(world).get("/").text
    assert re.search(r'<rect class="killed" x="[\d.]+"', text)
    assert '<table id="slots">' in text
    assert "1 with drift" in text
    assert "registry.acme.example/approved/nginx:1.27.3" in text


def test_host_shows_drift_gaps_and_reasons() -> None:
    world = busy_world(12)
    text = signed_in(world).get(f"/hosts/{world.host_rows[7].id}").text
    for part in ("the gate is not working", "2 rules are missing", "118 to 121", "120 dropped"):
        assert part in text


def test_hosts_by_status() -> None:
    world = World(host_rows=[host_row(1), host_row(2, HostStatus.OFFLINE)])
    text = signed_in(world).get("/hosts?status=offline").text
    assert "web-002" in text and "silent for 2 h" in text and "web-001" not in text


def test_lists_go_on() -> None:
    world = World(host_rows=[host_row(n) for n in range(120)])
    client = signed_in(world)
    seen: list[str] = []
    path = "/hosts?search=web"
    while path:
        text = client.get(path).text
        seen += re.findall(r"web-\d{3}\.acme", text.split("<tbody>")[1])
        found = re.search(r'<a href="([^"]+)" rel="next"', text)
        path = found[1].replace("&amp;", "&") if found else ""
    assert set(seen) == {f"web-{n:03}.acme" for n in range(120)}


def test_secret_is_shown_once() -> None:
    world = World()
    client = signed_in(world)
    token = csrf_of(client.get("/enrolment"))
    made = client.post("/enrolment", data={"csrf": token, "note": "rack", "lifetime": "24"})
    assert "dwe_" in made.text and "never shown again" in made.text
    assert "dwe_" not in client.get("/enrolment").text
    for form in ({"note": ""}, {"note": "x", "lifetime": "9999"}, {"note": "x", "uses": "-1"}):
        given = {"csrf": token, "lifetime": "24", **form}
        assert client.post("/enrolment", data=given).status_code == 400
    assert len(world.secret_rows) == 1


def test_text_of_others_stays_text() -> None:
    host = host_row(1)
    world = World(host_rows=[host])
    world.found = [
        finding(NOW, host, 0, reference=EVIL, container=EVIL, reason=EVIL, labels={EVIL: EVIL},
                host_name=EVIL, scope=EVIL, nearest=EVIL, next_step=EVIL, error=EVIL)
    ]  # fmt: skip
    client = signed_in(world)
    for path in ("/", "/violations", "/images", f"/images/{world.found[0].digest}"):
        text = client.get(path).text
        assert "<script>window" not in text and "<img src=x" not in text
        assert "{{7*7}}" in text and "\u202e" not in text


def test_latest_says_when_there_is_nothing_new() -> None:
    world = busy_world(10)
    client = signed_in(world)
    newest = max(world.found, key=lambda row: (row.at, row.event_id))
    assert client.get(f"/latest?seen={newest.event_id}").status_code == 204
    assert newest.event_id in client.get("/latest?seen=older").text


def test_expired_session_leads_a_live_page_to_the_login() -> None:
    answer = browser(page_of(World())).get("/latest", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/login")


def test_every_address_has_one_answer() -> None:
    assert len({(page.method, page.path) for page in PAGES}) == len(PAGES)


def test_a_kill_that_failed_looks_like_one() -> None:
    world, host = World(), host_row(1)
    world.host_rows = [host]
    world.found = [finding(NOW, host, 0, handling=Handling.REPORTED, error="it did not die")]
    text = signed_in(world).get("/violations").text
    assert '<span class="badge failed">kill failed</span>' in text
    assert "kill failed: <bdi>it did not die</bdi>" in text
    assert "foreign code: may run" in text
    assert "never ran" not in text
