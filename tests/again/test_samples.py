"""`minidl report --samples`: what each training sample went through, over the seeds of a group."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trainings import minidl

from minidl.again.samples import samples
from minidl.again.together import train_again
from minidl.errors import MinidlWarning, RunError
from minidl.runs.replay import Replay
from minidl.spec import parse_spec
from minidl.store.run_folder import RunFolder

pytestmark = pytest.mark.usefixtures("kept_programs")

BLOBS = """\
data: {type: csv, path: points.csv, target: kind, split: stratified}
model: {type: mlp, hidden: [8]}
loss: cross_entropy
optimizer: {type: adam, lr: 0.02}
training: {epochs: 8, batch_size: 16}
"""
WRONG = (10, 11, 130)  # rows of the file


def _points(folder: Path) -> None:
    """Two clouds far apart, 80 rows each, from row 2 on; three labels are those of the other."""
    rng = np.random.default_rng(0)
    lines = ["x,y,kind"]
    for row in range(2, 162):
        far = row > 81
        x, y = rng.normal(3 * far, 0.5, 2)
        lines.append(f"{x},{y},{'red' if far ^ (row in WRONG) else 'blue'}")
    (folder / "points.csv").write_text("\n".join(lines) + "\n")


def sweep(folder: Path, *overrides: str, text: str = BLOBS) -> Path:
    """Four seeds of a config in `folder`; returns the sweep's folder."""
    _points(folder)
    (folder / "points.yaml").write_text(text)
    done = minidl(
        *("sweep", folder / "points.yaml", *overrides, "--repeats", 4, "--jobs", 1, "-q"),
        *("--runs-dir", folder / "runs", "--name", "seeds"),
    )
    assert done.code == 0, done.err
    return folder / "runs" / "seeds"


def rows(*arguments: Any) -> list[dict[str, Any]]:
    told = minidl("report", *arguments, "--samples", "--format", "json")
    assert told.code == 0, told.err
    found: list[dict[str, Any]] = json.loads(told.out)["tables"][0]["rows"]
    return found


def test_wrong_labels_come_first_with_their_rows_in_the_file(tmp_path: Path) -> None:
    found = rows(sweep(tmp_path))
    doubted = [row["sample"] for row in found if row["suspect"]]
    assert sorted(doubted) == [row for row in WRONG if row in {one["sample"] for one in found}]
    assert len(doubted) >= 2
    assert [row["suspect"] for row in found[: len(doubted)]] == [True] * len(doubted)
    first = found[0]
    assert {first["label"], first["answer"]} == {"red", "blue"}
    assert first["agreed"] < 0.5


def test_of_runs_that_learned_nothing_no_label_is_doubted(tmp_path: Path) -> None:
    folder = sweep(tmp_path, "optimizer.lr=1e-12")
    assert not any(row["suspect"] for row in rows(folder))
    told = minidl("report", folder, "--samples")
    assert "Nothing was learned: no epoch answered more than" in told.out
    assert "likely labelled wrong: 0;" in told.out


def test_each_seed_may_have_training_rows_of_its_own_where_a_file_numbers_them(
    tmp_path: Path,
) -> None:
    found = rows(sweep(tmp_path))
    assert len(found) > 128  # 80 % of 160 rows in each of the four
    assert {row["runs"] for row in found} >= {3, 4}
    assert all(row["never"] <= row["runs"] for row in found)


def test_epochs_of_learning_and_forgetting_are_those_of_the_runs_alone(tmp_path: Path) -> None:
    paths = sorted(path for path in sweep(tmp_path, "data.seed=0").iterdir() if path.is_dir())
    members = [path for path in paths if (path / "run.json").exists()]
    found = samples([Replay.of_run(path) for path in members])
    right = np.stack([_right(path) for path in members])  # runs, epochs, samples
    first = np.where(right.any(1), right.argmax(1) + 1.0, np.nan)
    order = np.argsort(found.numbers)
    np.testing.assert_array_equal(found.never[order], (~right.any(1)).sum(0))
    np.testing.assert_array_equal(
        found.forgotten[order], (right[:, :-1] & ~right[:, 1:]).sum(1).mean(0)
    )
    known = right.any((0, 1))
    np.testing.assert_array_equal(
        found.learned[order][known], np.nanmedian(first[:, known], axis=0)
    )


