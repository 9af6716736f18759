"""Members that fail or diverge, in this process."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from sweep.helpers import KINDS, loaded, members, statuses, sweep
from trainings import SMALL, columns, train

from minidl import files
from minidl.errors import DataError
from minidl.runs import RunFolder
from minidl.spec import Spec
from minidl.sweep import stack_run
from minidl.sweep.folder import SweepFolder
from minidl.sweep.run import plan, run
from minidl.sweep.work import measure
from minidl.train import Trainer

CSV = "data: {type: csv, path: a.csv, target: y}\nmodel: mlp\ntraining: {epochs: 2}\n"


@pytest.fixture
def one_fails(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets the stack with bce_with_logits fail while it is built, or in its second epoch."""

    def plant(error: Exception, *, epoch: int = 0) -> None:
        build = stack_run.build

        def failing(specs: Sequence[Spec], data: Any) -> Any:
            experiment = build(specs, data)
            if specs[0].loss.type != "bce_with_logits":
                return experiment
            if not epoch:
                raise error
            evaluate, left = experiment.trainer.evaluate, iter(range(epoch))

            def broken() -> Any:
                if next(left, None) is None:
                    raise error
                return evaluate()

            experiment.trainer.evaluate = broken
            return experiment

        monkeypatch.setattr(stack_run, "build", failing)

    return plant


def status_of_losses(folder: Path) -> dict[str, str]:
    runs = {run.path.name.split(",")[0].removeprefix("loss="): run for run in members(folder)}
    return {loss: run.status for loss, run in runs.items()}


@pytest.mark.parametrize("epoch", [0, 1])
@pytest.mark.parametrize("error", [DataError("a.csv: is gone"), ValueError("a bug")])
def test_a_failing_stack_is_recorded_and_the_rest_goes_on(
    error: Exception, epoch: int, tmp_path: Path, one_fails: Callable[..., None]
) -> None:
    one_fails(error, epoch=epoch)
    done = sweep(tmp_path, KINDS, options=["--jobs", 1])
    assert done.code == 1
    assert status_of_losses(tmp_path) == {
        "bce_with_logits": "failed",
        "cross_entropy": "done",
        "mse": "done",
    }
    (failed,) = [one for one in members(tmp_path) if one.status == "failed"]
    written = (failed.path / "error.txt").read_text()
    assert str(error) in written
    assert ("Traceback" in written) == isinstance(error, ValueError)
    assert str(error) in failed.read_record()["reason"]
    assert "Traceback" not in done.err
    assert str(error) in done.err
    assert "2 done, 1 failed" in done.err
    results = (tmp_path / "runs" / "small" / "results.csv").read_text()
    assert [line.split('",')[1].split(",")[0] for line in results.splitlines()[1:]] == [
        "done",
        "failed",
        "done",
    ]


