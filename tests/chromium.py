"""Pages in a real browser: headless Chromium, driven by Selenium."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
NEEDED = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not (BROWSER and DRIVER), reason="needs chromium and its driver"),
    # Selenium leaves the pipe of its driver's log to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
WAIT = 60.0  # seconds, on a machine with much else to do

Browser = Any


@contextmanager
def chromium(profile: Path, width: int = 900, height: int = 760) -> Iterator[Browser]:
    """A browser that keeps what its console says; its files go into `profile`."""
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = str(BROWSER)
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={profile}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=Service(str(DRIVER)))
    try:
        driver.set_window_size(width, height)
        yield driver
    finally:
        driver.quit()


def until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end, "this never came to be"
        time.sleep(0.05)


def text(browser: Browser, id: str) -> str:
    return str(browser.execute_script(f"return document.getElementById('{id}').textContent"))


def click(browser: Browser, id: str) -> None:
    browser.find_element("id", id).click()