def _right(path: Path) -> np.ndarray:
    """Which samples a run answers right after each epoch, in the order of their rows."""
    replay = Replay.of_run(path)
    seen = []
    for _ in replay.trainer:
        outputs = replay.trainer.outputs("train")
        seen.append(outputs.argmax(1) == replay.data.train.targets)
    assert replay.data.train.rows is not None
    return np.array(seen)[:, np.argsort(replay.data.train.rows)]


def test_runs_side_by_side_end_where_they_ended(tmp_path: Path) -> None:
    stopped = "training.early_stopping={patience: 1, metric: train_loss}"
    folder = sweep(tmp_path, stopped, "optimizer.lr=0.5")
    replays = [Replay.of_run(path.parent) for path in sorted(folder.glob("*/run.json"))]
    last = {id(one): epoch for one, epoch in train_again(replays)}
    for one in replays:
        assert one.folder is not None
        written = one.folder.read_columns()
        assert last[id(one)].number == len(written["epoch"])
        assert last[id(one)].metrics["train_loss"] == written["train_loss"][-1]


def test_a_run_that_comes_to_something_else_is_told(tmp_path: Path) -> None:
    replay = Replay.of_run(next(sweep(tmp_path).glob("*/run.json")).parent)
    replay.columns["train_loss"][-1] *= 2
    with pytest.warns(MinidlWarning, match="repeating came to a train_loss of"):
        samples([replay])


def test_runs_of_another_version_are_said_once_not_to_repeat_exactly(tmp_path: Path) -> None:
    for path in sweep(tmp_path).glob("*/run.json"):
        run = RunFolder.open(path.parent)
        record = run.read_record()
        run.write_record(replace(record, versions={**record.versions, "minidl": "0.0.1"}))
    paths = [path.parent for path in sorted((tmp_path / "runs" / "seeds").glob("*/run.json"))]
    with pytest.warns(MinidlWarning, match=r"and 3 more: .*repeating isn't exact") as told:
        Replay.of_runs(paths)
    assert len(told) == 1


def test_samples_of_toy_tasks_need_the_same_seed_of_data() -> None:
    config = "{data: {type: disk, train: 20, test: 10}, model: mlp, training: {epochs: 1}}"
    each = [Replay(parse_spec(config, "x", [f"seed={seed}"])) for seed in (0, 1)]
    with pytest.raises(RunError, match=r"samples of its own: train with data\.seed=0"):
        samples(each)
    same = [Replay(parse_spec(config, "x", [f"seed={seed}", "data.seed=0"])) for seed in (0, 1)]
    assert samples(same).runs.tolist() == [2] * 20


def test_the_table_is_short_and_files_hold_all(tmp_path: Path) -> None:
    folder = sweep(tmp_path, "data.seed=0")
    told = minidl("report", folder, "--samples")
    assert told.out.splitlines()[1].split()[:2] == ["sample", "label"]
    assert "The first 20 are shown: --top N shows more." in " ".join(told.out.split())
    content = minidl("report", folder, "--samples", "--format", "csv").out
    assert len(list(csv.DictReader(io.StringIO(content)))) == 128


def test_images_are_drawn(tmp_path: Path) -> None:
    images = (
        "data={type: digits, images: true, seed: 0, test_fraction: 0.95}",
        "model={sequential: [flatten, linear]}",
        "training.epochs=2",
    )
    folder = sweep(tmp_path, *images)
    told = minidl("report", folder, "--samples", "--format", "csv")
    assert "drew" in told.err
    assert (folder / "plots" / "samples.png").stat().st_size > 5000
    before = (folder / "plots" / "samples.png").read_bytes()
    assert minidl("report", folder, "--samples", "--no-plots").code == 0
    assert (folder / "plots" / "samples.png").read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "options", "problem"),
    [
        (["data={type: diabetes}", "loss=mse"], [], "needs classes, but this is no classification"),
        (["optimizer.lr=0.1,0.2"], [], "holds runs of 2 configs.*choose with --where KEY=VALUE"),
        ([], ["--by", "lr"], "--by says nothing beside --samples"),
        ([], ["--format", "html"], "--samples is no page"),
        ([], ["--plots"], "draws images alone"),
    ],
)
def test_what_it_cannot_tell_is_refused_in_a_line(
    changes: list[str], options: list[str], problem: str, tmp_path: Path
) -> None:
    folder = sweep(tmp_path, "training.epochs=1", *changes)
    refused = minidl("report", folder, "--samples", *options)
    assert refused.code == 2
    (line,) = [one for one in refused.err.splitlines() if one.startswith("minidl:")]
    assert re.search(problem, line)