def test_a_member_that_failed_is_tried_again_and_its_error_goes(
    tmp_path: Path, one_fails: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    one_fails(ValueError("a bug"), epoch=2)
    sweep(tmp_path, KINDS, "training.checkpoint_every=1", options=["--jobs", 1])
    assert list((tmp_path / "runs").rglob("error.txt"))
    monkeypatch.undo()  # mended
    again = sweep(tmp_path, KINDS, "training.checkpoint_every=1", options=["--jobs", 1])
    assert again.code == 0
    assert "1 run in 1 stack, 2 of 3 done before" in again.err
    assert statuses(tmp_path) == ["done"] * 3
    assert not list((tmp_path / "runs").rglob("error.txt"))


def test_a_failure_stops_the_rest_if_asked_to(
    tmp_path: Path, one_fails: Callable[..., None]
) -> None:
    one_fails(ValueError("a bug"))
    block = "{zip: {loss: [bce_with_logits, mse, cross_entropy], training.epochs: [30, 3, 3]}}"
    text = f"{SMALL}sweep: {block}\n"  # the longest goes first
    done = sweep(tmp_path, text=text, options=["--fail-fast", "--jobs", 1])
    assert done.code == 1
    assert status_of_losses(tmp_path) == {"bce_with_logits": "failed"}
    assert "1 failed, 2 missing" in done.err


# One member fails: its stack is halved until it is alone.


@pytest.fixture
def seed_3_fails(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Any stack with seed 3 in it fails after its third epoch; returns the seeds of all stacks."""
    stacks: list[list[int]] = []
    build = stack_run.build

    def planting(specs: Sequence[Spec], data: Any) -> Any:
        experiment = build(specs, data)
        seeds = [one.seed for one in specs]
        stacks.append(seeds)
        trainer = experiment.trainer
        evaluate = trainer.evaluate

        def broken() -> Any:
            if trainer.finished > 3:
                raise ValueError("a bug")
            return evaluate()

        if 3 in seeds:
            trainer.evaluate = broken
        return experiment

    monkeypatch.setattr(stack_run, "build", planting)
    return stacks


SEEDS = ["seed=0,1,2,3,4,5,6", "training.epochs=6", "training.checkpoint_every=1"]


def test_a_failing_member_is_found_and_the_others_go_on_without_it(
    tmp_path: Path, seed_3_fails: list[list[int]]
) -> None:
    done = sweep(tmp_path, *SEEDS, options=["--jobs", 1, "--stack", 7])
    assert done.code == 1
    assert "6 done, 1 failed" in done.err
    assert seed_3_fails == [[*range(7)], [0, 1, 2, 3], [0, 1], [2, 3], [2], [3], [4, 5, 6]]
    (failed,) = [one for one in members(tmp_path) if one.status == "failed"]
    assert "seed=3" in failed.path.name
    (error,) = (tmp_path / "runs").rglob("error.txt")
    assert error.parent == failed.path
    single = train(tmp_path, "seed=4", "training.epochs=6").run
    (other,) = [one for one in members(tmp_path) if "seed=4" in one.path.name]
    for name, cells in columns(single).items():
        assert columns(other)[name] == pytest.approx(cells, rel=1e-5)


def test_fail_fast_does_not_ask_which_and_says_so(
    tmp_path: Path, seed_3_fails: list[list[int]]
) -> None:
    done = sweep(tmp_path, *SEEDS, options=["--jobs", 1, "--stack", 7, "--fail-fast"])
    assert (done.code, seed_3_fails) == (1, [[*range(7)]])
    errors = [path.read_text() for path in (tmp_path / "runs").rglob("error.txt")]
    assert len(errors) == 7
    assert all(error.startswith("one of 7 runs that train together") for error in errors)
    assert all("a bug" in error for error in errors)


def test_it_is_tried_again_and_they_are_not(
    tmp_path: Path, seed_3_fails: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep(tmp_path, *SEEDS, options=["--jobs", 1, "--stack", 7])
    seed_3_fails.clear()
    assert sweep(tmp_path, *SEEDS).code == 1
    assert seed_3_fails == [[3]]
    monkeypatch.undo()
    again = sweep(tmp_path, *SEEDS)
    assert again.code == 0
    assert "1 run in 1 stack, 6 of 7 done before" in again.err
    assert statuses(tmp_path) == ["done"] * 7
    assert not list((tmp_path / "runs").rglob("error.txt"))
    assert {len(columns(one)["epoch"]) for one in members(tmp_path)} == {6}


def test_halves_go_on_where_their_stack_was(
    tmp_path: Path, seed_3_fails: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not the last three epochs alone that they would have to train again."""
    trained: list[int] = []
    iterate = Trainer.__iter__

    def counting(trainer: Trainer) -> Any:
        for epoch in iterate(trainer):
            trained.append(epoch.number)
            yield epoch

    monkeypatch.setattr(Trainer, "__iter__", counting)
    sweep(tmp_path, *SEEDS, options=["--jobs", 1, "--stack", 7])
    assert sorted(trained) == [1, 2, 3, *[4] * 3, *[5] * 3, *[6] * 3]


def test_a_full_disk_is_no_members_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def full(run: RunFolder, *rows: Any) -> None:
        made.append(1)
        error = files.WriteError(f"{run.metrics_path}: can't be written: no space left on device")
        raise error from OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(RunFolder, "append_metrics", full)
    done = sweep(tmp_path, "seed=0,1,2,3", options=["--jobs", 1])
    assert done.code == 1
    assert made == [1]  # nobody tries again with half of them
    assert "no space left on device" in done.err


def test_data_that_vanish_after_the_check_fail_their_members_alone(tmp_path: Path) -> None:
    rows = "x,y\n" + "\n".join(f"{i / 20},{i % 2}" for i in range(20))
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(rows)
    block = "sweep: {grid: {data.path: [a.csv, b.csv]}}\n"
    one = loaded(tmp_path, text=CSV + block)
    works = measure(one.members)
    todo = plan(one, SweepFolder.create(tmp_path / "runs", one), works, jobs=1)
    (tmp_path / "a.csv").unlink()
    outcome = run(todo)
    assert outcome.exit_code == 1
    assert dict(outcome.counts) == {"failed": 1, "done": 1}
    assert statuses(tmp_path) == ["failed", "done"]
    assert "a.csv" in (members(tmp_path)[0].path / "error.txt").read_text()


def test_divergence_is_a_result(tmp_path: Path) -> None:
    done = sweep(tmp_path, "optimizer.lr=0.1,1e30,1e31")
    assert done.code == 0
    assert statuses(tmp_path) == ["done", "diverged", "diverged"]
    assert "1 done, 2 diverged" in done.err
    again = sweep(tmp_path, "optimizer.lr=0.1,1e30,1e31")
    assert "0 runs" in again.err
    assert not list((tmp_path / "runs").rglob("error.txt"))
