"""What MLflow is shown is what run folders hold, in a database here."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sweep.helpers import sweep
from trainings import Finished, minidl, train

pytest.importorskip("mlflow")
pytestmark = pytest.mark.usefixtures("kept_programs")


def rows(query: str, database: str = "mlflow/mlflow.db") -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(database)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def curve(key: str, database: str = "mlflow/mlflow.db") -> dict[int, float]:
    found = rows(
        "SELECT step, value FROM metrics JOIN runs USING (run_uuid)"
        f" WHERE key = '{key}' AND lifecycle_stage = 'active' ORDER BY step",
        database,
    )
    return dict(found)


@pytest.fixture(autouse=True)
def _there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def trained(*overrides: str, options: Sequence[str] = ()) -> Finished:
    return train(Path.cwd(), *overrides, options=("--name", "one", *options))


def test_a_run_is_there_with_curves_settings_and_config() -> None:
    run = trained("training.watch=[weights]").run
    sent = minidl("export-log", "one", "--to", "mlflow")
    assert (sent.code, sent.out, sent.err) == (0, "mlflow\n", "")
    columns = run.read_columns()
    assert [*curve("loss/test").values()] == columns["test_loss"]
    assert [*curve("weight_norm/fc_2").values()] == run.dynamics.read()["fc_2.weight_norm"]
    assert curve("final/test_loss") == {3: run.read_record().final["test_loss"]}
    settings = dict(rows("SELECT key, value FROM params"))
    assert (settings["optimizer.lr"], settings["training.epochs"]) == ("0.1", "3")
    assert rows("SELECT name, status FROM runs") == [("one", "FINISHED")]
    (config,) = Path("mlflow/artifacts").rglob("config.yaml")
    assert config.read_bytes() == run.config_path.read_bytes()


@pytest.mark.slow  # MLflow takes seconds to make a database
def test_tracked_while_it_trains_it_shows_the_same() -> None:
    assert trained(options=("--track", "mlflow")).code == 0
    minidl("export-log", "one", "--to", "mlflow", "-o", "later")
    assert curve("loss/test") == curve("loss/test", "later/mlflow.db")
    assert rows("SELECT key, value FROM params") == rows(
        "SELECT key, value FROM params", "later/mlflow.db"
    )


@pytest.mark.slow  # MLflow takes seconds to make a database
def test_a_sweep_is_an_experiment_and_sent_again_each_run_takes_its_own_place() -> None:
    sweep(Path.cwd(), "optimizer.lr=0.1,0.2")
    for _ in range(2):
        assert minidl("export-log", "small", "--to", "mlflow").code == 0
    found = rows(
        "SELECT experiments.name, runs.name FROM runs JOIN experiments USING (experiment_id)"
        " WHERE runs.lifecycle_stage = 'active'"
    )
    names = {path.name for path in Path("runs/small").iterdir() if path.is_dir()}
    assert {*found} == {("small", name) for name in names}
    assert len(found) == 2


@pytest.mark.slow  # MLflow takes seconds to make a database
def test_nothing_is_told_to_anyone() -> None:
    trained(options=("--track", "mlflow"))
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_what_cannot_be_written_or_is_not_installed_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trained()
    Path("mlflow").mkdir()
    Path("mlflow/mlflow.db").write_text("no database " * 100)
    broken = minidl("export-log", "one", "--to", "mlflow")
    assert broken.code == 1
    assert len(broken.err.splitlines()) == 1
    assert "mlflow/mlflow.db: MLflow can't write it" in broken.err
    monkeypatch.setitem(sys.modules, "mlflow.entities", None)
    for command in (["export-log", "one", "--to"], ["train", "small.yaml", "--track"]):
        missing = minidl(*command, "mlflow")
        assert missing.code == 2
        assert len(missing.err.splitlines()) == 1
        assert 'pip install "minidl[mlflow]"' in missing.err
