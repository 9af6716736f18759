"""A sweep that was stopped goes on as if it never had, to the bit."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from attempts import TIMES, Part, in_parts
from marks import mark_of_the_dead
from sweep.helpers import Killed, assert_same, carried_out, kill_after, members, planned, sweep
from trainings import OPTIMIZERS, minidl

from minidl.runs.restart import Restart
from minidl.store import owner, system
from minidl.sweep.run import run

pytestmark = [
    pytest.mark.usefixtures("progress_at_each_epoch", "kept_programs"),
    pytest.mark.filterwarnings("ignore:.*before the first checkpoint"),
]

NORMALISED = (
    "{sequential: [{linear: 8}, batch_norm, relu, {dropout: 0.3}, {linear: 8}, relu, linear]}"
)
# Three diverge in the first epoch, the others stop after 4, 5 and 6; in their lanes others follow.
ENDING = [
    "optimizer={type: adam}",
    "optimizer.lr=0.02,0.05,1e30",
    "seed=0,1,2",
    "model.dropout=0.2",
    "training.epochs=14",
    "training.early_stopping={metric: test_accuracy, patience: 3}",
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_stopped_and_resumed_after_each_of_four_epochs(optimizer: str, tmp_path: Path) -> None:
    grid = ["seed=0,1,2", f"optimizer={optimizer}", f"model={NORMALISED}", "data.train=48"]
    grid += ["training.epochs=4", "training.checkpoint_every=1"]
    (tmp_path / "whole").mkdir()
    carried_out(tmp_path / "whole", *grid)
    for epoch in (1, 2, 3, 4):
        with pytest.raises(Killed):
            run(planned(tmp_path, *grid, jobs=1), watch=kill_after(epoch))
        assert [Restart.find(one).epoch for one in members(tmp_path)] == [epoch] * 3
    carried_out(tmp_path, *grid)
    assert_same(tmp_path, tmp_path / "whole")


def test_members_that_ended_are_left_alone_and_the_others_go_on(tmp_path: Path) -> None:
    """With other lanes and workers than before."""
    (tmp_path / "whole").mkdir()
    grid = [*ENDING, "training.checkpoint_every=2"]
    carried_out(tmp_path / "whole", *grid, stack=9)
    for epoch in range(1, 6):
        folder = tmp_path / str(epoch)
        folder.mkdir()
        with pytest.raises(Killed):
            run(planned(folder, *grid, jobs=1, stack=5), watch=kill_after(epoch))
        before = ended(folder)
        carried_out(folder, *grid, stack=2, jobs=2)
        assert_same(folder, tmp_path / "whole")
        assert ended(folder).items() >= before.items()


def test_each_goes_on_from_a_checkpoint_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written every few seconds, where the config doesn't say how often."""
    monkeypatch.setattr("minidl.runs.drive.CHECKPOINT_SECONDS", 0.0)
    grid = ["seed=0,1,2", "training.epochs=6"]
    (tmp_path / "whole").mkdir()
    carried_out(tmp_path / "whole", *grid)
    with pytest.raises(Killed):
        run(planned(tmp_path, *grid, jobs=1), watch=kill_after(4))
    assert [Restart.find(one).epoch for one in members(tmp_path)] == [4] * 3
    carried_out(tmp_path, *grid)
    assert_same(tmp_path, tmp_path / "whole")


def ended(folder: Path) -> dict[str, bytes]:
    """Every file of the members that have their results."""
    runs = [run.path for run in members(folder) if run.status in ("done", "diverged")]
    inside = [path for run in runs for path in run.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in inside}


# Killed at any operation on the disk.


