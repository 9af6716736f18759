"""minidl predict: CSV in, CSV out, with the run's own preprocessing and class names."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from trainings import Finished, minidl, train

from minidl.api.run import load
from minidl.store.run_folder import RunFolder

# A name, a size and a colour decide the kind; `note` is no feature.
ROWS = [
    ("1.0", "red", "sour", "x"),
    ("2.0", "red", "sour", "x"),
    ("3.0", "green", "sour", "x"),
    ("7.0", "green", "sweet", "x"),
    ("8.0", "blue", "sweet", "x"),
    ("9.0", "blue", "sweet", "x"),
]
CSV = """\
data: {type: csv, path: fruit.csv, target: kind, features: [size, colour], test_fraction: 0.2}
model: {type: mlp, hidden: [8]}
loss: LOSS
optimizer: {type: adam, lr: 0.03}
training: {epochs: 30, batch_size: 10}
"""
TOY = """\
data: {type: DATA, train: 60, test: 40}
model: {type: mlp, hidden: [8]OUT}
loss: LOSS
training: {epochs: 2, batch_size: 20}
"""


# pandas 2 may read the last digit otherwise.
approx = partial(pytest.approx, rel=1e-15)


def fruit(folder: Path, loss: str) -> RunFolder:
    lines = [",".join(row) for row in ROWS * 5]
    (folder / "fruit.csv").write_text("\n".join(["size,colour,kind,note", *lines]) + "\n")
    output = "[8], output_activation: sigmoid" if loss == "bce" else "[8]"
    finished = train(folder, text=CSV.replace("LOSS", loss).replace("[8]", output))
    assert finished.code == 0, finished.err
    return finished.run


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def numbers(rows: list[dict[str, str]], *names: str) -> np.ndarray:
    return np.array([[float(row[name]) for name in names] for row in rows])


def predict(run: RunFolder, folder: Path, text: str, *options: object) -> Finished:
    path = folder / "new.csv"
    path.write_text(text)
    return minidl("predict", run.path, path, *options)


@pytest.mark.parametrize("loss", ["cross_entropy", "bce", "bce_with_logits", "mse"])
def test_a_classification_gives_class_and_probabilities(loss: str, tmp_path: Path) -> None:
    finished = predict(fruit(tmp_path, loss), tmp_path, "size,colour\n1,red\n9,blue\n")
    assert (finished.code, finished.err) == (0, "")
    rows = table(finished.out)
    assert [row["kind"] for row in rows] == ["sour", "sweet"]
    kind = "score" if loss == "mse" else "probability"  # mse makes no probabilities
    assert list(rows[0]) == ["row", "kind", f"{kind}_sour", f"{kind}_sweet"]
    scores = numbers(rows, f"{kind}_sour", f"{kind}_sweet")
    assert scores.sum(1) == pytest.approx(1, abs=1e-12)
    assert scores[0, 0] > 0.5 > scores[0, 1]
    if loss != "mse":
        assert ((scores >= 0) & (scores <= 1)).all()


@pytest.mark.parametrize(
    ("data", "loss", "out"),
    [
        ("disk", "mse", ""),
        ("disk", "mse", ", outputs: 2"),
        ("disk", "bce", ", output_activation: sigmoid"),
        ("disk", "bce_with_logits", ""),
        ("disk", "cross_entropy", ""),
        ("blobs", "cross_entropy", ""),
        ("blobs", "mse", ""),
    ],
)
def test_the_rows_of_the_test_part_get_the_accuracy_of_the_run(
    data: str, loss: str, out: str, tmp_path: Path
) -> None:
    text = TOY.replace("DATA", data).replace("LOSS", loss).replace("OUT", out)
    run = train(tmp_path, text=text).run
    arrays, record = run.read_predictions(), run.read_record()
    lines = [f"{x!r},{y!r}" for x, y in arrays["test_input"].astype(float).tolist()]
    rows = table(predict(run, tmp_path, "\n".join(["x1,x2", *lines])).out)
    names = record.class_names
    right = [
        row["class"] == names[target]
        for row, target in zip(rows, arrays["test_target"], strict=True)
    ]
    assert np.mean(right) == pytest.approx(record.final["test_accuracy"])
    scores = numbers(rows, *list(rows[0])[2:])
    assert [row["class"] for row in rows] == [names[i] for i in scores.argmax(1)]


def test_rows_are_numbered_as_in_messages_and_inputs_stand_beside(tmp_path: Path) -> None:
    run = fruit(tmp_path, "cross_entropy")
    text = "note,size,colour,kind\n=1,1,red,sour\n,9.50,blue,sweet\n"
    plain = table(predict(run, tmp_path, text).out)
    assert [row["row"] for row in plain] == ["2", "3"]
    rows = table(predict(run, tmp_path, text, "--inputs", "--for-spreadsheet").out)
    heads = ["row", "note", "size", "colour", "kind", "predicted_kind"]
    assert list(rows[0])[:6] == heads
    assert [[row[head] for head in heads] for row in rows] == [
        ["2", "'=1", "1", "red", "sour", "sour"],
        ["3", "", "9.50", "blue", "sweet", "sweet"],
    ]
    assert [row["probability_sour"] for row in rows] == [row["probability_sour"] for row in plain]


def test_a_regression_gives_its_values(tmp_path: Path) -> None:
    run = train(tmp_path, text=TOY.replace("DATA", "noisy_sine").replace("LOSS", "mse")
                .replace("OUT", "")).run  # fmt: skip
    arrays = run.read_predictions()
    lines = [repr(x) for (x,) in arrays["test_input"].astype(float).tolist()]
    rows = table(predict(run, tmp_path, "\n".join(["x", *lines])).out)
    assert list(rows[0]) == ["row", "y"]
    assert numbers(rows, "y") == pytest.approx(arrays["test_output"], abs=1e-5)


def test_the_plotted_plane_is_what_predict_says_of_its_points(tmp_path: Path) -> None:
    """In the units of the file, though the network gets standardized numbers."""
    rng = np.random.default_rng(0)
    points = rng.uniform((1.5, 2000), (1.9, 9000), (60, 2))
    lines = [f"{a:.3f},{b:.0f},{'tall' if a > 1.7 else 'small'}" for a, b in points]
    (tmp_path / "people.csv").write_text("\n".join(["height,income,is", *lines]) + "\n")
    text = "data: {type: csv, path: people.csv, target: is}\nmodel: mlp\nloss: bce_with_logits\n"
    run = train(tmp_path, "training.epochs=5", "optimizer.lr=0.1", text=text).run
    arrays = run.read_predictions()
    assert 1.4 < arrays["grid_x"].min() < 1.5 < 1.9 < arrays["grid_x"].max() < 2
    corners = [(i, j) for i in (0, 40, -1) for j in (0, 40, -1)]
    asked = [f"{arrays['grid_x'][j]!s},{arrays['grid_y'][i]!s}" for i, j in corners]
    rows = table(predict(run, tmp_path, "\n".join(["height,income", *asked])).out)
    logits = np.array([arrays["grid_output"][i, j] for i, j in corners])
    assert logits.std() > 0.01
    expected = 1 / (1 + np.exp(-logits))
    assert numbers(rows, "probability_tall") == pytest.approx(expected, abs=1e-6)


def test_columns_are_found_by_name_in_any_order_beside_others(tmp_path: Path) -> None:
    run = fruit(tmp_path, "cross_entropy")
    expected = predict(run, tmp_path, "size,colour\n1.5,red\n8.5,green\n").out
    shuffled = "note,colour,x,size\nhi,red,9,1.5\nhi,green,9,8.5\n"
    assert predict(run, tmp_path, shuffled).out == expected
    semicolons = shuffled.replace(",", ";")
    assert predict(run, tmp_path, semicolons, "--delimiter", ";").out == expected
    commas = semicolons.replace(".", ",")
    options = ("--delimiter", ";", "--decimal", ",")
    assert predict(run, tmp_path, commas, *options).out == expected
    finished = predict(run, tmp_path, commas, "--delimiter", ";")
    assert "column 'size': expected a number, but got '1,5' (is `decimal` right?" in finished.err


def test_a_file_is_read_with_the_decimal_mark_and_delimiter_of_the_run(tmp_path: Path) -> None:
    """Words, and the columns that --inputs repeats, stay as the file has them."""
    rows = [f"{i},5;{'1,5' if i % 2 else 'a'};{i},25" for i in range(20)]
    (tmp_path / "t.csv").write_text("\n".join(["x;word;y", *rows, "1,5;b;1", "1;b;2"]) + "\n")
    data = "{type: csv, path: t.csv, target: y, delimiter: ';', decimal: ','}"
    text = f"data: {data}\nmodel: mlp\nloss: mse\ntraining: {{epochs: 2}}\n"
    run = train(tmp_path, text=text).run
    finished = predict(run, tmp_path, 'x;word\n1,5;"1,5"\n', "--inputs")
    (row,) = table(finished.out)
    assert (row["x"], row["word"]) == ("1,5", "1,5")
    finished = predict(run, tmp_path, "x;word\n1.5;a\n")
    assert "column 'x': expected a number with a decimal comma, but got '1.5'" in finished.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("size,color\n1,red\n", "new.csv: no column 'colour'; the table has 'size', 'color'; did"),
        ("colour\nred\n", "new.csv: no column 'size'"),
        ("size;colour\n1;red\n", "is the delimiter right?"),
        ("size,colour\n1,pink\n", "new.csv: row 2, column 'colour': unknown category 'pink'"),
        ("size,colour\nbig,red\n", "new.csv: row 2, column 'size': expected a number"),
        ("size,colour\n,red\n", "new.csv: row 2, column 'size': missing value"),
        ("size,colour\n", "new.csv: holds a header, but no rows"),
        ("", "new.csv: is empty"),
        ("size,colour\n1e300,red\n", "new.csv: row 2, output: no finite number"),
    ],
)
def test_a_file_that_does_not_fit_is_said_in_one_line(
    text: str, message: str, tmp_path: Path
) -> None:
    finished = predict(fruit(tmp_path, "cross_entropy"), tmp_path, text)
    assert (finished.code, finished.out) == (2, "")
    assert message in finished.err
    assert len(finished.err.splitlines()) == 1


MIXED = "size,colour,kind\n1,red,sour\nbig,pink,sour\n9,blue,sweet\n1e300,red,sour\n1,red,a,b\n"


def test_rows_that_can_not_be_predicted_are_left_empty_and_say_why(tmp_path: Path) -> None:
    finished = predict(fruit(tmp_path, "cross_entropy"), tmp_path, MIXED)
    rows = table(finished.out)
    assert finished.code == 0
    assert [row["row"] for row in rows] == ["2", "3", "4", "5", "6"]
    assert [row["kind"] for row in rows] == ["sour", "", "sweet", "", ""]
    problems = [row["problem"] for row in rows]
    assert (problems[0], problems[2]) == ("", "")
    assert "column 'size': expected a number, but got 'big'" in problems[1]
    assert "column 'colour': unknown category 'pink'" in problems[1]
    assert problems[3].startswith("output: no finite number")
    assert problems[4].startswith("has 4 cells, but the header names 3 columns")
    counted, measured = finished.err.splitlines()
    assert counted.startswith("3 of 5 rows can't be predicted: they are empty, and `problem`")
    assert measured == "accuracy 100.0 % (majority 50.0 %) of 2 rows whose target is known"


def test_strict_writes_nothing_where_a_row_can_not_be_predicted(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    finished = predict(fruit(tmp_path, "cross_entropy"), tmp_path, MIXED, "--strict", "-o", out)
    assert (finished.code, out.exists()) == (2, False)
    assert [line.split(": ")[2].split(",")[0].split(" has")[0] for line in
            finished.err.splitlines()] == ["row 3", "row 5", "row 6"]  # fmt: skip


def test_an_output_is_not_replaced_unless_asked(tmp_path: Path) -> None:
    run, out = fruit(tmp_path, "cross_entropy"), tmp_path / "out.csv"
    out.write_text("mine")
    finished = predict(run, tmp_path, "size,colour\n1,red\n", "-o", out)
    assert (finished.code, out.read_text()) == (2, "mine")
    assert "--overwrite" in finished.err
    assert predict(run, tmp_path, "size,colour\n1,red\n", "-o", out, "--overwrite").code == 0
    assert out.read_text().startswith("row,kind")


def test_own_columns_take_free_names_and_can_be_read_back(tmp_path: Path) -> None:
    text = "row,kind,predicted_kind,size,colour,probability_sour\n7,sour,x,1,red,9\n"
    run = fruit(tmp_path, "cross_entropy")
    finished = predict(run, tmp_path, text, "--inputs")
    heads = finished.out.splitlines()[0].split(",")
    assert heads == [
        *("predicted_row", "row", "kind", "predicted_kind", "size", "colour", "probability_sour"),
        *("predicted_kind_2", "predicted_probability_sour", "probability_sweet"),
    ]
    again = predict(run, tmp_path, finished.out)
    assert [row["kind"] for row in table(again.out)] == ["sour"]


def test_the_rows_of_the_training_file_know_their_part(tmp_path: Path) -> None:
    run = fruit(tmp_path, "cross_entropy")
    rows = table(minidl("predict", run.path, tmp_path / "fruit.csv", "--inputs").out)
    arrays = run.read_predictions()
    for part in ("train", "test"):
        assert [int(row["row"]) for row in rows if row["part"] == part] == sorted(
            arrays[f"{part}_row"].tolist()
        )


def test_what_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "t.csv").write_text("size,colour\n1,red\n")
    for path, message in [("absent", "no such folder"), ("empty", "holds no runs")]:
        finished = minidl("predict", tmp_path / path, tmp_path / "t.csv")
        assert (finished.code, finished.out) == (2, "")
        assert message in finished.err
    run = fruit(tmp_path, "cross_entropy")
    missing = minidl("predict", run.path, tmp_path / "absent.csv")
    assert missing.code == 2
    assert "absent.csv: there is no such file" in missing.err
    run.checkpoint_path("last").write_bytes(b"damaged")
    assert "last.safetensors: " in predict(run, tmp_path, "size,colour\n1,red\n").err
    run.checkpoint_path("last").unlink()
    finished = predict(run, tmp_path, "size,colour\n1,red\n")
    assert finished.code == 2
    assert finished.err.endswith("has no trained weights (status: done)\n")
    run.write_record(replace(run.read_record(), status="running"))
    finished = predict(run, tmp_path, "size,colour\n1,red\n")
    hint = f": `minidl resume {run.path}` goes on with it\n"
    assert finished.err.endswith(f"(status: interrupted){hint}")  # nobody works on it


def test_output_writes_a_file_and_nothing_on_stdout(tmp_path: Path) -> None:
    run = fruit(tmp_path, "cross_entropy")
    shown = predict(run, tmp_path, "size,colour\n1,red\n").out
    written = predict(run, tmp_path, "size,colour\n1,red\n", "--output", tmp_path / "out.csv")
    assert (written.code, written.out) == (0, "")
    assert (tmp_path / "out.csv").read_text() == shown
    nowhere = predict(run, tmp_path, "size,colour\n1,red\n", "-o", tmp_path / "no" / "out.csv")
    assert nowhere.code in (1, 2)
    assert nowhere.err.endswith(
        f"out.csv: can't be written: there is no folder {tmp_path / 'no'}\n"
    )


@pytest.mark.parametrize("link", [False, True])
def test_the_file_to_predict_from_is_never_replaced(link: bool, tmp_path: Path) -> None:
    run, output = fruit(tmp_path, "cross_entropy"), tmp_path / "new.csv"
    if link:
        output = tmp_path / "link.csv"
        output.symlink_to("new.csv")
    finished = predict(run, tmp_path, "size,colour\n1,red\n", "--output", output)
    assert finished.code == 2
    assert f"{output}: is the file to predict from" in finished.err
    assert (tmp_path / "new.csv").read_text() == "size,colour\n1,red\n"


def test_predictions_are_the_same_without_the_training_data(tmp_path: Path) -> None:
    run = fruit(tmp_path, "cross_entropy")
    before = predict(run, tmp_path, "size,colour\n1,red\n").out
    (tmp_path / "fruit.csv").unlink()
    (tmp_path / "small.yaml").unlink()
    assert predict(run, tmp_path, "size,colour\n1,red\n").out == before


def test_names_that_a_spreadsheet_would_run_are_made_harmless_on_request(tmp_path: Path) -> None:
    rows = [f"{i},{'=HYPERLINK(0)' if i % 2 else '@x'}" for i in range(20)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b", *rows]) + "\n")
    text = "data: {type: csv, path: t.csv, target: b}\nmodel: mlp\nloss: cross_entropy\n"
    run = train(tmp_path, "training.epochs=1", text=text).run
    plain = table(predict(run, tmp_path, "a\n1\n2\n3\n").out)
    assert {row["b"] for row in plain} <= {"=HYPERLINK(0)", "@x"}
    predicted = table(predict(run, tmp_path, "a\n1\n2\n3\n", "--for-spreadsheet").out)
    assert {row["b"] for row in predicted} <= {"'=HYPERLINK(0)", "'@x"}


def test_a_run_on_images_says_that_it_takes_no_table(tmp_path: Path) -> None:
    np.savez(tmp_path / "images.npz", input=np.zeros((20, 4, 3)), target=np.arange(20) % 2)
    run = train(tmp_path, f"data={{type: arrays, path: {tmp_path / 'images.npz'}}}").run
    finished = predict(run, tmp_path, "a\n1\n")
    assert finished.code == 2
    assert "was trained on arrays, not on the rows of a table" in finished.err
    assert "with the array 'input'" in finished.err


@pytest.mark.parametrize("shape", [(3,), (4, 3)])
def test_a_run_on_arrays_predicts_new_ones(shape: tuple[int, ...], tmp_path: Path) -> None:
    inputs = np.random.default_rng(0).normal(size=(20, *shape))
    np.savez(tmp_path / "a.npz", input=inputs, target=np.arange(20) % 2)
    standardize = "true" if len(shape) == 1 else "false"
    data = f"data={{type: arrays, path: {tmp_path / 'a.npz'}, standardize: {standardize}}}"
    run = train(tmp_path, data, "loss=cross_entropy").run
    np.savez(tmp_path / "new.npz", input=inputs)  # nobody knows their targets
    rows = table(minidl("predict", run.path, tmp_path / "new.npz").out)
    assert [row["row"] for row in rows] == [str(i) for i in range(20)]  # as arrays are indexed
    arrays, wanted = run.read_predictions(), numbers(rows, "probability_1")[:, 0]
    outputs = np.concatenate([arrays["train_output"], arrays["test_output"]])
    powers = np.exp(outputs - outputs.max(1, keepdims=True))
    assert sorted(powers[:, 1] / powers.sum(1)) == pytest.approx(sorted(wanted), rel=1e-5)
    np.savez(tmp_path / "new.npz", input=inputs[:, :2])
    assert "rows of 'input' have shape" in minidl("predict", run.path, tmp_path / "new.npz").err


def test_the_class_at_the_threshold_is_that_of_the_metrics(tmp_path: Path) -> None:
    """With weights of 0 each probability is 1/2: that of class 1 has reached the threshold."""
    text = TOY.replace("DATA", "disk").replace("OUT", ", init: zeros, output_activation: sigmoid")
    changes = ("optimizer.lr=1e-30", "training.dtype=float64")
    run = train(tmp_path, *changes, text=text.replace("LOSS", "bce")).run
    rows = table(predict(run, tmp_path, "x1,x2\n0,0\n").out)
    assert (rows[0]["class"], float(rows[0]["probability_outside"])) == ("inside", 0.5)


def test_the_formats_say_the_same(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    run = fruit(tmp_path, "cross_entropy")
    text = "size,colour\n1.0,red\n,green\n8.0,blue\n"
    wanted = pd.read_csv(io.StringIO(predict(run, tmp_path, text, "--inputs").out))
    readers: dict[str, Any] = {"jsonl": pd.read_json, "parquet": pd.read_parquet}
    for ending, read in readers.items():
        output = tmp_path / f"out.{ending}"
        assert predict(run, tmp_path, text, "--inputs", "--output", output).code == 0
        options = {"lines": True, "precise_float": True} if ending == "jsonl" else {}
        found = read(output, **options)
        assert list(found.columns) == list(wanted.columns)
        for name in wanted.columns:
            if name.startswith("probability"):
                assert found[name].tolist()[::2] == approx(wanted[name].tolist()[::2])
        assert found["problem"].notna().tolist() == [False, True, False]
        assert found["kind"].tolist()[::2] == wanted["kind"].tolist()[::2]


def test_parquet_needs_a_file_to_be_written_into(tmp_path: Path) -> None:
    done = predict(fruit(tmp_path, "mse"), tmp_path, "size,colour\n1,red\n", "--format", "parquet")
    assert done.code == 2
    assert "say with --output FILE" in done.err


def test_a_frame_in_memory_is_predicted_as_its_file_is(tmp_path: Path) -> None:
    run = fruit(tmp_path, "cross_entropy")
    text = "size,colour\n1.0,red\n2.5,green\n,red\n8.0,blue\n"
    wanted = pd.read_csv(io.StringIO(predict(run, tmp_path, text).out)).drop(columns="row")
    frame = pd.read_csv(io.StringIO(text)).astype({"colour": "category"}).set_axis([7, 5, 3, 1])
    found = load(run.path).predict(frame)
    assert found.index.tolist() == [7, 5, 3, 1]
    assert found.columns.tolist() == wanted.columns.tolist()
    assert found["kind"].iloc[[0, 1, 3]].tolist() == wanted["kind"].iloc[[0, 1, 3]].tolist()
    assert found["probability_sour"].iloc[0] == approx(wanted["probability_sour"].iloc[0])
    assert "column 'size': missing" in found["problem"].loc[3]


def test_a_problem_that_all_rows_have_is_said_once(tmp_path: Path) -> None:
    done = predict(fruit(tmp_path, "mse"), tmp_path, "size,colour\n1,pink\n2,pink\n3,pink\n")
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert "row 2, column 'colour': unknown category 'pink'" in line
    assert line.endswith("(and in 2 more rows: 3, 4)")
