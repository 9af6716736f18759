"""`--format json`: every command that prints a result has it, and stdout is the document alone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from minidl_cli.app import app
from trainings import SMALL, minidl
from typer.main import get_command

pytestmark = pytest.mark.usefixtures("kept_programs")

WITHOUT = {
    "export": "its --format says what is exported; stdout has the files' names",
    "schema": "is JSON as it is",
    "play": "serves a page until Ctrl-C",
    "watch": "serves a page until Ctrl-C",
}
COMMANDS = [*get_command(app).commands]  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SMALL)


def document(*arguments: object, code: int = 0) -> Any:
    done = minidl(*arguments, "--format", "json")
    assert done.code == code, done.err
    return json.loads(done.out)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_that_prints_a_result_has_it(name: str) -> None:
    found = re.findall(r"--format [<\[]?([\w|]+)", minidl(name, "--help").out)
    assert any("json" in formats.split("|") for formats in found) != (name in WITHOUT)


def test_of_a_run_it_has_what_list_shows_and_its_metrics() -> None:
    run = document("train", "small.yaml", "--name", "one")
    (listed,) = document("list")
    assert {key: run[key] for key in listed} == listed
    assert (run["path"], run["status"], run["epochs"]) == ("runs/one", "done", 3)
    assert set(run["metrics"]) == {
        f"{part}_{metric}" for part in ("train", "test") for metric in ("loss", "accuracy")
    }


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_of_a_run_that_diverged_it_is_json_too() -> None:
    run = document("train", "small.yaml", "optimizer.lr=1e30", "loss=mse", code=1)
    assert run["status"] == "diverged"


def test_of_a_sweep_it_has_counts_and_all_runs() -> None:
    todo = document("sweep", "small.yaml", "seed=1,2,3", "--dry-run")
    assert len(todo["missing"]) == 3
    swept = document("sweep", "small.yaml", "seed=1,2,3", "--confirm", "2")
    assert (swept["path"], swept["counts"]) == ("runs/small", {"done": 3})
    assert {run["name"] for run in swept["runs"]} == {*todo["missing"]}
    assert swept["confirmed"]["counts"] == {"done": 2}
    assert swept["confirmed"]["metrics"]["test_accuracy"]["n"] == 2
    assert document("resume", "small")["counts"] == {"done": 3}


def test_of_rates_it_has_each_with_its_loss() -> None:
    found = document("lr", "small.yaml", "--count", 5, "--epochs", 1)
    assert found["path"] == "runs/small-lr"
    assert [one["lr"] for one in found["rates"]] == sorted(one["lr"] for one in found["rates"])
    assert found["suggested"] in [one["lr"] for one in found["rates"]]


def test_what_is_done_with_runs_is_said() -> None:
    assert document("new", "first.yaml") == {"path": "first.yaml"}
    document("train", "small.yaml", "--name", "one")
    tagged = {"path": "runs/one", "tags": ["paper"], "note": ""}
    assert document("tag", "one", "paper") == [tagged]
    assert document("note", "one", "good") == [{**tagged, "note": "good"}]
    assert document("note", "one") == [{**tagged, "note": "good"}]
    pruned = document("prune", "one", "--dry-run")
    assert pruned["checkpoints"] == ["runs/one/checkpoints/best.safetensors"]
    assert pruned["bytes"] == Path(pruned["checkpoints"][0]).stat().st_size
    sent = document("export-log", "one")
    assert (sent["to"], sent["left_out"]) == ("tensorboard", [])
    figures = document("animate", "one", "--frames", 2)["figures"]
    assert all(Path(figure).is_file() for figure in figures)
    moved = document("rm", "one", "--yes")["moved"]
    assert moved == [{"path": "runs/one", "to": "runs/.trash/one"}]
    assert document("rm", "--empty-trash", "--yes") == {"moved": [], "deleted": 1}
