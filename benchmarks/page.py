"""How large a report's page is, how soon it can be used, and how fast it sorts and filters.

    python benchmarks/page.py [--runs 1000] [--epochs 500] [--rounds 5]

Run folders that nobody trained, reported on by `minidl report --format html`, and the page opened
in headless Chromium. Milliseconds: until the table stands there and until the charts do, from the
start of the navigation; and from a click (or a letter in the filter) until the table is painted,
and until the charts have followed. The median and the largest of the rounds.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import typer

from minidl.spec import dump, parse_spec
from minidl.store.run_folder import RunFolder
from minidl.store.run_record import RunRecord

CONFIG = "data: digits\nmodel: {mlp: [32, 32]}\nloss: cross_entropy\ntraining: {epochs: 500}\n"
RATES = [0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001, 0.00003, 0.00001]
GRID: dict[str, list[Any]] = {
    "optimizer.lr": RATES,
    "model.activation": ["relu", "tanh", "sigmoid", "gelu"],
    "training.batch_size": [10, 20, 50, 100, 200],
}
PATIENCE = 60  # seconds

# When the table has rows, and when both charts are drawn.
WATCH = """
const seen = window.seen = {};
const look = () => {
  if (!seen.table && document.querySelector("#table tbody tr")) seen.table = performance.now();
  const drawn = (id) => document.querySelector(`#${id} .scatterlayer path`);
  if (drawn("curves") && drawn("parallel")) seen.charts = performance.now();
  else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
# From an action to the table's next picture, and until the charts are drawn after it.
TIMED = """
const [action, done] = arguments;
const began = performance.now();
let drawn = 0;
const place = document.getElementById("curves");
const charted = () => { drawn = performance.now(); };
place.on("plotly_afterplot", charted);
new Function(action)();
requestAnimationFrame(() => setTimeout(() => {
  const table = performance.now() - began;
  const wait = () => {
    if (!drawn) { setTimeout(wait, 5); return; }
    place.removeListener("plotly_afterplot", charted);
    setTimeout(() => requestAnimationFrame(() => done([table, performance.now() - began])));
  };
  wait();
}));
"""


def main(runs: int = 1000, epochs: int = 500, rounds: int = 5) -> None:
    """Make, report, open, and print."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        _make(made / "runs", runs, epochs)
        page = made / "page.html"
        began = time.perf_counter()
        command = [sys.executable, "-m", "minidl", "report", str(made / "runs"), "--format", "html"]
        subprocess.run([*command, "-o", str(page)], check=True, capture_output=True)
        seconds = time.perf_counter() - began
        size = page.stat().st_size / 1e6
        print(f"{runs:,} runs × {epochs:,} epochs: {size:.1f} MB, written in {seconds:.1f} s")
        _measure(page, made / "profile", rounds)


def _make(folder: Path, runs: int, epochs: int) -> None:
    """Sweeps of GRID by seeds, with noisy curves of four metrics."""
    points = list(itertools.product(*GRID.values()))
    for number in range(runs):
        point = points[number % len(points)]
        seed = number // len(points)
        overrides = [f"{key}={json.dumps(value)}" for key, value in zip(GRID, point, strict=True)]
        text = dump(parse_spec(CONFIG, overrides=[*overrides, f"seed={seed}"]))
        words = "-".join(map(str, point))
        record = RunRecord(name="page", status="done", seed=seed, task="classification")
        run = RunFolder.create(folder, stem="page", config_text=text, name=f"{words}-{seed}")
        rows = _rows(epochs, RATES.index(point[0]), seed)
        run.append_metrics(*rows)
        record.final = {key: value for key, value in rows[-1].items() if "_" in key}
        record.epochs, record.train_seconds, record.metrics = epochs, 1.5, run.metrics.mark()
        run.write_record(record)


def _rows(epochs: int, rate: int, seed: int) -> list[dict[str, float | int | None]]:
    rng = np.random.default_rng(100 * rate + seed)
    fall = np.exp(-np.arange(epochs) / (20 + 30 * rate)) + 0.05
    columns: dict[str, np.ndarray] = {}
    for part in ("train", "test"):
        columns[f"{part}_loss"] = fall * (1 + 0.1 * rng.normal(size=epochs))
        columns[f"{part}_accuracy"] = 1 - fall * (0.5 + 0.05 * rng.random(epochs))
    return [
        {
            "epoch": at + 1,
            "step": 30 * at,
            "lr": RATES[rate],
            **{name: float(values[at]) for name, values in columns.items()},
            "seconds": 0.01,
        }
        for at in range(epochs)
    ]


def _measure(page: Path, profile: Path, rounds: int) -> None:
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (browser and driver):
        raise SystemExit("benchmarks/page.py needs chromium and chromedriver")
    options = ChromeOptions()
    options.binary_location = browser
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={profile}")
    chromium: Any = Chrome(options=options, service=Service(driver))
    try:
        chromium.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
        opened = [_opened(chromium, page) for _ in range(rounds)]
        _say("opened: table", [one["table"] for one in opened])
        _say("opened: charts", [one["charts"] for one in opened])
        for view in ("groups", "runs"):
            chromium.execute_script(f"document.getElementById('{view}').click()")
            time.sleep(1)
            for name, action in (("sort", _sort), ("filter", _filter)):
                timed = [chromium.execute_async_script(TIMED, action(i)) for i in range(2 * rounds)]
                _say(f"{name} {view}: table", [table for table, _ in timed])
                _say(f"{name} {view}: charts", [charts for _, charts in timed])
    finally:
        chromium.quit()


def _opened(chromium: Any, page: Path) -> dict[str, float]:
    chromium.get(page.as_uri())
    until = time.monotonic() + PATIENCE
    while "charts" not in (seen := chromium.execute_script("return window.seen")):
        if time.monotonic() > until:
            raise SystemExit(f"no charts after {PATIENCE} s: is plotly installed?")
        time.sleep(0.05)
    found: dict[str, float] = seen
    return found


def _sort(at: int) -> str:
    column = ("test_loss", "optimizer.lr")[at % 2]
    return f"document.querySelector('#table th button[data-id=\"{column}\"]').click()"


def _filter(at: int) -> str:
    text = ("relu", "lr<=0.01", "test_accuracy>0.9 tanh", "")[at % 4]
    return (
        f"const box = document.getElementById('filter'); box.value = '{text}';"
        "box.dispatchEvent(new Event('input'))"
    )


def _say(what: str, values: list[float]) -> None:
    print(f"{what:24} {statistics.median(values):6.0f} ms   (at most {max(values):.0f})")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    typer.run(main)
