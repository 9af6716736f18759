"""A training repeated up to a step of its past, and forks of it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from explained import TINY, state
from trainings import text_of_metrics, train

from minidl.build import prepare
from minidl.errors import ConfigError, MinidlWarning, RunError
from minidl.runs.execute import resume
from minidl.runs.fork import fork
from minidl.runs.replay import Replay
from minidl.spec import parse_spec
from minidl.store.run_folder import RunFolder

pytestmark = pytest.mark.usefixtures("kept_programs")

OPTIONS = "training.checkpoint_every=1", "optimizer=adam"
PLATEAU = "schedule={type: plateau, patience: 0, factor: 0.5, metric: test_loss}"


def a_run(folder: Path, *overrides: str) -> RunFolder:
    return train(folder, *OPTIONS, *overrides, text=TINY, options=("--name", "run")).run


@pytest.mark.parametrize("schedule", ["schedule=cosine", PLATEAU])
def test_at_the_end_of_an_epoch_a_replay_has_the_bytes_of_its_checkpoint(
    tmp_path: Path, schedule: str
) -> None:
    run = a_run(tmp_path, schedule)
    kept = {name: run.checkpoint_path(name).read_bytes() for name in ("previous", "last")}
    for step, name in ((15, "previous"), (20, "last")):
        replay = Replay.of_run(run.path)
        replay.after(step)
        assert replay.checkpoint() == kept[name]
    shutil.rmtree(run.path / "checkpoints")  # now from the beginning
    replay = Replay.of_run(run.path)
    for step, name in ((15, "previous"), (20, "last")):
        replay.after(step)
        assert replay.checkpoint() == kept[name]


def test_a_replay_step_by_step_is_the_training() -> None:
    spec = parse_spec(TINY, overrides=OPTIONS)
    trainer = prepare(spec)[1].trainer
    list(trainer)
    replay = Replay(spec)
    for step in (1, 2, 5, 6, 13):  # the midst of epochs, their ends, and past some
        replay.before(step)
        replay.after(step)
    replay.after(20)
    assert torch.equal(replay.trainer.optimizer.flat.data, trainer.optimizer.flat.data)


def test_the_rows_of_a_step_are_those_that_the_training_took() -> None:
    replay = Replay(parse_spec(TINY))
    order = prepare(parse_spec(TINY))[1].trainer.batches.order()
    assert replay.before(2).index == 1
    assert torch.equal(replay.rows, order[5:10])
    replay.before(5)
    assert torch.equal(replay.rows, order[20:23])


def test_the_state_in_the_midst_of_an_epoch_says_how_far_it_is() -> None:
    replay = Replay(parse_spec(TINY))
    place = replay.after(7)
    assert (place.epoch, place.index, place.steps) == (2, 1, 5)
    before = state(replay)
    again = Replay(parse_spec(TINY))
    again.before(8)
    assert all(torch.equal(x, before[name]) for name, x in state(again).items())


@pytest.mark.parametrize("step", [0, 21])
def test_a_step_beyond_the_training_is_refused(step: int) -> None:
    with pytest.raises(RunError, match=f"has no step {step}: there are 20, 4 epochs of 5 steps"):
        Replay(parse_spec(TINY)).place(step)


def test_a_run_that_another_version_trained_is_said_not_to_be_exact(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    record = run.read_record()
    run.write_record(replace(record, versions={**record.versions, "minidl": "0.0.1"}))
    with pytest.warns(MinidlWarning, match=r"minidl 0\.0\.1, now .*: repeating isn't exact"):
        Replay.of_run(run.path)


def test_a_fork_without_a_change_is_the_run_itself(tmp_path: Path) -> None:
    run = a_run(tmp_path, PLATEAU)
    forked = _forked(run, 10, "training.eval_every=1")
    assert text_of_metrics(forked) == text_of_metrics(run)
    weights = [one.load_checkpoint("last")[0]["parameters"] for one in (run, forked)]
    assert torch.equal(*weights)
    assert forked.read_record().other["forked"]["epoch"] == 2


def test_a_fork_has_the_past_of_its_run_and_goes_its_own_way(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    forked = _forked(run, 10, "optimizer.lr=0.5")
    assert forked.read_columns()["lr"] == [0.001, 0.001, 0.5, 0.5]
    assert text_of_metrics(forked)[:3] == text_of_metrics(run)[:3]
    assert text_of_metrics(forked)[3:] != text_of_metrics(run)[3:]


def test_a_fork_with_another_optimizer_begins_with_what_that_remembers_first(
    tmp_path: Path,
) -> None:
    forked = _forked(a_run(tmp_path), 10, "optimizer={type: sgd, momentum: 0.9}")
    assert forked.read_record().status == "done"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("model.hidden=[3]", "its weights don't fit the changed network"),
        ("training.batch_size=4", "a fork has the run's own batches"),
        ("training.epochs=1", "has trained 2 epochs there, more than the 1"),
    ],
)
def test_a_fork_that_cannot_go_on_is_refused(tmp_path: Path, change: str, problem: str) -> None:
    run = a_run(tmp_path)
    with pytest.raises(RunError, match=problem):
        _forked(run, 10, change)
    assert not (tmp_path / "runs" / "other").exists()
    with pytest.raises(ConfigError):
        _forked(run, 10, "optimizer.lr=-1")


def _forked(run: RunFolder, step: int, change: str) -> RunFolder:
    replay = Replay.of_run(run.path)
    replay.after(step)
    made = fork(replay, [change], runs_dir=run.path.parent, name="other", command=["minidl"])
    resume(made.path)
    return made
