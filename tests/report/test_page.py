"""The report's page in a real browser: everything on it used once, nothing said on its console."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chromium import NEEDED, Browser, chromium, click, text, until
from run_cases import disk_output, in_disk, plane
from selenium.webdriver import ActionChains, Keys
from study_cases import curves, resolved, sweep, write_run
from trainings import minidl

from minidl.store.frames import LEVELS, frame

pytestmark = NEEDED

HOSTILE = [
    "</script><img src=x onerror=alert(1)>",
    "<b>bold</b><a href='https://example.org'>&lt;",
    "\u202eright to left\u2066 \u05d0\u05d1",
    "\"quoted\" 'twice' `thrice` ${1}",
]
GRID: dict[str, list[Any]] = {
    "optimizer.lr": [0.1, 0.01, 0.001],
    "model.activation": ["relu", "tanh"],
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile"), 1400, 1200) as driver:
        yield driver


@pytest.fixture
def page(tmp_path: Path) -> Path:
    def look(settings: dict[str, Any], seed: int) -> dict[str, Any]:
        lost = settings["optimizer.lr"] == 0.1 and seed == 2
        return (
            {"status": "diverged"}
            if lost
            else {"final_accuracy": 0.9 + settings["optimizer.lr"] / 2}
        )

    sweep(tmp_path / "s", GRID, look=look, repeats=3, epochs=300)
    return written(tmp_path / "s")


def written(folder: Path) -> Path:
    output = folder.parent / "page.html"
    finished = minidl("report", folder, "--format", "html", "--output", output)
    assert finished.code == 0, finished.err
    return output


def opened(browser: Browser, page: Path) -> None:
    browser.get_log("performance")
    browser.get(page.as_uri())
    until(lambda: drawn(browser, "#curves .scatterlayer path"))


def drawn(browser: Browser, selector: str) -> int:
    return int(browser.execute_script(f"return document.querySelectorAll('{selector}').length"))


def cells(browser: Browser, column: int) -> list[str]:
    """A column of the table, counted from 1 behind the colour of the line."""
    found = f"#table tbody td:nth-child({column + 1})"
    script = f"return [...document.querySelectorAll('{found}')].map((one) => one.textContent)"
    return list(browser.execute_script(script))


def filtered(browser: Browser, words: str) -> None:
    browser.execute_script(
        "const box = document.getElementById('filter'); box.value = arguments[0];"
        "box.dispatchEvent(new Event('input'))",
        words,
    )


def sort(browser: Browser, column: str) -> None:
    browser.find_element("css selector", f"#table th button[data-id='{column}']").click()


def assert_silent(browser: Browser) -> None:
    """Nothing on the console, and nothing fetched but the page itself."""
    assert browser.get_log("browser") == []
    asked = [json.loads(one["message"])["message"] for one in browser.get_log("performance")]
    sent = [one["params"] for one in asked if one["method"] == "Network.requestWillBeSent"]
    schemes = {one["request"]["url"].partition(":")[0] for one in sent}
    assert schemes <= {"file", "data", "blob"}
    assert sum(one["request"]["url"].startswith("file:") for one in sent) <= 1


def test_the_table_sorts_filters_and_hides(browser: Browser, page: Path) -> None:
    opened(browser, page)
    assert text(browser, "summary") == "18 runs: 16 done, 2 diverged"
    assert text(browser, "count") == "6 groups"
    assert {*cells(browser, 2)[:2]} == {"0.1"}  # the best come first
    sort(browser, "optimizer.lr")
    assert cells(browser, 2) == ["0.001"] * 2 + ["0.01"] * 2 + ["0.1"] * 2
    sort(browser, "optimizer.lr")
    assert cells(browser, 2)[0] == "0.1"
    click(browser, "runs")
    assert text(browser, "count") == "18 runs"
    for words, left in (
        ("relu", 9),
        ("lr<=0.01", 12),
        ("lr<0.01 activation=tanh", 3),
        ("status=diverged", 2),
        ("status!=diverged relu|tanh", 0),
        ("activation=relu|gelu seed>1", 3),
        ('"relu" optimizer.lr=0.1', 3),
    ):
        filtered(browser, words)
        assert text(browser, "count") == f"{left} of 18 runs", words
    for words, problem in (
        ("nothing=1", "no column is called nothing"),
        ("lr<x", "lr< needs a number"),
    ):
        filtered(browser, words)
        assert text(browser, "problem") == problem
        assert text(browser, "count") == "18 runs"
    click(browser, "clear")
    assert text(browser, "problem") == ""
    before = len(browser.find_elements("css selector", "#table th"))
    browser.find_element("css selector", ".menu summary").click()
    browser.find_element("css selector", "#choices input").click()
    assert len(browser.find_elements("css selector", "#table th")) == before - 1
    assert_silent(browser)


def test_curves_are_those_of_the_first_rows_and_zoom(browser: Browser, page: Path) -> None:
    opened(browser, page)
    lines = "#curves .scatterlayer .js-line"
    until(lambda: drawn(browser, lines) == 12)  # six with their bands
    click(browser, "bands")
    until(lambda: drawn(browser, lines) == 6)
    filtered(browser, "relu")
    until(lambda: drawn(browser, lines) == 3)
    axis = "return document.getElementById('curves')._fullLayout"
    click(browser, "logy")
    until(lambda: browser.execute_script(f"{axis}.yaxis.type") == "log")
    click(browser, "logx")
    until(lambda: browser.execute_script(f"{axis}.xaxis.type") == "log")
    click(browser, "logx")
    place = browser.find_element("id", "curves")
    ActionChains(browser).move_to_element(place).click_and_hold().move_by_offset(
        90, 60
    ).release().perform()
    until(lambda: browser.execute_script(f"{axis}.xaxis.range[0]") > 20)
    browser.execute_script(
        "const last = document.getElementById('curves');"
        "Plotly.Fx.hover(last, [{ curveNumber: 1, pointNumber: 150 }])"
    )
    until(lambda: "in epoch" in text(browser, "curves"))
    assert "activation=relu" in text(browser, "curves")
    assert_silent(browser)


def test_a_box_around_a_part_of_an_axis_filters_by_it(browser: Browser, page: Path) -> None:
    opened(browser, page)
    until(lambda: drawn(browser, "#parallel .annotation") > 5)
    words = browser.execute_script(
        "const place = document.getElementById('parallel');"
        "const { left, top, width, height } = place.getBoundingClientRect();"
        "return [...document.querySelectorAll('#parallel .annotation')].map((one) => {"
        "  const box = one.getBoundingClientRect();"
        "  return [one.textContent, box.x - left - width / 2, box.y - top - height / 2] })"
    )
    places = {word: (int(x), int(y)) for word, x, y in words}
    assert {"lr", "activation", "test accuracy", "relu", "tanh"} <= places.keys()
    x, y = places["tanh"]
    ActionChains(browser).move_to_element_with_offset(
        browser.find_element("id", "parallel"), x + 40, y - 10
    ).click_and_hold().move_by_offset(-60, 60).release().perform()
    until(lambda: browser.execute_script("return document.getElementById('filter').value"))
    assert text(browser, "count") == "3 of 6 groups"
    assert {*cells(browser, 1)} == {"tanh"}
    assert_silent(browser)


def test_a_run_shows_its_config_its_difference_and_its_log(
    browser: Browser, tmp_path: Path
) -> None:
    for rate in (0.1, 0.01):
        config = resolved(**{"optimizer.lr": rate})
        run = write_run(
            tmp_path / "runs" / str(rate),
            config,
            curves(30),
            remarks=["the inputs aren't scaled"],
            reason="no improvement for 20 epochs",
            predictions=plane(disk_output, in_disk, points=50, cells=21),
        )
        run.dynamics.append(
            *(
                {"epoch": epoch, "fc_1.weight_norm": 1 + 0.1 * epoch, "act_1.dead": 0.25}
                for epoch in range(1, 31)
            )
        )
    opened(browser, written(tmp_path / "runs"))
    browser.find_element("css selector", "#table tbody tr").click()
    told = text(browser, "what")
    if not told.startswith("done"):  # a group, of which one is chosen
        browser.find_element("css selector", "#what button").click()
        told = text(browser, "what")
    for words in ("the inputs aren't scaled", "ended: no improvement", "optimizer.lr", "type: sgd"):
        assert words in told
    assert drawn(browser, "#what .heatmaplayer image") == 3  # the plane, and two of the layers
    assert "inside" in text(browser, "what")
    assert_silent(browser)


def test_a_slider_goes_through_the_epochs_of_a_boundary(browser: Browser, tmp_path: Path) -> None:
    plane = {"left": -1, "right": 1, "bottom": -1, "top": 1, "low": 0, "high": 1}
    run = write_run(tmp_path / "runs" / "a", resolved(), curves(30), plane=plane)
    for epoch in range(6):
        run.boundary.append(
            frame(epoch, [LEVELS if x % 32 < 5 * epoch else 0 for x in range(1024)])
        )
    opened(browser, written(tmp_path / "runs"))
    until(lambda: drawn(browser, ".film .heatmaplayer image") == 1)
    first_cell = "return document.querySelector('.film .plane').data[0].z[0].filter(Boolean).length"
    assert browser.execute_script(first_cell) == 25
    assert drawn(browser, ".film .contourlines path") >= 1
    slider = browser.find_element("css selector", ".film input")
    slider.send_keys(Keys.ARROW_LEFT)
    until(lambda: browser.execute_script(first_cell) == 20)
    assert browser.find_element("css selector", ".film output").text == "4"
    slider.send_keys(Keys.HOME)
    until(lambda: browser.execute_script(first_cell) == 0)
    assert slider.get_attribute("aria-valuetext") == "epoch 0"
    assert_silent(browser)


def test_hostile_names_are_inert(browser: Browser, tmp_path: Path) -> None:
    for index, words in enumerate(HOSTILE):
        config = {**resolved(), "name": words}
        config["model"]["activation"] = {"type": words}
        write_run(
            tmp_path / words.replace("/", "_"), config, curves(5, seed=index), remarks=[words] * 3
        )
    opened(browser, written(tmp_path))
    click(browser, "runs")
    until(lambda: len(browser.find_elements("css selector", "#table tbody tr")) == len(HOSTILE))
    for line in browser.find_elements("css selector", "#table tbody tr"):
        line.click()
    body = "return document.body.textContent"
    assert "onerror=alert(1)" in browser.execute_script(body)
    assert "\u202e" not in browser.execute_script(body)
    for tag in ("img", "a[href*=example]", "#table b", "#what b", "#curves b"):
        assert drawn(browser, tag) == 0
    browser.execute_script(
        "Plotly.Fx.hover(document.getElementById('curves'), [{ curveNumber: 0, pointNumber: 2 }])"
    )
    until(lambda: "in epoch" in text(browser, "curves"))
    assert drawn(browser, "#curves a") == 0
    assert_silent(browser)


def test_one_epoch_and_a_run_without_any_are_shown(browser: Browser, tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "one", resolved(), curves(1))
    nothing = {name: values[:0] for name, values in curves(1).items()}
    write_run(tmp_path / "runs" / "none", {**resolved(), "seed": 1}, nothing, status="failed")
    page = written(tmp_path / "runs")
    browser.get(page.as_uri())
    until(lambda: drawn(browser, "#curves .point") == 1)
    assert text(browser, "summary") in ("2 runs: 1 done, 1 failed", "2 runs: 1 failed, 1 done")
    assert_silent(browser)


@pytest.mark.parametrize(("width", "scheme"), [(400, "light"), (900, "dark")])
def test_only_the_table_scrolls_sideways(
    browser: Browser, page: Path, width: int, scheme: str
) -> None:
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        opened(browser, page)
        browser.find_element("css selector", "#table tbody tr").click()
        wide = browser.execute_script("return document.documentElement.scrollWidth")
        assert wide <= width
        ink = "return getComputedStyle(document.body).color"
        light = np.mean([int(one) for one in browser.execute_script(ink)[4:-1].split(",")]) > 128
        assert light == (scheme == "dark")
        assert_silent(browser)
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_a_printer_gets_all_rows(browser: Browser, tmp_path: Path) -> None:
    sweep(tmp_path / "s", {"optimizer.lr": [0.1 / n for n in range(1, 81)]}, repeats=1, epochs=2)
    opened(browser, written(tmp_path / "s"))
    rows = "#table tbody tr"
    assert drawn(browser, rows) < 80
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert drawn(browser, rows) == 80
    browser.execute_script("dispatchEvent(new Event('afterprint'))")
    assert_silent(browser)
