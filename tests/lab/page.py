"""The collector's page in headless Chromium, run inside a lab host: watched and photographed.

python -m tests.lab.page URL PASSWORD PICTURE WORD opens the fleet's page and prints `open`; once
WORD appears there by itself it prints when (seconds since 1970), then the text of the violations.
"""

import shutil
import sys
import time

from selenium.common import StaleElementReferenceException
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from tests.patience import PATIENCE

_FLAGS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu")


def main(url: str, password: str, picture: str, word: str) -> None:
    """Sign in, wait for a violation to appear, keep the picture."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert program and driver, "chromium is missing: apt-get install chromium chromium-driver"
    options = ChromeOptions()
    options.binary_location = program
    options.add_argument("--window-size=1280,1600")
    for flag in _FLAGS:
        options.add_argument(flag)
    chrome = Chrome(options=options, service=ChromeService(driver))
    try:
        chrome.get(f"{url}/login")
        chrome.find_element(By.NAME, "password").send_keys(password, Keys.ENTER)
        swapped = [StaleElementReferenceException]  # the page changed while it was looked at
        WebDriverWait(chrome, PATIENCE, 0.05, swapped).until(
            lambda d: "Fleet" in [h.text for h in d.find_elements(By.TAG_NAME, "h1")]
        )
        print("open", flush=True)
        WebDriverWait(chrome, PATIENCE, 0.02, swapped).until(
            lambda d: word in d.find_element(By.ID, "latest").text
        )
        print(time.time(), flush=True)
        chrome.get(f"{url}/violations")
        assert chrome.save_screenshot(picture)
        print(chrome.find_element(By.TAG_NAME, "body").text)
    finally:
        chrome.quit()


if __name__ == "__main__":
    main(*sys.argv[1:5])
