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
from minidl_cli.list import list_runs
from minidl_cli.list_table import table_lines
from minidl_cli.listed import broken_row, reader
from typer.testing import CliRunner, Result

from minidl.store import system
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
            row = reader(settings=False)(run, run.read_record())
        (runs / ".old.lock").touch()
        assert (row.status, row.test_loss, row.seconds) == (status, 0.02125, None)


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_names_stay_whole_in_any_terminal(runs: Path, width: int) -> None:
    with locked(runs / "s"):
        rows = find_runs([runs], reader(settings=False), broken_row)
    lines = ["".join(text for text, _ in line) for line in table_lines(rows, runs, width)]
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
    disk = system.disk

    def counted(operation: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        if operation is os.open:
            opened.append(Path(arguments[0]).name)
        return disk(operation, *arguments, **options)

    monkeypatch.setattr(system, "disk", counted)
    for number in range(8):
        run = RunFolder.create(tmp_path, stem="a", name=f"a{number}", config_text="")
        run.append_metrics({"epoch": 1, "test_loss": 0.5})
        run.write_record(RunRecord(status="done"))
        if number + 1 in (4, 8):
            opened.clear()
            assert invoke("--runs-dir", tmp_path).exit_code == 0
            assert Counter(opened) == {"run.json": number + 1, "metrics.csv": number + 1}


@pytest.fixture
def swept(tmp_path: Path) -> Path:
    """Four runs whose rates, metrics and ends differ; one lies in a sweep."""
    kinds = [("a", 0.1, "done", 0.8), ("b", 0.01, "failed", 0.7), ("s/c", 1, "done", 0.9)]
    for day, (name, lr, status, score) in enumerate(kinds, 1):
        config = f"optimizer: {{type: sgd, lr: {lr}}}\nmodel: {{init: {{lr: {lr}}}}}\n"
        folder, _, own = f"runs/{name}".rpartition("/")
        run = RunFolder.create(tmp_path / folder, stem="s", config_text=config, name=own)
        started = f"2026-01-0{day}T12:30:00"
        final = {"test_accuracy": score, "val_loss": day / 10}
        run.write_record(RunRecord(status=status, started=started, final=final))
    (tmp_path / "runs/s/sweep.yaml").write_text("")
    return tmp_path / "runs"


def listed(runs: Path, *options: str) -> list[str]:
    """The names, in their order."""
    result = invoke("--runs-dir", runs, *options)
    assert result.exit_code == 0, result.exception
    return [line.split()[0] for line in result.stdout.splitlines()[1:]]


def test_where_chooses_by_fields_settings_and_metrics(swept: Path) -> None:
    assert listed(swept, "--where", "status=done") == ["s/c", "a"]
    assert listed(swept, "--where", "status=done", "--where", "optimizer.lr=1e-1") == ["a"]
    assert listed(swept, "--where", "optimizer=sgd", "--where", "val_loss=0.20") == ["b"]
    assert listed(swept, "--where", "sweep=s") == ["s/c"]
    nothing = invoke("--runs-dir", swept, "--where", "status=running")
    assert (nothing.stdout, nothing.exit_code) == ("", 0)
    assert "no run in" in nothing.stderr
    assert "has status=running" in nothing.stderr


def test_the_order_is_the_best_first_or_turned_around(swept: Path) -> None:
    assert listed(swept, "--sort-by", "test_accuracy") == ["s/c", "a", "b"]
    assert listed(swept, "--sort-by=-test_accuracy") == ["b", "a", "s/c"]
    assert listed(swept, "--sort-by", "optimizer.lr") == ["b", "a", "s/c"]
    assert listed(swept, "--sort-by=status,-val_loss") == ["s/c", "a", "b"]


def test_a_limit_says_how_many_there_are(swept: Path) -> None:
    result = invoke("--runs-dir", swept, "--members", "--limit", "2")
    assert len(result.stdout.splitlines()) == 3
    assert result.stderr == "2 of 3 are shown\n"


def test_columns_are_those_that_were_asked_for(swept: Path) -> None:
    options = ("--columns", "name, optimizer.lr, val_loss, when", "--sort-by", "name")
    heads, *rows = invoke("--runs-dir", swept, *options).stdout.splitlines()
    assert heads.split() == ["name", "lr", "val", "loss", "when"]
    assert rows[0].split() == ["a", "0.1", "0.1", "2026-01-01", "12:30"]
    made = invoke("--runs-dir", swept, *options, "--format", "json").stdout
    assert json.loads(made)[1] == {
        "name": "b",
        "optimizer.lr": 0.01,
        "val_loss": 0.2,
        "started": "2026-01-02T12:30:00",
    }
    made = invoke("--runs-dir", swept, *options, "--format", "csv").stdout
    assert made.splitlines()[:2] == [
        "name,optimizer.lr,val_loss,started",
        "a,0.1,0.1,2026-01-01T12:30:00",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--where", "status"),
            "--where: expected KEY=VALUE, such as status=failed, but got 'status'",
        ),
        (("--where", "lr=1"), "'lr' is the end of several keys: write one of optimizer.lr, model."),
        (("--columns", "statos"), "no run has the key 'statos'; did you mean 'status'?"),
        (("--sort-by", "test_los"), "no run has the key 'test_los'; did you mean 'test_loss'?"),
    ],
)
def test_a_key_that_no_run_has_is_refused(
    swept: Path, options: tuple[str, ...], message: str
) -> None:
    result = invoke("--runs-dir", swept, *options)
    assert str(result.exception).startswith(message)