class Disk:
    """Stands in for `system.disk`: kills at the n-th operation that changes something."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kill_at, self.done = 0, 0
        monkeypatch.setattr(system, "disk", self)
        # However fast the machine is, there are as many operations.
        monkeypatch.setattr("minidl.runs.member.ROWS_SECONDS", 1e9)

    def __call__(self, operation: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        reads = operation in (os.stat, os.listdir, os.fdopen, os.fsync, os.fstat, os.close)
        reads = reads or getattr(operation, "__name__", "") == "read"
        if not reads and not (operation is os.open and arguments[1] == os.O_RDONLY):
            self.done += 1
        if self.kill_at and self.done >= self.kill_at:
            raise Killed  # tidying up is in vain too
        return None if operation is os.fsync else operation(*arguments, **options)

    @contextlib.contextmanager
    def killing(self, at: int) -> Iterator[None]:
        """Inside, the disk dies at that operation, and with it the process."""
        self.done, self.kill_at = 0, at
        dead = mark_of_the_dead()
        try:
            with pytest.raises(Killed), mock.patch.object(owner, "mark", return_value=dead):
                yield
        finally:
            self.kill_at = 0


SWEEPS = {
    "2×2": [
        "seed=0,1",
        "optimizer.lr=0.1,0.2",
        "training.checkpoint_every=1",
        "loss=mse,bce_with_logits",
    ],
    "members that end early": [*ENDING, "training.checkpoint_every=3"],
}


@pytest.mark.torture
@pytest.mark.timeout(240 * TIMES)
@in_parts(20, sample=3, every=3)
@pytest.mark.parametrize("name", SWEEPS)
@pytest.mark.parametrize("seed", range(TIMES))
def test_killed_at_each_operation_on_the_disk(
    seed: int, name: str, part: Part, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once or, at random, twice."""
    dice = random.Random(f"{seed} {part}")
    disk, grid = Disk(monkeypatch), SWEEPS[name]
    (tmp_path / "whole").mkdir()
    carried_out(tmp_path / "whole", *grid)
    operations = disk.done
    assert operations > 100
    for moment in part.of(range(1, operations + 1)):
        folder = tmp_path / str(moment)
        folder.mkdir()
        with disk.killing(at=moment):
            run(planned(folder, *grid, jobs=1))
        before = ended(folder) if (folder / "runs" / "small").exists() else {}
        if dice.random() < 1 / 3:
            with disk.killing(at=dice.randint(1, 15)):
                run(planned(folder, *grid, jobs=1))
        carried_out(folder, *grid)
        assert_same(folder, tmp_path / "whole")
        assert ended(folder).items() >= before.items()


def test_killed_while_a_failure_is_noted_it_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a member that failed before its folder was made."""
    disk = Disk(monkeypatch)
    for moment in itertools.count(1):
        folder = tmp_path / str(moment)
        folder.mkdir()
        todo = planned(folder, "seed=0,1", jobs=1)
        disk.done = 0
        todo.folder.write_error(todo.members[0], "out of memory")
        if disk.done < moment:
            break
        shutil.rmtree(folder)
        folder.mkdir()
        todo = planned(folder, "seed=0,1", jobs=1)
        with disk.killing(at=moment):
            todo.folder.write_error(todo.members[0], "out of memory")
        carried_out(folder, "seed=0,1")
        assert not list(folder.rglob("error.txt"))
    assert moment > 5


def test_what_was_killed_before_its_first_checkpoint_is_said_in_one_line(tmp_path: Path) -> None:
    """For all that had begun; the others were waiting."""
    grid = ["seed=0,1,2,3,4,5", "training.epochs=5"]
    with pytest.raises(Killed):
        run(planned(tmp_path, *grid, jobs=1, stack=3), watch=kill_after(3))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        done = sweep(tmp_path, *grid, options=["--jobs", 1, "--quiet"])
    what = "3 runs were stopped before the first checkpoint: training starts from the beginning"
    assert (done.code, done.err) == (0, f"minidl: warning: {tmp_path}/runs/small: {what}\n")


def test_what_a_kill_left_half_made_is_cleared_away(tmp_path: Path) -> None:
    carried_out(tmp_path, "seed=0,1")
    runs = tmp_path / "runs" / "small"
    half = f".{mark_of_the_dead()}-01234567.tmp"
    alive = f".{owner.mark()}-01234567.tmp"
    shutil.copytree(members(tmp_path)[0].path, runs / f".seed=2{half}")
    for name in (half, alive):
        (runs / name).write_text("half")
    assert minidl("resume", runs).code == 0
    assert [path.name for path in runs.glob(".*")] == [alive]
