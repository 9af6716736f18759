"""What a run chooses, it chooses by the validation part where there is one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from trainings import SMALL, columns, spec, train

from minidl.build import prepare
from minidl.errors import ConfigError

VALIDATED = SMALL.replace("test: 24}", "test: 24, validation: 30}")
LEARNS = (
    "training.epochs=40", "optimizer.lr=0.3", "data.train=200", "model.init=he",
    "schedule={type: multistep, milestones: [[6, 1.5]]}", "training.clip_norm=1",
)  # fmt: skip
PATIENT = "training.early_stopping={patience: 3}"


def test_its_metrics_stand_between_those_of_the_other_parts(tmp_path: Path) -> None:
    run = train(tmp_path, text=VALIDATED).run
    assert list(columns(run)) == [
        *("epoch", "step", "lr", "train_loss", "train_accuracy"),
        *("val_loss", "val_accuracy", "test_loss", "test_accuracy"),
    ]
    record = run.read_record()
    assert record.final == {k: v[-1] for k, v in columns(run).items() if "_" in k}
    assert record.best["metric"] == "val_loss"
    assert record.baseline.keys() == {"val_accuracy", "test_accuracy"}
    arrays = run.read_predictions()
    assert arrays["val_output"].shape == (30, 1)
    assert np.mean((arrays["val_output"][:, 0] >= 0.5) == arrays["val_target"]) == pytest.approx(
        record.final["val_accuracy"]
    )


def test_nothing_else_in_a_training_depends_on_it(tmp_path: Path) -> None:
    with_it, without = (train(tmp_path, text=text).run for text in (VALIDATED, SMALL))
    more, fewer = columns(with_it), columns(without)
    assert {name: more[name] for name in fewer} == fewer


def test_early_stopping_looks_at_it_and_so_do_the_best_weights(tmp_path: Path) -> None:
    finished = train(tmp_path, *LEARNS, PATIENT, text=VALIDATED)
    run = finished.run
    record, cells = run.read_record(), columns(run)
    index = int(np.nanargmin(cells["val_loss"]))
    assert index != np.nanargmin(cells["test_loss"])
    assert record.reason == "val_loss has not improved for 3 evaluations"
    assert (record.weights, record.best["epoch"]) == ("best", index + 1)
    assert record.final["test_loss"] == cells["test_loss"][index]
    assert "early_stopping: {metric: val_loss," in run.config_path.read_text()
    assert "optimistic" not in finished.err
    assert "val loss" in finished.err


def test_without_one_they_look_at_the_test_part_and_a_note_says_what_that_means(
    tmp_path: Path,
) -> None:
    finished = train(tmp_path, PATIENT)
    assert finished.run.read_record().best["metric"] == "test_loss"
    assert finished.err.count("optimistic") == 1
    assert "training.early_stopping chooses by the test part" in finished.err
    assert "data.validation: 500" in finished.err
    assert any("optimistic" in remark for remark in finished.run.read_record().remarks)


@pytest.mark.parametrize(
    ("text", "metric"), [(VALIDATED, "val_loss"), (SMALL, "train_loss")], ids=["with", "without"]
)
def test_a_plateau_is_one_of_the_validation_loss_if_there_is_one(text: str, metric: str) -> None:
    plateau = prepare(spec("schedule=plateau", text=text))[1].trainer.plateau
    assert plateau is not None
    assert plateau.metric == metric


def test_a_metric_may_be_named(tmp_path: Path) -> None:
    stop = "training.stop_at={metric: val_accuracy, value: 0.1}"
    assert train(tmp_path, stop, text=VALIDATED).run.read_record().epochs == 1
    named = train(tmp_path, "training.early_stopping.metric=test_loss", text=VALIDATED)
    assert "look at the validation part, by val_ metrics" in named.err


@pytest.mark.parametrize(
    ("changes", "key", "what"),
    [
        (["training.stop_at={metric: val_loss, value: 1}"], "training.stop_at.metric",
         "this data has no val_loss;.*sets a validation part apart"),
        (["data.validation=1"], "data.validation", "validation part, of 1 row, has none of"),
        (["data={type: iris, validation_fraction: 0.01}"], "data.validation_fraction",
         "has none of"),
    ],
)  # fmt: skip
def test_what_a_validation_part_cant_do(changes: list[str], key: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what) as caught:
        prepare(spec("loss=cross_entropy", *changes))
    assert [problem.key for problem in caught.value.problems] == [key]


def test_a_training_part_that_a_split_left_without_a_class_is_refused(tmp_path: Path) -> None:
    rows = (f"{i},{'ab'[i > 9]},{i}" for i in range(20))
    (tmp_path / "t.csv").write_text("\n".join(["x,y,t", *rows]) + "\n")
    data = f"{{type: csv, path: {tmp_path / 't.csv'}, target: y, test_fraction: 0.5, split: "
    with pytest.raises(ConfigError, match=r"data\.split: the training part, of 10 rows, has none"):
        prepare(spec(f"data={data}{{time: t}}}}"))
