"""boundary.csv: what a network answers over the plane, epoch by epoch, exact under resume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from trainings import (
    KilledError,
    built,
    data_of,
    kill_after,
    minidl,
    plainly,
    spec,
    text_of_metrics,
    train,
)

from minidl.report.members.decision import class_of
from minidl.runs.boundary import Boundary, kept
from minidl.runs.execute import execute, resume
from minidl.runs.replay import Replay
from minidl.spec import load_sweep
from minidl.store.frames import LEVELS, NAMES
from minidl.store.frames import frames as read_frames
from minidl.store.run_folder import RunFolder

pytestmark = pytest.mark.usefixtures("kept_programs")

RECORD = "training.record=boundary"
OFTEN = "training.checkpoint_every=1", "training.epochs=12"


def frames(run: RunFolder) -> dict[int, np.ndarray]:
    """The maps by epoch."""
    return dict(zip(*read_frames(run.boundary.read()), strict=True))


def test_few_of_many_epochs_are_kept_densely_at_first() -> None:
    assert [*kept(12)] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    assert len([*kept(10_000)]) == 62
    assert [*kept(500)] == [*kept(10_000)][: len([*kept(500)])]


def test_the_last_frame_is_what_the_finished_run_predicts(tmp_path: Path) -> None:
    run = train(tmp_path, RECORD, "training.epochs=40").run
    there = frames(run)
    assert [*there] == [0, *kept(40), 40]
    found = run.read_predictions()
    record = run.read_record()
    assert record.plane["left"] == found["grid_x"][0]
    assert record.plane["top"] == found["grid_y"][-1]
    # The corners of both grids are the same points.
    corners = found["grid_output"][np.ix_([0, -1], [0, -1])]
    decided = there[40][np.ix_([0, -1], [0, -1])] > LEVELS / 2
    np.testing.assert_array_equal(decided, class_of(corners, record.decision or {}) == 1)


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_of_more_classes_it_is_the_one_decided_for(loss: str) -> None:
    options = "data={type: blobs, classes: 3, train: 30, test: 9}", f"loss={loss}"
    one = spec(*options)
    looked = Boundary(one, data_of(one), built(*options))
    (row,) = looked.unwritten
    assert row["epoch"] == 0
    assert {*row.values()} <= {0, 1, 2}


@pytest.mark.parametrize("rows_seconds", [0.0, 100.0])
def test_a_killed_run_that_goes_on_ends_with_the_same_file(
    tmp_path: Path, rows_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minidl.runs.member.ROWS_SECONDS", rows_seconds)
    recorded = spec(RECORD, *OFTEN, "training.eval_every=2")
    whole = execute(recorded, runs_dir=tmp_path, name="whole").run.folder
    with pytest.raises(KilledError):
        execute(recorded, runs_dir=tmp_path, name="killed", observers=[kill_after(5)])
    killed = RunFolder.open(tmp_path / "killed")
    resume(killed.path)
    assert killed.boundary.path.read_bytes() == whole.boundary.path.read_bytes()
    assert [*frames(whole)] == [0, 2, 4, 6, 8, 10, 12]


def test_a_replay_has_the_bytes_of_a_recorded_runs_checkpoint(tmp_path: Path) -> None:
    run = train(tmp_path, RECORD, "training.checkpoint_every=1").run
    kept = run.checkpoint_path("previous").read_bytes()
    replay = Replay.of_run(run.path)
    replay.after(6)
    assert replay.checkpoint() == kept


def test_members_of_a_sweep_record_side_by_side_and_keep_their_names(tmp_path: Path) -> None:
    config = tmp_path / "small.yaml"
    train(tmp_path)
    grid = ("sweep", config, "optimizer.lr=0.1,0.2", "training.epochs=4", "-q")
    names = [
        {one.name for one in load_sweep(config, [*extra, "optimizer.lr=0.1,0.2"]).members}
        for extra in ((), ("training.record=null",), (RECORD,))
    ]
    assert names[0] == names[1] != names[2]
    assert minidl(*grid, RECORD, "--runs-dir", tmp_path).code == 0
    alone = train(tmp_path, RECORD, "optimizer.lr=0.2", "training.epochs=4").run
    texts = {path.read_text() for path in tmp_path.glob("small/*/boundary.csv")}
    assert len(texts) == 2
    assert alone.boundary.path.read_text() in texts


def test_recording_changes_nothing_that_trains(tmp_path: Path) -> None:
    dropout = "model.dropout=0.2", "training.eval_every=2"
    runs = [
        train(tmp_path, *dropout, *extra, options=("--name", name)).run
        for name, extra in (("seen", (RECORD,)), ("unseen", ()))
    ]
    texts = [text_of_metrics(run) for run in runs]
    weights = [run.load_checkpoint("last")[0]["parameters"] for run in runs]
    assert texts[0] == texts[1]
    assert weights[0].equal(weights[1])


@plainly
def test_without_a_compiler_it_is_recorded_alike(tmp_path: Path) -> None:
    run = train(tmp_path, RECORD).run
    assert [*frames(run)] == [0, 1, 2, 3]
    assert run.read_record().boundary == run.boundary.mark()


def test_recording_makes_no_other_experiment_of_a_run(tmp_path: Path) -> None:
    train(tmp_path, RECORD, "seed=1")
    train(tmp_path, "seed=2")
    table = minidl("report", tmp_path / "runs", "--format", "csv")
    assert len(table.out.splitlines()) == 2  # one group


def test_without_a_plane_it_is_refused_with_its_place(tmp_path: Path) -> None:
    config = tmp_path / "iris.yaml"
    config.write_text(
        "data: iris\nloss: cross_entropy\nmodel: {type: mlp, hidden: [8]}\n"
        "training:\n  record: boundary\n"
    )
    refused = minidl("train", config, "--runs-dir", tmp_path)
    assert refused.code == 2
    place = f"{config}:5:11: training.record: boundary: needs a plane, of two inputs, but the data"
    assert f"{place} have 4 inputs: leave it out" in refused.err
    assert refused.err.count("\n") == 1


@pytest.mark.parametrize("cell", ["nan", "-1", "100", "1e400"])
def test_a_file_that_no_run_wrote_is_no_film(cell: str) -> None:
    columns: dict[str, list[float]] = {"epoch": [0.0], **{name: [1.0] for name in NAMES}}
    assert read_frames(columns)[1].shape == (1, 32, 32)
    columns["x3y4"] = [float(cell)]
    with pytest.raises(ValueError, match="no answer"):
        read_frames(columns)
    with pytest.raises(ValueError, match="its columns"):
        read_frames({"epoch": [0]})
