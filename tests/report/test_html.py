"""A report's page in a browser: a table scrolls, its words stay whole."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from study_cases import curves, resolved, sweep, write_run
from trainings import minidl

from minidl.report.html.page import as_html
from minidl.report.members.collect import collect
from minidl.report.study import document
from minidl.spec.report import ReportTable

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
METRICS = ("test_loss", "test_accuracy", "train_loss", "train_seconds")
# The page allows no scripts, so this one takes the place of what forbids them.
MEASURE = """<script>addEventListener("load", () => { document.title = JSON.stringify({
    rows: [...document.querySelectorAll("tbody tr")].map(row => row.offsetHeight),
    page: document.documentElement.scrollWidth, window: innerWidth }) })</script>"""


@pytest.fixture
def page(tmp_path: Path) -> str:
    grid = {"model.activation": ["relu", "tanh"], "loss": ["mse", "cross_entropy"]}
    sweep(tmp_path / "s", {**grid, "optimizer.lr": [0.1, 0.01]}, repeats=1)
    name = "a_name_without_spaces_" * 9
    return as_html(document(name, collect([tmp_path]), [ReportTable(metrics=METRICS)]))


def test_no_cell_is_broken_within_its_words(page: str) -> None:
    cells = re.search(r"  th, td \{(.*?)\}\n  td \{(.*?)\}", page)
    assert cells is not None
    assert "anywhere" not in cells[1]
    assert "white-space: nowrap" in cells[2]
    assert ".wide { overflow-x: auto; }" in page


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
@pytest.mark.parametrize("width", [400, 1280])
def test_rows_are_one_line_high_and_only_the_table_scrolls(
    width: int, page: str, tmp_path: Path
) -> None:
    assert CHROMIUM is not None
    changed, count = re.subn(r'<meta http-equiv="Content-Security-Policy"[^>]*>', MEASURE, page)
    assert count == 1
    (tmp_path / "page.html").write_text(changed)
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command = [
        *(CHROMIUM, *flags, f"--user-data-dir={tmp_path / 'profile'}"),
        *(f"--window-size={width},900", "--dump-dom", (tmp_path / "page.html").as_uri()),
    ]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True).stdout
    title = re.search("<title>(.*?)</title>", shown)
    assert title is not None
    found = json.loads(title[1])
    assert len(found["rows"]) == 8
    assert max(found["rows"]) < 40  # pixels: one line and its padding
    assert found["page"] <= found["window"]


@pytest.mark.parametrize("plotly", [True, False])
def test_a_page_replaces_pages_but_no_other_file(
    plotly: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not plotly:
        monkeypatch.setattr("minidl.report.html.bundle.plotly", lambda: None)
    write_run(tmp_path / "runs" / "a", resolved(), curves(3))
    output = tmp_path / "notes.html"
    asked = "report", tmp_path / "runs", "--format", "html", "-o", output
    output.write_text("<!doctype html><p>my notes, on minidl")
    refused = minidl(*asked)
    assert refused.code == 2
    assert f"{output}: exists already, and isn't a report's page (use --overwrite)" in refused.err
    assert output.read_text().endswith("on minidl")
    for more in (["--overwrite"], []):
        assert minidl(*asked, *more).code == 0
        assert "my notes" not in output.read_text()
