"""Members that fail or diverge, in this process."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sweep.helpers import KINDS, assert_same, loaded, members, statuses, sweep
from trainings import SMALL

from minidl.errors import DataError, WriteError
from minidl.runs.member import MemberRun
from minidl.spec import Spec
from minidl.store.run_folder import RunFolder
from minidl.sweep import worker
from minidl.sweep.folder import SweepFolder
from minidl.sweep.plan import plan
from minidl.sweep.run import run
from minidl.sweep.work import measure
from minidl.train.lanes import Lanes
from minidl.train.trainer import Epoch

CSV = "data: {type: csv, path: a.csv, target: y}\nmodel: mlp\ntraining: {epochs: 2}\n"


@pytest.fixture
def one_fails(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets the member with bce_with_logits fail while it is built, or in its second epoch."""

    def plant(error: Exception, *, epoch: int = 0) -> None:
        build, epoch_ended = vars(worker)["build"], MemberRun.epoch_ended

        def failing(spec: Spec, data: Any) -> Any:
            if spec.loss.type == "bce_with_logits" and not epoch:
                raise error
            return build(spec, data)

        def broken(run: MemberRun, ended: Epoch) -> None:
            if run.spec.loss.type == "bce_with_logits" and ended.number > epoch > 0:
                raise error
            epoch_ended(run, ended)

        monkeypatch.setattr(worker, "build", failing)
        monkeypatch.setattr(MemberRun, "epoch_ended", broken)

    return plant


def status_of_losses(folder: Path) -> dict[str, str]:
    runs = {run.path.name.split(",")[0].removeprefix("loss="): run for run in members(folder)}
    return {loss: run.status for loss, run in runs.items()}


@pytest.mark.parametrize("epoch", [0, 1])
@pytest.mark.parametrize("error", [DataError("a.csv: is gone"), ValueError("a bug")])
def test_a_failing_member_is_recorded_and_the_rest_goes_on(
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
    assert str(error) in str(failed.read_record().reason)
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
    monkeypatch.undo()  # fixed
    again = sweep(tmp_path, KINDS, "training.checkpoint_every=1", options=["--jobs", 1])
    assert again.code == 0
    assert "1 run, 2 of 3 done before" in again.err
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


# Those beside it go on.


SEEDS = ["seed=0,1,2,3,4,5,6", "training.epochs=6", "training.checkpoint_every=1"]
TOGETHER = ["--jobs", 1, "--stack", 7]


@pytest.fixture
def seed_3_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """The member with seed 3 fails after its third epoch."""
    epoch_ended = MemberRun.epoch_ended

    def broken(run: MemberRun, ended: Epoch) -> None:
        if run.spec.seed == 3 and ended.number > 3:
            raise ValueError("a bug")
        epoch_ended(run, ended)

    monkeypatch.setattr(MemberRun, "epoch_ended", broken)


@pytest.mark.usefixtures("seed_3_fails")
def test_a_member_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = sweep(tmp_path, *SEEDS, options=TOGETHER)
    assert done.code == 1
    assert "6 done, 1 failed" in done.err
    (failed,) = [one for one in members(tmp_path) if one.status == "failed"]
    assert "seed=3" in failed.path.name
    (error,) = (tmp_path / "runs").rglob("error.txt")
    assert error.parent == failed.path
    monkeypatch.undo()
    again = sweep(tmp_path, *SEEDS)
    assert again.code == 0
    assert "1 run, 6 of 7 done before" in again.err
    assert not list((tmp_path / "runs").rglob("error.txt"))
    (tmp_path / "whole").mkdir()
    assert sweep(tmp_path / "whole", *SEEDS).code == 0
    assert_same(tmp_path, tmp_path / "whole")


@pytest.fixture
def lanes_fail(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The engine's call fails where seed 3 trains, after its third epoch; returns who was in it."""
    failed: list[list[int]] = []
    train_epoch = Lanes.train_epoch
    opened: dict[int, int] = {}
    original = vars(worker)["build"]

    def build(spec: Spec, data: Any) -> Any:
        experiment = original(spec, data)
        opened[id(experiment.trainer)] = spec.seed
        return experiment

    def broken(lanes: Lanes) -> Any:
        seeds = {opened[id(one)]: one for one in lanes.trainers if one is not None}
        if 3 in seeds and seeds[3].finished >= 3:
            failed.append(sorted(seeds))
            raise RuntimeError("a bug")
        return train_epoch(lanes)

    monkeypatch.setattr(worker, "build", build)
    monkeypatch.setattr(Lanes, "train_epoch", broken)
    return failed


def test_where_all_lanes_fail_each_is_tried_alone(
    tmp_path: Path, lanes_fail: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From its checkpoint, so that few epochs are trained again."""
    done = sweep(tmp_path, *SEEDS, options=TOGETHER)
    assert done.code == 1
    assert "6 done, 1 failed" in done.err
    assert lanes_fail == [[0, 1, 2, 3, 4, 5, 6], [3]]
    (failed,) = [one for one in members(tmp_path) if one.status == "failed"]
    assert "a bug" in (failed.path / "error.txt").read_text()
    monkeypatch.undo()
    assert sweep(tmp_path, *SEEDS).code == 0
    (tmp_path / "whole").mkdir()
    assert sweep(tmp_path / "whole", *SEEDS).code == 0
    assert_same(tmp_path, tmp_path / "whole")


def test_on_a_full_disk_each_member_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(run: RunFolder, *rows: Any) -> None:
        error = WriteError(f"{run.metrics_path}: can't be written: no space left on device")
        raise error from OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(RunFolder, "append_metrics", full)
    done = sweep(tmp_path, "seed=0,1,2,3", options=["--jobs", 1])
    assert done.code == 1
    assert statuses(tmp_path) == ["failed"] * 4
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
