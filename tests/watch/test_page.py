"""The live page in a real browser: it follows a run, and stays as somebody left it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from chromium import NEEDED, chromium, click, text, until
from study_cases import curves, resolved, write_run

from minidl.store.locks import locked

pytestmark = NEEDED


def test_it_follows_a_run_and_says_when_the_server_ends(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    run = write_run(runs / "a", resolved(), curves(3), status="running")
    command = [sys.executable, "-m", "minidl_cli.main", "watch", str(runs), "--no-browser"]
    with (
        locked(run.path),
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process,
        chromium(tmp_path / "profile", 1400, 1000) as browser,
    ):
        assert process.stdout
        address = process.stdout.readline().strip()
        browser.get(address)
        until(lambda: text(browser, "summary") == "1 run: 1 running")
        assert text(browser, "state") == "live"
        body = "return document.querySelector('#table tbody').textContent"
        until(lambda: "3 of 20" in browser.execute_script(body))
        browser.execute_script("document.getElementById('filter').value = 'a'")
        with run.metrics_path.open("a") as file:
            file.write("4,80,0.1,0.2,0.9,0.3,0.8,0.01\n")
        until(lambda: "4 of 20" in browser.execute_script(body))
        x = "return document.getElementById('curves').data[0].x"
        until(lambda: browser.execute_script(x) == [1, 2, 3, 4])
        write_run(runs / "b", {**resolved(), "seed": 1}, curves(3))
        until(lambda: text(browser, "summary").startswith("2 runs"))
        assert browser.execute_script("return document.getElementById('filter').value") == "a"
        click(browser, "groups")
        assert text(browser, "count") == "1 group"
        names = "return performance.getEntriesByType('resource').map((one) => one.name)"
        assert all(name.startswith(address) for name in browser.execute_script(names))
        assert browser.get_log("browser") == []
        process.send_signal(signal.SIGINT)
        until(lambda: "connection has ended" in text(browser, "state"))
    assert process.returncode == 130
