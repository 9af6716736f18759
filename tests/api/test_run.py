"""train, load, runs and sweep from Python, and what a Run predicts."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import minidl
from minidl.errors import ConfigError, DataError, RunError
from minidl.runs.inference import TrainedRun

DISK: dict[str, Any] = {"data": {"type": "disk", "train": 50, "test": 20}, "model": {"mlp": [4]}}
SHORT = {"training.epochs": 2}
FRUIT = """\
weight,colour,ripe,kind
1.5,red,True,apple
2,green,False,pear
1.75,red,True,apple
3,green,True,pear
1.25,yellow,False,apple
2.5,green,False,pear
1.5,yellow,True,apple
3.5,green,True,pear
"""


@pytest.fixture(scope="module")
def fruit(tmp_path_factory: pytest.TempPathFactory) -> minidl.Run:
    folder = tmp_path_factory.mktemp("fruit")
    (folder / "fruit.csv").write_text(FRUIT)
    config = {
        "data": {"type": "csv", "path": folder / "fruit.csv", "target": "kind"},
        "model": {"mlp": [4]},
        "loss": "cross_entropy",
        "training": {"epochs": 3},
    }
    return minidl.train(config, runs_dir=folder / "runs", name="fruit")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_dict_a_file_and_a_spec_train_the_same(here: Path) -> None:
    (here / "disk.yaml").write_text(
        "data: {type: disk, train: 50, test: 20}\nmodel: {mlp: [4]}\ntraining: {epochs: 2}\n"
    )
    first = minidl.train(DISK, SHORT, name="first")
    second = minidl.train("disk.yaml", name="second")
    spec = minidl.load_spec(here / "disk.yaml", ["training.epochs=7"])
    third = minidl.train(spec, ["training.epochs=2"], name="third")
    assert first.status == "done"
    assert first.metrics == second.metrics == third.metrics
    assert len(first.history) == 2
    assert minidl.load("second").metrics == first.metrics


def test_a_run_is_read_when_it_is_asked_for(fruit: minidl.Run) -> None:
    run = minidl.load(fruit.path)
    assert run.class_names == ("apple", "pear")
    assert run.spec.loss.type == "cross_entropy"
    assert run.preprocessing is not None
    assert run.network.output_shape((len(run.preprocessing.feature_names),)) == (2,)
    assert not run.network.training


def test_a_table_in_memory_is_predicted_as_the_file_is(fruit: minidl.Run, here: Path) -> None:
    (here / "new.csv").write_text(FRUIT)
    from_file = fruit.predict("new.csv")
    frame = pd.read_csv("new.csv").drop(columns="kind").set_index(pd.Index(list("stuvwxyz")))
    found = fruit.predict(frame)
    assert found.index.tolist() == list("stuvwxyz")
    pd.testing.assert_frame_equal(found.reset_index(drop=True), from_file.reset_index(drop=True))
    probabilities = found[["probability_apple", "probability_pear"]].to_numpy()
    assert (found["kind"] == np.array(["apple", "pear"])[probabilities.argmax(1)]).all()


def test_a_row_that_cant_be_predicted_says_why(fruit: minidl.Run) -> None:
    frame = pd.DataFrame({"weight": [1.0, None], "colour": ["red", "red"], "ripe": [True, False]})
    found = fruit.predict(frame)
    assert found["kind"].isna().tolist() == [False, True]
    assert found["problem"][1].startswith("column 'weight': missing value")
    with pytest.raises(DataError, match="weight"):
        fruit.predict(frame, strict=True)


def test_an_array_without_names_needs_columns_of_numbers(fruit: minidl.Run) -> None:
    with pytest.raises(DataError, match="give a table with the columns 'weight', 'colour'"):
        fruit.predict(np.zeros((2, len(fruit.preprocessing.feature_names))))  # type: ignore[union-attr]


def test_an_array_is_predicted_in_the_datas_units() -> None:
    run = minidl.train(DISK, SHORT, name="disk")
    rows = [[0.5, 0.5], [0.0, 1.0]]
    trained = TrainedRun.load(run.path)
    outputs = trained.outputs(np.array(rows))[:, 0]
    np.testing.assert_array_equal(run.predict(rows)["score_inside"], outputs)


def test_runs_are_a_table_with_settings_and_metrics() -> None:
    minidl.train(DISK, SHORT, name="one")
    table = minidl.sweep(DISK, ["optimizer.lr=0.1,0.2", "training.epochs=1"], name="rates")
    assert table["optimizer.lr"].tolist() == [0.1, 0.2]
    every = minidl.runs()
    assert len(every) == 3
    assert every["test_loss"].notna().all()
    assert minidl.runs(where={"lr": 0.2})["sweep"].tolist() == ["rates"]
    Path("runs/one/run.json").write_text("{")
    broken = minidl.runs().set_index("status")["problem"]
    assert "run.json: is damaged" in broken["broken"]


def test_the_same_sweep_again_does_only_what_is_missing() -> None:
    first = minidl.sweep(DISK, ["optimizer.lr=0.1,0.2", "training.epochs=1"], name="rates")
    more = minidl.sweep(DISK, ["optimizer.lr=0.1,0.2,0.3", "training.epochs=1"], name="rates")
    assert len(more) == 3
    assert more["started"][:2].tolist() == first["started"].tolist()


class Tags(HTMLParser):
    """Checks that what is opened is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_notebooks_show_runs_and_networks(fruit: minidl.Run) -> None:
    for shown in (fruit, fruit.network):
        tags = Tags()
        tags.feed(shown._repr_html_())
        assert not tags.open
        assert "Linear" in tags.text or "cross_entropy" in tags.text


@pytest.mark.parametrize(
    ("config", "overrides", "words"),
    [
        ({**DISK, "loss": "msee"}, (), "did you mean 'mse'"),
        (DISK, {"optimizer.lr": -1}, "optimizer.lr: expected a number > 0, but got -1"),
        ({**DISK, "seed": object()}, (), "a config can't hold a object"),
    ],
)
def test_a_mistake_is_said_as_on_the_command_line(config: Any, overrides: Any, words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        minidl.train(config, overrides)
    assert words in str(raised.value)
    assert not Path("runs").exists()


def test_there_must_be_a_run_to_load() -> None:
    with pytest.raises(RunError, match="nowhere: no such folder"):
        minidl.load("nowhere")
