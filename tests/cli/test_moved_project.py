"""A project that was moved, renamed or copied: its runs and sweeps go on as before."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from trainings import minidl, text_of_metrics

from minidl.store.run_folder import RunFolder

CONFIG = """\
data: {type: csv, path: data/points.csv, target: side}
model: {type: mlp, hidden: [4]}
loss: cross_entropy
training: {epochs: 4, batch_size: 8}
device: cpu
"""
Move = Callable[[Path, Path], object]


@pytest.fixture(params=[Path.rename, shutil.copytree], ids=["moved", "copied"])
def moved(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a run, one that was interrupted, and a sweep; and where it is now."""
    before, after = tmp_path / "before", tmp_path / "elsewhere" / "after"
    (before / "data").mkdir(parents=True)
    after.parent.mkdir()
    rows = [f"{i % 5},{i % 7},{'up' if i % 5 > i % 7 else 'down'}" for i in range(40)]
    (before / "data" / "points.csv").write_text("\n".join(["x,y,side", *rows]) + "\n")
    (before / "c.yaml").write_text(CONFIG)
    monkeypatch.chdir(before)
    assert minidl("train", "c.yaml", "--name", "one").code == 0
    assert minidl("sweep", "c.yaml", "optimizer.lr=0.1,0.01", "--name", "sw").code == 0
    stopped = minidl("train", "c.yaml", "training.epochs=2", "--name", "two").run
    record = stopped.read_record()
    record.status = "interrupted"
    stopped.write_record(record)
    move: Move = request.param
    move(before, after)
    monkeypatch.chdir(after)
    if before.exists():  # the copy must not lean on it
        (before / "data" / "points.csv").unlink()
    return after


def test_a_project_that_was_moved_or_copied_goes_on_as_before(moved: Path) -> None:
    one = RunFolder.open(Path("runs/one"))
    again = minidl("train", "runs/one/config.yaml", "--name", "again")
    assert again.code == 0, again.err
    assert text_of_metrics(again.run) == text_of_metrics(one)
    assert again.run.config_path.read_bytes() == one.config_path.read_bytes()

    resumed = minidl("resume", "two")
    assert resumed.code == 0, resumed.err

    begun = {path.name for path in (moved / "runs" / "sw").iterdir() if path.is_dir()}
    for command in (
        ["sweep", "c.yaml", "optimizer.lr=0.1,0.01,0.03", "--name", "sw"],
        ["resume", "sw"],
    ):
        extended = minidl(*command)
        assert extended.code == 0, extended.err
        now = {path.name for path in (moved / "runs" / "sw").iterdir() if path.is_dir()}
        assert begun < now
        assert len(now) == 3
    predicted = minidl("predict", "one", "data/points.csv", "--inputs")
    assert "train" in predicted.out.splitlines()[1]
    assert minidl("report", "sw", "one").code == 0


def test_runs_on_a_copy_of_a_file_are_one_experiment(moved: Path) -> None:
    table = (moved / "data" / "points.csv").read_bytes()
    (moved / "copy.csv").write_bytes(table)
    assert minidl("train", "c.yaml", "data.path=copy.csv", "seed=1", "--name", "three").code == 0
    report = minidl("report", "one", "three")
    assert report.code == 0
    assert "copy.csv" not in report.out
    assert "points.csv" not in report.out
