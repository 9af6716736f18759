"""The page in a real browser: everything clicked once, nothing said on its console."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import NEEDED, Browser, chromium, click, text, until

pytestmark = NEEDED


@pytest.fixture
def address() -> Iterator[str]:
    """That of a server, which must end in good order."""
    command = [sys.executable, "-m", "minidl_cli.main", "play", "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    yield process.stdout.readline().strip()
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    process.stdout.close()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with chromium(tmp_path) as driver:
        yield driver


def epoch(browser: Browser) -> int:
    words = text(browser, "place").split()
    return int(words[1]) if words else -1


def opened(browser: Browser, address: str) -> None:
    browser.get(address)
    until(lambda: epoch(browser) == 0)


def choose(browser: Browser, name: str, value: str) -> None:
    """Set a control, as a hand does, and wait for the answer."""
    browser.execute_script(
        "const control = document.getElementById(`control-${arguments[0]}`);"
        "control.value = arguments[1]; control.dispatchEvent(new Event('change'));",
        name,
        value,
    )
    until(lambda: "busy" not in (browser.find_element("tag name", "body").get_attribute("class")))


def drawn(browser: Browser, id: str) -> int:
    """How many colours there are on a canvas."""
    return int(
        browser.execute_script(
            "const canvas = document.getElementById(arguments[0]);"
            "const { width, height } = canvas;"
            "const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);"
            "return new Set(new Uint32Array(data.buffer)).size",
            id,
        )
    )


def assert_silent(browser: Browser) -> None:
    assert browser.get_log("browser") == []
    assert text(browser, "message") == ""


def test_everything_on_the_page_does_what_it_says(browser: Browser, address: str) -> None:
    opened(browser, address)
    for canvas in ("network", "boundary"):
        assert drawn(browser, canvas) > 100
    click(browser, "step")
    until(lambda: "1 of 20 steps" in text(browser, "place"))
    click(browser, "epoch")
    until(lambda: text(browser, "place") == "Epoch 1")
    click(browser, "back")
    until(lambda: text(browser, "place") == "Epoch 0")
    click(browser, "play")
    until(lambda: epoch(browser) > 20)
    click(browser, "play")
    for canvas in ("loss", "scores"):
        assert drawn(browser, canvas) > 10
    assert "train" in text(browser, "loss-now")
    last = epoch(browser)
    click(browser, "loss")  # in its middle
    until(lambda: last / 4 < epoch(browser) < 3 * last / 4)
    for pace in ("0", "5", "25", "1"):
        browser.execute_script("document.getElementById('pace').value = arguments[0]", pace)
        before = text(browser, "place")
        click(browser, "play")
        until(lambda: text(browser, "place") != before)  # noqa: B023
        click(browser, "play")
    click(browser, "test")
    at = epoch(browser)
    choose(browser, "lr", "0.03")
    assert epoch(browser) >= at  # it goes on
    click(browser, "restart")
    until(lambda: epoch(browser) == 0)
    changes = {"data": "blobs", "train": "100", "hidden": "4, 4", "activation": "relu"}
    changes |= {"loss": "mse", "optimizer": "sgd", "batch_size": "30", "weight_decay": "0.01"}
    for name, value in (changes | {"dropout": "0.1", "seed": "4", "noise": "0.1"}).items():
        if name != "noise":  # of which blobs have none
            choose(browser, name, value)
            click(browser, "epoch")
            until(lambda: epoch(browser) == 1)
    click(browser, "yaml")
    until(lambda: "hidden: [4, 4]" in browser.execute_script("return text.value"))
    browser.execute_script("text.value = text.value.replace('[4, 4]', '[3, 3]')")
    click(browser, "use")
    hidden = "return document.getElementById('control-hidden').value"
    until(lambda: browser.execute_script(hidden) == "3, 3")
    click(browser, "yaml")
    until(lambda: browser.find_element("id", "close").is_displayed())
    click(browser, "copy")
    click(browser, "close")
    assert_silent(browser)


def test_a_unit_is_looked_at_and_a_weight_explained(browser: Browser, address: str) -> None:
    from selenium.webdriver import ActionChains

    opened(browser, address)
    network = browser.find_element("id", "network")
    width = network.size["width"]
    across = width / 5  # of the inputs, three layers, and the output

    def move(x: float, y: float) -> Any:
        place = int(x - width / 2), int(y - network.size["height"] / 2)
        return ActionChains(browser).move_to_element_with_offset(network, *place)

    middle = 36 + (network.size["height"] - 42) / 2  # below the names
    move(4.5 * across, middle).perform()
    until(lambda: text(browser, "shown") == "Unit fc_4[0]")
    for y in range(-60, 60, 4):  # some line passes there
        move(4 * across, middle + y).click().perform()
        time.sleep(0.1)
        if browser.find_element("id", "weight").is_displayed():
            break
    until(lambda: "fc_4.weight[0, " in text(browser, "chain"))
    assert "central difference" in text(browser, "chain")
    click(browser, "enough")
    assert text(browser, "shown") == "Output"
    assert_silent(browser)


def test_keys_do_what_buttons_do(browser: Browser, address: str) -> None:
    opened(browser, address)
    body = browser.find_element("tag name", "body")
    body.send_keys("s")
    until(lambda: "1 of 20" in text(browser, "place"))
    body.send_keys("\ue014")  # right
    until(lambda: text(browser, "place") == "Epoch 1")
    body.send_keys("\ue012")  # left
    until(lambda: text(browser, "place") == "Epoch 0")
    body.send_keys(" ")
    until(lambda: epoch(browser) > 3)
    body.send_keys(" ")
    body.send_keys("r")
    until(lambda: epoch(browser) == 0)
    assert_silent(browser)


def test_a_mistake_is_said_and_the_page_goes_on(browser: Browser, address: str) -> None:
    opened(browser, address)
    choose(browser, "hidden", "none")
    until(lambda: "expected widths" in text(browser, "message"))
    choose(browser, "loss", "mse")
    choose(browser, "optimizer", "sgd")
    click(browser, "yaml")
    until(lambda: browser.find_element("id", "use").is_displayed())
    browser.execute_script("text.value = text.value.replace('lr: 0.01', 'lr: 1.0e+30')")
    click(browser, "use")
    until(lambda: text(browser, "message") == "")
    click(browser, "play")
    until(lambda: "diverged" in text(browser, "message"))
    click(browser, "restart")
    until(lambda: text(browser, "message") == "")
    assert_silent(browser)


def test_two_pages_play_at_once(browser: Browser, address: str) -> None:
    opened(browser, address)
    first = browser.current_window_handle
    browser.switch_to.new_window("window")  # a tab behind another draws no frames
    opened(browser, address)
    second = browser.current_window_handle
    choose(browser, "data", "xor")
    for page in (first, second):
        browser.switch_to.window(page)
        click(browser, "play")
    for page in (first, second):
        browser.switch_to.window(page)
        until(lambda: epoch(browser) > 10)
        assert_silent(browser)


def test_a_minute_of_play_says_nothing_on_the_console(browser: Browser, address: str) -> None:
    opened(browser, address)
    choose(browser, "hidden", "25, 25, 25")
    click(browser, "play")
    for rate in ("0.003", "0.001", "0.01") * 4:  # which leaves one request at a time, too
        before = epoch(browser)
        time.sleep(5)
        assert epoch(browser) > before
        choose(browser, "lr", rate)
        click(browser, "play")
        click(browser, "play")
    names = "return performance.getEntriesByType('resource').map((one) => one.name)"
    assert all(name.startswith(address) for name in browser.execute_script(names))
    assert_silent(browser)


def test_the_end_of_the_server_is_said(browser: Browser) -> None:
    command = [sys.executable, "-m", "minidl_cli.main", "play", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        opened(browser, process.stdout.readline().strip())
        click(browser, "play")
        process.send_signal(signal.SIGINT)
        until(lambda: "connection has ended" in text(browser, "message"))
    assert process.returncode == 130


def points(browser: Browser) -> int:
    """How many training points there are on the plane."""
    return int(browser.execute_script("return boundary.dataset.points"))


def test_other_seeds_and_optimizers_go_in_step(browser: Browser, address: str) -> None:
    opened(browser, address)
    for what, names in (("seeds", "seed 1"), ("optimizers", "sgd, rate 0.1")):
        choose(browser, "compare", what)
        until(lambda: names in text(browser, "beside"))  # noqa: B023
        click(browser, "epoch")
        until(lambda: epoch(browser) == 1)
        scores = browser.find_elements("css selector", "#beside b")
        assert len(scores) == (5 if what == "seeds" else 4)
        until(lambda: all("%" in score.text for score in scores))  # noqa: B023
        colours = browser.execute_script(
            "const { data } = document.querySelector('#beside canvas').getContext('2d')"
            ".getImageData(0, 0, 160, 160); return new Set(new Uint32Array(data.buffer)).size"
        )
        assert colours > 10
    choose(browser, "compare", "")
    until(lambda: not browser.find_element("id", "beside").is_displayed())
    assert_silent(browser)


def test_points_are_drawn_by_mouse_and_keyboard(browser: Browser, address: str) -> None:
    from selenium.webdriver import ActionChains, Keys

    opened(browser, address)
    plane = browser.find_element("id", "boundary")
    ActionChains(browser).move_to_element(plane).click().perform()
    assert points(browser) == 400  # as long as no class is chosen
    browser.execute_script("pen.value = '1'")
    ActionChains(browser).move_to_element_with_offset(plane, 40, -30).click().perform()
    until(lambda: points(browser) == 401)
    data = "return document.getElementById('control-data').value"
    until(lambda: browser.execute_script(data) == "csv")
    click(browser, "clear")
    assert points(browser) == 0
    until(lambda: "two classes" in text(browser, "message"))
    ActionChains(browser).move_to_element_with_offset(plane, -60, 0).click().perform()
    until(lambda: "of another class" in text(browser, "message"))
    browser.execute_script("arguments[0].focus()", plane)
    for keys in (Keys.ARROW_RIGHT * 8 + Keys.ENTER, "0" + Keys.ARROW_UP * 9 + Keys.ENTER):
        plane.send_keys(keys)
    assert points(browser) == 3
    until(lambda: text(browser, "message") == "" and epoch(browser) == 0)
    click(browser, "epoch")
    until(lambda: epoch(browser) == 1)
    click(browser, "yaml")
    until(lambda: "path: points.csv" in browser.execute_script("return text.value"))
    assert "points.csv" in browser.find_element("id", "save").text
    click(browser, "save")
    click(browser, "close")
    assert_silent(browser)


def test_a_table_is_chosen_or_dropped(browser: Browser, address: str, tmp_path: Path) -> None:
    opened(browser, address)
    table = tmp_path / "flowers.csv"
    table.write_text("a,b,kind\n" + "\n".join(f"{i},{i % 5},{'uvw'[i % 3]}" for i in range(30)))
    browser.find_element("id", "file").send_keys(str(table))
    until(lambda: "flowers.csv: 'kind' by 'a' and 'b'" in text(browser, "message"))
    until(lambda: text(browser, "legend") == "uvw")
    browser.execute_script(
        "const data = new DataTransfer();"
        "data.items.add(new File(['x,y\\n1,2\\n'], 'bad.csv'));"
        "for (const kind of ['dragover', 'drop']) dispatchEvent("
        "  new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }))"
    )
    until(lambda: "bad.csv: expected a header of 3 to 50 columns" in text(browser, "message"))
    click(browser, "epoch")
    until(lambda: epoch(browser) == 1)
    assert browser.get_log("browser") == []
