"""A sweep's folder: what lies in it, and what the same command does to it again."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sweep.helpers import loaded, members, planned, statuses, sweep
from trainings import SMALL, columns, minidl, train

from minidl.plural import plural
from minidl.spec import Member, load_sweep
from minidl.store import system
from minidl.sweep import run as sweep_run
from minidl.sweep.folder import SweepFolder
from minidl.sweep.run import run as carry_out

GRID = "optimizer.lr=0.1,0.2"


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def results(folder: Path) -> list[dict[str, str]]:
    with (folder / "runs" / "small" / "results.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def record(folder: Path, member: int, **changes: Any) -> None:
    """Change a member's run.json."""
    run = members(folder)[member]
    run.write_record(replace(run.read_record(), **changes))


# What lies in it.


def test_a_folder_is_listed_as_often_for_many_members_as_for_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[Path] = []
    disk = system.disk

    def counted(operation: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        if operation is os.listdir:
            listed.append(Path(arguments[0]))
        return disk(operation, *arguments, **options)

    monkeypatch.setattr(system, "disk", counted)
    counts = []
    for name, grid in (("few", "seed=1,2"), ("many", "seed=1,2,3,4,5,6,7,8,9")):
        listed.clear()
        (tmp_path / name).mkdir()
        assert sweep(tmp_path / name, grid).code == 0
        counts.append(listed.count(tmp_path / name / "runs" / "small"))
    assert counts[0] == counts[1]


def test_each_member_has_the_files_of_a_single_run_but_plots(tmp_path: Path) -> None:
    assert sweep(tmp_path, GRID).code == 0
    single = train(tmp_path, "name=single").run
    expected = {name for name in contents(single.path) if not name.startswith("plots/")}
    assert expected >= {"config.yaml", "run.json", "metrics.csv", "predictions.npz"}
    for run in members(tmp_path):
        assert set(contents(run.path)) == expected
        own, other = (json.loads(one.record_path.read_bytes()) for one in (run, single))
        assert own.keys() - other.keys() == {"sweep"}
        assert other.keys() <= own.keys()
    assert {path.name for path in (tmp_path / "runs" / "small").iterdir() if path.is_file()} == {
        "sweep.yaml",
        "results.csv",
    }


def test_a_record_says_what_was_swept(tmp_path: Path) -> None:
    sweep(tmp_path, GRID, options=["--repeats", 2])
    records = [run.read_record() for run in members(tmp_path)]
    assert [one.sweep for one in records] == [
        {"optimizer.lr": lr, "seed": seed} for lr in (0.1, 0.2) for seed in (0, 1)
    ]
    assert [one.seed for one in records] == [0, 1, 0, 1]
    assert records[0].command[:2] == ["minidl", "sweep"]


def test_results_hold_each_member_with_its_values_and_exact_metrics(tmp_path: Path) -> None:
    sweep(tmp_path, "optimizer.lr=0.1,1e30", "loss=mse,bce_with_logits")
    rows = results(tmp_path)
    assert [row["optimizer.lr"] for row in rows] == ["0.1", "0.1", "1e+30", "1e+30"]
    assert [row["loss"] for row in rows] == ["mse", "bce_with_logits"] * 2
    assert [row["status"] for row in rows] == ["done", "done", "diverged", "diverged"]
    by_name = {run.path.name: run for run in members(tmp_path)}
    assert [row["member"] for row in rows] == [m.name for m in loaded(
        tmp_path, "optimizer.lr=0.1,1e30", "loss=mse,bce_with_logits"
    ).members]  # fmt: skip
    for row in rows:
        run = by_name[row["member"]].read_record()
        assert row["epochs"] == str(run.epochs)
        for key, value in run.final.items():
            assert row[key] == ("" if value is None else repr(value))
        if run.status == "done":
            assert float(row["test_loss"]) == run.final["test_loss"]
            assert float(row["best_test_loss"]) == run.best["test_loss"]
            assert int(row["best_epoch"]) == run.best["epoch"]


def test_text_that_a_spreadsheet_would_run_is_defused(tmp_path: Path) -> None:
    one = loaded(tmp_path, "name==SUM(A1),b")
    SweepFolder(tmp_path).write_results(one.members)
    with (tmp_path / "results.csv").open(newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == ["'=SUM(A1)", "b"]


def test_the_written_sweep_loads_as_the_same_members(tmp_path: Path) -> None:
    text = SMALL + "sweep: {zip: {seed: [3, 4], loss: [mse, bce_with_logits]}, repeats: 2}\n"
    sweep(tmp_path, GRID, text=text)
    again = load_sweep(tmp_path / "runs" / "small" / "sweep.yaml")
    assert again.members == loaded(tmp_path, GRID, text=text).members
    assert {member.name for member in again.members} == {run.path.name for run in members(tmp_path)}


# The same command again.


def test_the_same_command_again_does_nothing_when_all_is_done(tmp_path: Path) -> None:
    first = sweep(tmp_path, "optimizer.lr=0.1,1e30")
    before = contents(tmp_path / "runs")
    again = sweep(tmp_path, "optimizer.lr=0.1,1e30")
    assert (again.code, again.out) == (0, first.out)
    assert contents(tmp_path / "runs") == before
    assert "0 runs, 2 of 2 done before" in again.err


def test_only_a_member_that_is_missing_is_trained(tmp_path: Path) -> None:
    sweep(tmp_path, GRID)
    gone = members(tmp_path)[1].path
    before = contents(tmp_path / "runs" / "small")
    metrics = columns(members(tmp_path)[1])
    shutil.rmtree(gone)
    again = sweep(tmp_path, GRID)
    assert "1 run, 1 of 2 done before" in again.err
    assert columns(members(tmp_path)[1]) == metrics
    after = contents(tmp_path / "runs" / "small")
    changed = {name for name in before if after[name] != before[name]}
    assert changed <= {"results.csv", *(name for name in before if name.startswith(gone.name))}


@pytest.mark.filterwarnings("ignore:.*before the first checkpoint")
@pytest.mark.parametrize("status", ["failed", "interrupted", "running", "nonsense"])
def test_members_without_a_result_are_trained_again(status: str, tmp_path: Path) -> None:
    sweep(tmp_path, GRID)
    record(tmp_path, 0, status=status)
    shutil.rmtree(members(tmp_path)[0].path / "checkpoints")  # it got that far only
    kept = contents(members(tmp_path)[1].path)
    assert sweep(tmp_path, GRID).code == 0
    assert statuses(tmp_path) == ["done", "done"]
    assert [row["status"] for row in results(tmp_path)] == ["done", "done"]
    assert contents(members(tmp_path)[1].path) == kept


@pytest.mark.parametrize(
    ("overrides", "options", "count"),
    [
        (["optimizer.lr=0.3,0.1,0.2"], [], 3),
        ([GRID], ["--repeats", 2], 4),
        ([GRID, "seed=0,1,2"], [], 6),
    ],
)
def test_a_sweep_can_grow_and_keeps_what_it_has(
    overrides: list[str], options: list[object], count: int, tmp_path: Path
) -> None:
    sweep(tmp_path, GRID)
    before = {run.path.name: contents(run.path) for run in members(tmp_path)}
    grown = sweep(tmp_path, *overrides, options=options)
    assert grown.code == 0
    assert f"small: {plural(count - 2, 'run')}, 2 of {count} done before" in grown.err
    after = {run.path.name: contents(run.path) for run in members(tmp_path)}
    assert len(after) == len(results(tmp_path)) == count
    assert {name: after[name] for name in before} == before
    assert len(load_sweep(tmp_path / "runs" / "small" / "sweep.yaml").members) == count


@pytest.mark.parametrize(
    ("overrides", "difference"),
    [
        (["optimizer.lr=0.1"], "sweep.grid.optimizer.lr: [0.1, 0.2] → (not given)"),
        (["optimizer.lr=0.1,0.3"], "sweep.grid.optimizer.lr: [0.1, 0.2] → [0.1, 0.3]"),
        ([GRID, "training.epochs=4"], "training.epochs: 3 → 4"),
        ([GRID, "model.hidden=[5]"], "model.hidden: [8] → [5]"),
        ([GRID, "loss=bce_with_logits"], "loss.type: (not given) → bce_with_logits"),
    ],
)
def test_another_sweep_of_the_same_name_is_refused_with_the_difference(
    overrides: list[str], difference: str, tmp_path: Path
) -> None:
    sweep(tmp_path, GRID)
    before = contents(tmp_path / "runs")
    refused = sweep(tmp_path, *overrides)
    assert refused.code == 2
    assert "holds another sweep, with " in refused.err
    assert "--name" in refused.err
    lines = [line.strip() for line in refused.err.splitlines()]
    assert difference in lines
    assert sum(" → " in line for line in lines) <= 2
    assert contents(tmp_path / "runs") == before
    assert sweep(tmp_path, *overrides, options=["--name", "other"]).code == 0


def test_another_sweep_is_told_without_its_results_too(tmp_path: Path) -> None:
    sweep(tmp_path, GRID)
    (tmp_path / "runs" / "small" / "results.csv").unlink()
    refused = sweep(tmp_path, "optimizer.lr=0.1,0.3")
    assert refused.code == 2
    assert "holds another sweep, with 1 run that this one lacks" in refused.err
    assert sweep(tmp_path, GRID).code == 0
    assert len(results(tmp_path)) == 2


def test_a_sweep_whose_config_was_edited_is_not_resumed(tmp_path: Path) -> None:
    sweep(tmp_path, GRID)
    config = tmp_path / "runs" / "small" / "sweep.yaml"
    config.write_text(config.read_text().replace("0.2", "0.3"))
    refused = minidl("resume", config.parent)
    assert refused.code == 2
    assert "with 1 run that this one lacks" in refused.err
    assert members(tmp_path)[1].path.name in refused.err


def test_results_read_again_what_has_changed_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    row = SweepFolder._row

    def noted(folder: SweepFolder, one: Member) -> Any:
        read.append(one.name)
        return row(folder, one)

    monkeypatch.setattr(SweepFolder, "_row", noted)
    monkeypatch.setattr(sweep_run, "RESULTS_SECONDS", -1.0)
    sweep(tmp_path, "optimizer.lr=0.1,0.2,0.3", options=["--jobs", 1, "--stack", 1])
    assert len(read) == 3 + 3  # at the beginning, one by one
    assert {row["status"] for row in results(tmp_path)} == {"done"}


# Data files.

TABLE = "data: {type: csv, path: a.csv, target: y}\nmodel: mlp\ntraining: {epochs: 2}\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A data file that a sweep has begun with."""
    path = tmp_path / "a.csv"
    path.write_text("x,y\n" + "\n".join(f"{i / 20},{i % 2}" for i in range(20)))
    assert sweep(tmp_path, GRID, text=TABLE).code == 0
    return path


def test_a_data_file_that_has_changed_is_refused_by_its_name(table: Path, tmp_path: Path) -> None:
    before = table.read_text()
    table.write_text(before + "\n1,1")
    shutil.rmtree(members(tmp_path)[0].path)
    kept = contents(tmp_path / "runs")
    grown = sweep(tmp_path, "optimizer.lr=0.1,0.2,0.3", text=TABLE)
    for refused in (
        sweep(tmp_path, GRID, text=TABLE), grown, minidl("resume", tmp_path / "runs" / "small")
    ):  # fmt: skip
        assert refused.code == 2
        assert f"{table}: has changed since the sweep in " in refused.err
    assert contents(tmp_path / "runs") == kept
    assert sweep(tmp_path, GRID, text=TABLE, options=["--name", "other"]).code == 0
    table.write_text(before)
    assert sweep(tmp_path, "optimizer.lr=0.1,0.2,0.3", text=TABLE).code == 0
    assert statuses(tmp_path) == ["done"] * 3


def test_a_data_file_that_changes_meanwhile_is_not_trained_on(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x,y\n" + "\n".join(f"{i / 20},{i % 2}" for i in range(20)))
    todo = planned(tmp_path, GRID, text=TABLE, jobs=1)
    path.write_text(path.read_text() + "\n1,1")
    outcome = carry_out(todo)
    assert dict(outcome.counts) == {"failed": 2}
    assert "a.csv: isn't the file that the config means" in outcome.errors[0]


def test_a_folder_that_is_no_sweep_is_left_alone(tmp_path: Path) -> None:
    single = train(tmp_path, options=("--name", "small")).run
    before = contents(single.path)
    refused = sweep(tmp_path, GRID)
    assert refused.code == 2
    assert refused.err == (
        f"minidl: {tmp_path / 'runs' / 'small'}: exists already and isn't a sweep's folder "
        "(choose another --name)\n"
    )
    assert contents(single.path) == before


@pytest.mark.parametrize("name", ["../x", ".", "..", "a/b", "-x", " "])
def test_an_unsafe_name_is_refused(name: str, tmp_path: Path) -> None:
    assert sweep(tmp_path, GRID, options=[f"--name={name}"]).code == 2
    assert not (tmp_path / "runs").exists()


# Nothing is written before everything is checked.


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data.type=disk,spirals", "data.classes=3"], "unknown key"),
        (["data={type: spirals, classes: 3},disk", "loss=bce_with_logits,cross_entropy"],
         "command line: loss: bce_with_logits needs 2 classes, but the data has 3"),
        (["data=disk,{type: csv, path: absent.csv, target: y}"], "absent.csv"),
        (["device=cuda:99,cpu"], "device"),
        (["training.stop_at={metric: test_r2, value: 1}", GRID], "this data has no test_r2"),
    ],
)  # fmt: skip
def test_a_member_that_can_not_train_is_told_before_anything_is_written(
    overrides: list[str], message: str, tmp_path: Path
) -> None:
    config = tmp_path / "small.yaml"
    config.write_text(SMALL)
    refused = minidl("sweep", config, *overrides, "--runs-dir", tmp_path / "runs")
    assert refused.code == 2
    assert message in refused.err
    assert "Traceback" not in refused.err
    assert not (tmp_path / "runs").exists()


def test_a_plan_knows_what_is_missing(tmp_path: Path) -> None:
    assert planned(tmp_path, GRID).missing == 2
    sweep(tmp_path, GRID)
    plan = planned(tmp_path, "optimizer.lr=0.1,0.2,0.3")
    assert (plan.missing, len(plan.members)) == (1, 3)


def test_records_are_strict_json(tmp_path: Path) -> None:
    sweep(tmp_path, "optimizer.lr=0.1,1e30")
    for run in members(tmp_path):
        json.loads(run.record_path.read_text(), parse_constant=pytest.fail)
