"""minidl predict of a sweep: what its networks say on average, and of rows that they never saw."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from trainings import minidl

from minidl.store.run_folder import RunFolder, is_run

TABLE = """\
data: {type: csv, path: t.csv, target: y}
model: {mlp: [4]}
loss: LOSS
optimizer: {type: adam, lr: 0.03}
training: {epochs: 4, batch_size: 8}
"""


def swept(
    folder: Path, *arguments: object, loss: str = "cross_entropy", values: bool = False
) -> Path:
    """A sweep on a table of 23 rows."""
    rng = np.random.default_rng(0)
    target = [f"{x:.2f}" if values else "ab"[int(x > 0)] for x in rng.normal(size=23)]
    rows = (f"{x:.3f},{y}" for x, y in zip(rng.normal(size=23), target, strict=True))
    (folder / "t.csv").write_text("\n".join(["x,y", *rows]) + "\n")
    (folder / "t.yaml").write_text(TABLE.replace("LOSS", loss))
    runs = folder / "runs"
    done = minidl(
        "sweep", folder / "t.yaml", *arguments, "--runs-dir", runs, "--device", "cpu", "-q"
    )
    assert done.code == 0, done.err
    return runs / "t"


def members(folder: Path) -> list[RunFolder]:
    return [RunFolder.open(path) for path in sorted(folder.iterdir()) if is_run(path)]


def predicted(*arguments: object) -> pd.DataFrame:
    done = minidl("predict", *arguments)
    assert done.code == 0, done.err
    return pd.read_csv(io.StringIO(done.out), index_col="row")


@pytest.mark.parametrize("loss", ["cross_entropy", "bce_with_logits", "mse"])
def test_a_sweep_s_networks_are_averaged(loss: str, tmp_path: Path) -> None:
    folder = swept(tmp_path, "--repeats", 3, loss=loss)
    each = [predicted(run.path, tmp_path / "t.csv") for run in members(folder)]
    made = predicted(folder, tmp_path / "t.csv")
    columns = [name for name in map(str, made) if name.startswith(("probability", "score"))]
    numbers = np.array([one[columns].to_numpy() for one in each])
    np.testing.assert_allclose(made[columns], numbers.mean(0), rtol=1e-12)
    best = numbers.mean(0).argmax(1)
    assert made["y"].tolist() == ["ab"[i] for i in best]
    spread = numbers.std(0, ddof=1)[np.arange(23), best]
    np.testing.assert_allclose(made["std"], spread, rtol=1e-9)


def test_of_a_regression_values_are(tmp_path: Path) -> None:
    folder = swept(tmp_path, "--repeats", 3, loss="mse", values=True)
    each = np.array([predicted(run.path, tmp_path / "t.csv")["y"] for run in members(folder)])
    made = predicted(folder, tmp_path / "t.csv")
    np.testing.assert_allclose(made["y"], each.mean(0), rtol=1e-12)
    np.testing.assert_allclose(made["std"], each.std(0, ddof=1), rtol=1e-9)


def test_of_several_groups_one_is_chosen(tmp_path: Path) -> None:
    folder = swept(tmp_path, "model.activation=relu,tanh", "--repeats", 2)
    done = minidl("predict", folder, tmp_path / "t.csv")
    assert done.code == 2
    said = "holds 2 groups of runs: choose one, such as --where activation=relu"
    assert done.err == f"minidl: {folder}: {said}\n"
    done = minidl("predict", folder, tmp_path / "t.csv", "--where", "activation=tanh")
    assert done.err.startswith("the mean of 2 runs\n")
    assert len(done.out.splitlines()) == 24


def test_a_row_that_one_network_can_t_predict_has_a_problem(tmp_path: Path) -> None:
    folder = swept(tmp_path, "--repeats", 2)
    (tmp_path / "new.csv").write_text("x\n0.5\n\n?\n".replace("\n\n", "\n"))
    made = predicted(folder, tmp_path / "new.csv")
    assert made["problem"].isna().tolist() == [True, False]
    assert made["std"].isna().tolist() == [False, True]


@pytest.mark.parametrize("values", [False, True])
def test_out_of_fold_each_row_is_predicted_by_those_that_didn_t_see_it(
    values: bool, tmp_path: Path
) -> None:
    loss = "mse" if values else "cross_entropy"
    folder = swept(tmp_path, "--folds", 4, "--repeats", 2, loss=loss, values=values)
    made = predicted(folder, "--out-of-fold")
    assert made.index.tolist() == list(range(2, 25))
    column = "predicted_y" if values else "probability_b"
    wanted: dict[int, list[float]] = {row: [] for row in made.index}
    for run in members(folder):
        own = predicted(run.path, tmp_path / "t.csv", "--inputs").query("part == 'test'")
        for row, value in own[column].items():
            wanted[int(str(row))].append(value)
    assert {len(said) for said in wanted.values()} == {2}
    # Of predictions.npz in float32.
    np.testing.assert_allclose(made[column], [np.mean(v) for v in wanted.values()], rtol=1e-5)
    truth = pd.read_csv(tmp_path / "t.csv")["y"].tolist()
    # Values were scaled and back in float64.
    assert made["y"].tolist() == (pytest.approx(truth, rel=1e-12) if values else truth)
    assert made["std"].notna().all()


def test_out_of_fold_of_one_repeat_has_no_spread(tmp_path: Path) -> None:
    folder = swept(tmp_path, "--folds", 3)
    assert "std" not in predicted(folder, "--out-of-fold")


def test_out_of_fold_of_a_bundled_set_counts_its_rows_from_0(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    (tmp_path / "i.yaml").write_text("data: iris\nmodel: {mlp: [4]}\ntraining: {epochs: 1}\n")
    minidl("sweep", tmp_path / "i.yaml", "--folds", 2, "--runs-dir", runs, "--device", "cpu", "-q")
    made = predicted(runs / "i", "--out-of-fold")
    assert made.index.tolist() == list(range(150))
    assert made["species"].iloc[[0, 149]].tolist() == ["setosa", "virginica"]


def test_a_fold_without_a_result_is_said_and_its_rows_are_missing(tmp_path: Path) -> None:
    folder = swept(tmp_path, "--folds", 4)
    shutil.rmtree(members(folder)[1].path)
    done = minidl("predict", folder, "--out-of-fold")
    assert done.err.startswith("the mean of 3 runs; 1 more would belong to it, without a result\n")
    assert len(done.out.splitlines()) in (18, 19)  # with the header: a fold has 5 or 6 of 23


def test_what_is_lacking_is_said_in_one_line(tmp_path: Path) -> None:
    folder = swept(tmp_path, "--repeats", 2)
    done = minidl("predict", folder, "--out-of-fold")
    assert (done.code, done.err.count("has no folds")) == (2, 1)
    assert minidl("predict", folder).code == 2
    assert "expected a FILE, or else --out-of-fold" in minidl("predict", folder).err
    assert minidl("predict", folder, tmp_path / "t.csv", "--out-of-fold").code == 2
    done = minidl("sweep", tmp_path / "t.yaml", "--folds", 40, "--runs-dir", tmp_path / "runs")
    assert done.code == 2
    assert "40 folds need one each (`folds`) (data.folds: command line)" in done.err
    assert len(done.err.splitlines()) == 1
