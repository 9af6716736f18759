"""minidl list: every run of a folder, the broken ones included."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from minidl_cli.list import _lines, list_runs, read_row
from typer.testing import CliRunner, Result

from minidl.store import files
from minidl.store.find import find_runs
from minidl.store.locks import locked
from minidl.store.run_folder import RunFolder
from minidl.store.run_record import RunRecord

app = typer.Typer()
app.command("list")(list_runs)


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for day, name, score in [(1, "old", "test_accuracy"), (2, "=new", "test_r2")]:
        run = RunFolder.create(tmp_path / "runs", stem="s", config_text="", name=name)
        run.append_metrics({"epoch": 1, "test_loss": 0.5, score: 0.25})
        run.append_metrics({"epoch": 2, "test_loss": 0.02125, score: 0.978})
        started = f"2026-01-0{day}T12:30:00"
        run.write_record(RunRecord(status="done", parameters=1401, seconds=83.2, started=started))
    member = RunFolder.create(tmp_path / "runs" / "s", stem="s", config_text="", name="m" * 30)
    (tmp_path / "runs" / "s" / "sweep.yaml").write_text("")
    member.write_record(RunRecord(status="running", started="2025-01-01T12:30:00"))
    broken = RunFolder.create(tmp_path / "runs", stem="s", config_text="", name="half")
    broken.record_path.write_text('{"status": "do')
    return tmp_path / "runs"


def test_without_a_terminal_the_list_is_plain_aligned_lines_newest_first(runs: Path) -> None:
    result = invoke("--runs-dir", runs)
    assert result.exit_code == 0
    heads, *lines = result.stdout.splitlines()
    assert heads.split("  ")[0] == "name"
    assert [line.split()[0] for line in lines[:3]] == ["half", "=new", "old"]
    assert lines[2].split()[1:] == (
        ["done", "2", "0.02125", "97.8", "%", "1,401", "1", "min", "23", "s", "2026-01-01", "12:30"]
    )
    columns = {line.index("2026-01-0") for line in lines[1:3]}
    assert columns == {heads.index("when")}


def test_a_member_of_a_sweep_says_which(runs: Path) -> None:
    with locked(runs / "s"):
        shown = invoke("--runs-dir", runs, "--members").stdout
        assert f"\ns/{'m' * 30}  running" in shown
    rows = json.loads(invoke("--runs-dir", runs, "--format", "json").stdout)
    assert [row["sweep"] for row in rows] == [None, None, None, "s"]


def test_a_sweep_is_one_line(runs: Path) -> None:
    text = "data: disk\nmodel: mlp\nsweep: {grid: {seed: [1, 2, 3]}}\n"
    (runs / "s" / "sweep.yaml").write_text(text)
    done = RunFolder.create(runs / "s", stem="s", config_text="", name="other")
    done.write_record(RunRecord(status="done", started="2026-02-01T12:30:00"))
    head, newest, first, *others = invoke("--runs-dir", runs).stdout.splitlines()
    assert head.split()[:3] == ["name", "runs", "status"]
    assert first.split()[:6] == ["s", "5", "1", "done,", "1", "interrupted,"]
    assert "3 not begun" in first
    assert [line.split()[0] for line in (newest, *others[:2])] == ["half", "=new", "old"]
    inside = invoke("--runs-dir", runs / "s").stdout.splitlines()
    assert [line.split()[0] for line in inside] == ["name", "other", "m" * 30]


def test_a_run_that_nobody_works_on_any_more_is_interrupted(runs: Path) -> None:
    """A killed process leaves `running`, its lock's file, and what a stop before it had written."""
    run = RunFolder.open(runs / "old")
    run.write_record(replace(run.read_record(), status="running", final={"test_loss": 7.0}))
    for held, status in [(True, "running"), (False, "interrupted")]:
        with locked(run.path) if held else contextlib.nullcontext():
            row = read_row(run)
        (runs / ".old.lock").touch()
        assert (row.status, row.test_loss, row.seconds) == (status, 0.02125, None)


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_names_stay_whole_in_any_terminal(runs: Path, width: int) -> None:
    with locked(runs / "s"):
        rows = [read_row(run) for run in find_runs([runs])]
    lines = ["".join(text for text, _ in line) for line in _lines(rows, runs, width)]
    table = lines[: lines.index("")]
    assert max(map(len, table)) <= width
    assert any(line.startswith(f"s/{'m' * 30}") for line in table)
    assert all(any(word in line for line in table) for word in ("0.02125", "97.8 %", "running"))


def test_a_broken_run_is_marked_with_its_reason_and_stops_nothing(runs: Path) -> None:
    result = invoke("--runs-dir", runs)
    assert result.stdout.splitlines()[1].split() == ["half", "broken"]
    assert "run.json: is damaged" in result.stdout.splitlines()[-1]


def test_csv_and_json_hold_exact_numbers_and_no_formulas(runs: Path) -> None:
    table = list(csv.DictReader(io.StringIO(invoke("--runs-dir", runs, "--format", "csv").stdout)))
    assert [row["name"] for row in table] == ["half", "'=new", "old", "m" * 30]
    assert table[2]["test_loss"] == "0.02125"
    rows = json.loads(invoke("--runs-dir", runs, "--format", "json").stdout)
    assert rows[1]["test_r2"] == 0.978
    assert rows[1]["test_accuracy"] is None
    assert rows[0]["status"] == "broken"


def test_before_the_first_training_there_is_a_hint_and_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke()
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "minidl train CONFIG" in result.stderr
    assert invoke("--format", "json").stdout.strip() == "[]"


def test_a_folder_that_was_asked_for_and_is_missing_is_an_error(tmp_path: Path) -> None:
    result = invoke("--runs-dir", tmp_path / "absent")
    assert "absent: no such folder" in str(result.exception)


def test_names_reach_the_terminal_without_control_characters(tmp_path: Path) -> None:
    (tmp_path / "runs" / "a\x1b[31mb").mkdir(parents=True)
    (tmp_path / "runs" / "a\x1b[31mb" / "config.yaml").write_text("")
    result = invoke("--runs-dir", tmp_path / "runs")
    assert "\x1b" not in result.stdout
    assert "broken" in result.stdout


def test_each_run_takes_the_same_few_operations_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    disk = files.disk

    def counted(operation: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        if operation is os.open:
            opened.append(Path(arguments[0]).name)
        return disk(operation, *arguments, **options)

    monkeypatch.setattr(files, "disk", counted)
    for number in range(8):
        run = RunFolder.create(tmp_path, stem="a", name=f"a{number}", config_text="")
        run.append_metrics({"epoch": 1, "test_loss": 0.5})
        run.write_record(RunRecord(status="done"))
        if number + 1 in (4, 8):
            opened.clear()
            assert invoke("--runs-dir", tmp_path).exit_code == 0
            assert Counter(opened) == {"run.json": 2 * (number + 1), "metrics.csv": number + 1}
