"""The page in headless Chromium, as a person uses it; screenshots are kept.

They go to the directory that DOCKWARDEN_SCREENSHOTS names, else to the test's own temporary one.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from tests.collector.web.serving import page_of, served
from tests.collector.web.test_pages import EVIL
from tests.collector.web.world import NOW, PASSWORD, World, busy_world, finding
from tests.patience import PATIENCE

Shoot = Callable[[str], None]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chrome]:
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert program and driver, "chromium is missing: apt-get install chromium chromium-driver"
    options = ChromeOptions()
    options.binary_location = program
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(argument)
    chrome = Chrome(options=options, service=ChromeService(driver))
    yield chrome
    chrome.quit()


@pytest.fixture
def shoot(chromium: Chrome, tmp_path: Path) -> Shoot:
    """Keep what is seen, as tall as it is."""
    place = Path(os.environ.get("DOCKWARDEN_SCREENSHOTS", tmp_path))
    place.mkdir(parents=True, exist_ok=True)

    def keep(name: str) -> None:
        height = chromium.execute_script("return document.documentElement.scrollHeight")
        chromium.set_window_size(1280, min(height + 160, 3000))
        assert chromium.save_screenshot(str(place / f"{name}.png"))
        chromium.set_window_size(1280, 900)

    return keep


def wait_for(chromium: Chrome, script: str) -> None:
    WebDriverWait(chromium, PATIENCE, 0.05).until(lambda d: d.execute_script(f"return {script}"))


def log_in(chromium: Chrome, address: str) -> None:
    chromium.delete_all_cookies()
    chromium.get(address + "/login")
    chromium.find_element(By.NAME, "password").send_keys(PASSWORD, Keys.ENTER)
    wait_for(chromium, "document.querySelector('h1')?.textContent == 'Fleet'")


def complaints(chromium: Chrome) -> list[str]:
    """What the browser refused or failed at since the last call."""
    entries = chromium.get_log("browser")  # type: ignore[no-untyped-call] # selenium types it not
    return [entry["message"] for entry in entries]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_drawn_without_complaint(chromium: Chrome, shoot: Shoot, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    world = busy_world()
    paths = {
        "fleet": "/",
        "violations": "/violations",
        "images": "/images",
        "image": f"/images/{world.found[0].digest}",
        "hosts": "/hosts",
        "host": f"/hosts/{world.host_rows[7].id}",
        "enrolment": "/enrolment",
        "audit": "/audit",
    }
    with served(page_of(world)) as address:
        chromium.get(address + "/login")
        shoot(f"login-{scheme}")
        log_in(chromium, address)
        complaints(chromium)
        for name, path in paths.items():
            chromium.get(address + path)
            if name in ("fleet", "violations"):
                wait_for(chromium, "document.querySelector('.chart canvas') != null")
            shoot(f"{name}-{scheme}")
            wide = "document.documentElement.scrollWidth > innerWidth"
            assert not chromium.execute_script(f"return {wide}"), name
    assert complaints(chromium) == []
    ground = chromium.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(16, 22, 20)") == (scheme == "dark")


def test_html_in_what_others_named_does_not_run(chromium: Chrome, shoot: Shoot) -> None:
    world = busy_world(10)
    host = world.host_rows[7]
    evil = {"onmouseover": EVIL, EVIL: EVIL, "hx-get": "/audit"}
    world.host_rows[7] = replace(host, name=EVIL, scope=EVIL, reasons=(EVIL,))
    world.found = [
        finding(NOW, world.host_rows[7], 0, reference=EVIL, container=EVIL, reason=EVIL,
                labels=evil, next_step=EVIL, nearest=EVIL, error=EVIL, summary=EVIL)
    ]  # fmt: skip
    paths = ["/", "/violations", "/images", "/hosts", f"/hosts/{host.id}"]
    paths.append(f"/images/{world.found[0].digest}")
    with served(page_of(world)) as address:
        log_in(chromium, address)
        complaints(chromium)
        for path in paths:
            chromium.get(address + path)
            for row in chromium.find_elements(By.CSS_SELECTOR, ".findings summary"):
                row.click()
            assert chromium.execute_script("return window.hacked") is None, path
            found = "main script, main img, main [onerror], main [onmouseover], iframe"
            assert chromium.find_elements(By.CSS_SELECTOR, found) == []
            assert "<script>window.hacked" in chromium.find_element(By.TAG_NAME, "main").text
        shoot("hostile-names")
    assert complaints(chromium) == []


def test_policy_holds_should_escaping_ever_fail(chromium: Chrome) -> None:
    with served(page_of(World())) as address:
        log_in(chromium, address)
        complaints(chromium)
        chromium.execute_script(
            "document.querySelector('main').innerHTML = '<img src=x onerror=\"window.hacked=1\">';"
            "const s = document.createElement('script'); s.textContent = 'window.hacked = 1';"
            "document.body.append(s)"
        )
        refused = "Content Security Policy"
        WebDriverWait(chromium, PATIENCE).until(lambda d: any(refused in c for c in complaints(d)))
        assert chromium.execute_script("return window.hacked") is None


def test_new_violation_appears_by_itself(chromium: Chrome) -> None:
    world = busy_world(10)
    with served(page_of(world)) as address:
        log_in(chromium, address)
        late = finding(NOW + timedelta(seconds=1), world.host_rows[0], 2, container="just-now")
        world.found.append(late)
        wait_for(chromium, "document.querySelector('#latest').textContent.includes('just-now')")


def test_filter_changes_the_results_and_the_address(chromium: Chrome) -> None:
    with served(page_of(busy_world())) as address:
        log_in(chromium, address)
        chromium.get(address + "/violations")
        option = "select[name=verdict] option[value=revoked]"
        chromium.find_element(By.CSS_SELECTOR, option).click()
        wait_for(chromium, "location.search.includes('verdict=revoked')")
        wait_for(chromium, "!document.querySelector('#results').textContent.includes('nginx')")
        wait_for(chromium, "document.querySelector('.chart canvas') != null")
        saved = chromium.current_url
        chromium.get(address)
        chromium.get(saved)
        chosen = chromium.find_element(By.NAME, "verdict").get_attribute("value")
        assert chosen == "revoked"


def test_secret_is_made_and_revoked_by_keyboard_only(chromium: Chrome, shoot: Shoot) -> None:
    world = World()
    with served(page_of(world)) as address:
        chromium.delete_all_cookies()
        chromium.get(address + "/enrolment")
        typed(chromium, PASSWORD, Keys.ENTER)  # the field has the focus already
        wait_for(chromium, "document.querySelector('h1')?.textContent == 'Enrolment'")
        tab_to(chromium, "input[name=note]")
        typed(chromium, "rack 9", Keys.TAB, Keys.TAB, "5", Keys.TAB, Keys.ENTER)
        wait_for(chromium, "document.querySelector('#secret')?.value.startsWith('dwe_')")
        shoot("secret")
        tab_to(chromium, "button[aria-label='Revoke rack 9']")
        outline = "return getComputedStyle(document.activeElement).outlineStyle"
        assert chromium.execute_script(outline) == "solid"
        typed(chromium, Keys.ENTER)
        wait_for(chromium, "document.querySelector('.badge.revoked') != null")
    assert [entry.action for entry in world.log][-2:] == ["secret.created", "secret.revoked"]


def test_skip_link_is_first_and_leads_to_the_content(chromium: Chrome) -> None:
    with served(page_of(busy_world(10))) as address:
        log_in(chromium, address)
        chromium.get(address + "/hosts")
        typed(chromium, Keys.TAB, Keys.ENTER)
        wait_for(chromium, "document.activeElement.id == 'main'")


def typed(chromium: Chrome, *keys: str) -> None:
    for key in keys:
        chromium.switch_to.active_element.send_keys(key)


def tab_to(chromium: Chrome, selector: str) -> None:
    """Only with the Tab key, as somebody without a mouse gets there."""
    for _ in range(60):
        if chromium.execute_script(f'return document.activeElement.matches("{selector}")'):
            return
        typed(chromium, Keys.TAB)
    pytest.fail(f"{selector} cannot be reached by Tab")


def test_filters_and_chart_work_without_scripts(chromium: Chrome, shoot: Shoot) -> None:
    with served(page_of(busy_world())) as address:
        log_in(chromium, address)
        chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        try:
            chromium.get(address + "/violations")
            assert chromium.find_elements(By.CSS_SELECTOR, ".chart rect.killed")
            assert not chromium.find_elements(By.CSS_SELECTOR, "canvas")
            chromium.find_element(By.NAME, "search").send_keys("keycloak", Keys.ENTER)
            WebDriverWait(chromium, PATIENCE).until(lambda d: "search=keycloak" in d.current_url)
            each = chromium.find_element(By.CSS_SELECTOR, "ol.findings").text
            assert "keycloak" in each and "nginx" not in each
        finally:
            chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
        shoot("without-scripts")
