"""dynamics.csv: written like metrics.csv, and taken back with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from trainings import KilledError, kill_after, minidl, spec, text_of_metrics, train

from minidl.errors import RestartWarning
from minidl.runs.execute import execute, resume
from minidl.runs.replay import Replay
from minidl.store.run_folder import RunFolder

pytestmark = pytest.mark.usefixtures("kept_programs")

WATCH = "training.watch=[weights, activations]"
OFTEN = "training.checkpoint_every=1", "training.epochs=6"


def dynamics(run: RunFolder) -> list[str]:
    return run.dynamics.path.read_text().splitlines()


def test_a_watched_run_has_a_row_of_each_epoch(tmp_path: Path) -> None:
    run = train(tmp_path, WATCH).run
    header, *rows = dynamics(run)
    assert header.split(",")[:3] == ["epoch", "fc_1.weight_norm", "fc_2.weight_norm"]
    assert [row.split(",")[0] for row in rows] == ["1", "2", "3"]
    run.dynamics.check(run.read_record().dynamics or {})


def test_a_run_that_nobody_watches_has_no_such_file(tmp_path: Path) -> None:
    run = train(tmp_path).run
    assert not run.dynamics.path.exists()
    assert run.read_record().dynamics is None


@pytest.mark.parametrize("rows_seconds", [0.0, 100.0])
def test_a_killed_run_that_goes_on_ends_with_the_same_rows(
    tmp_path: Path, rows_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minidl.runs.member.ROWS_SECONDS", rows_seconds)
    watched = spec(WATCH, *OFTEN)
    whole = execute(watched, runs_dir=tmp_path, name="whole").run.folder
    with pytest.raises(KilledError):
        execute(watched, runs_dir=tmp_path, name="killed", observers=[kill_after(4)])
    killed = RunFolder.open(tmp_path / "killed")
    if rows_seconds == 0:  # rows that no checkpoint stands for, and half a row
        with killed.dynamics.path.open("a") as file:
            file.write("5,0.1,0.2,0.3,0.4,0.5\n6,0.")
    resume(killed.path)
    assert dynamics(killed) == dynamics(whole)
    assert text_of_metrics(killed) == text_of_metrics(whole)


def test_a_changed_row_is_told_and_trained_again(tmp_path: Path) -> None:
    watched = spec(WATCH, *OFTEN)
    whole = execute(watched, runs_dir=tmp_path, name="whole").run.folder
    with pytest.raises(KilledError):
        execute(watched, runs_dir=tmp_path, name="killed", observers=[kill_after(4)])
    killed = RunFolder.open(tmp_path / "killed")
    content = killed.dynamics.path.read_text()
    killed.dynamics.path.write_text(content.replace("\n1,", "\n9,"))
    with pytest.warns(RestartWarning, match=r"dynamics\.csv: is damaged"):
        resume(killed.path)
    assert dynamics(killed) == dynamics(whole)


def test_a_replay_has_the_bytes_of_a_watched_runs_checkpoint(tmp_path: Path) -> None:
    run = train(tmp_path, WATCH, "training.checkpoint_every=1").run
    kept = run.checkpoint_path("previous").read_bytes()
    replay = Replay.of_run(run.path)
    replay.after(6)
    assert replay.checkpoint() == kept


def test_a_fork_begins_its_own(tmp_path: Path) -> None:
    run = train(tmp_path, WATCH, *OFTEN).run
    options = ("--fork", "training.watch=[updates]", "--name", "fork", "--runs-dir", tmp_path)
    assert minidl("at", run.path, "--step", 9, *options).code == 0
    header, *rows = dynamics(RunFolder.open(tmp_path / "fork"))
    assert header == "epoch,fc_1.update_ratio,fc_2.update_ratio"
    assert [row.split(",")[0] for row in rows] == ["4", "5", "6"]


def test_watching_makes_no_other_experiment_of_a_run(tmp_path: Path) -> None:
    train(tmp_path, WATCH, "seed=1")
    train(tmp_path, "seed=2")
    table = minidl("report", tmp_path / "runs", "--format", "csv")
    assert table.code == 0
    assert "watch" not in table.out
    assert len(table.out.splitlines()) == 2  # one group


def test_a_word_that_nothing_can_be_watched_by_is_refused(tmp_path: Path) -> None:
    refused = train(tmp_path, "training.watch=[gradient]")
    assert refused.code == 2
    assert "training.watch" in refused.err
    assert "gradients" in refused.err
