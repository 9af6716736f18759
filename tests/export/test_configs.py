"""Every shipped config's network, exported: each format gives what `minidl predict` does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export.test_layers import assert_equal, run_c, run_python
from numpy.typing import NDArray

from minidl.build import read_data
from minidl.export import Model, export
from minidl.export.onnx import onnx_file
from minidl.export.python import python_source
from minidl.export.torch import torch_files
from minidl.runs.execute import execute
from minidl.runs.inference import TrainedRun
from minidl.spec import load_spec

Array = NDArray[Any]
ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
# What isn't in any config: logarithms and ranks as scales, dates, two classes by a sigmoid.
TABLE = """
data:
  type: csv
  path: table.csv
  target: kind
  test_fraction: 0.3
  columns:
    a: {type: number, scale: log}
    b: {type: number, scale: quantile}
    c: category
    d: date
model: {mlp: [8]}
loss: bce_with_logits
training: {epochs: 2}
"""


def trained(config: Path, folder: Path) -> tuple[TrainedRun, Array, Array]:
    """The run after an epoch or two, rows in the units of its data, and what predict says."""
    spec = load_spec(config, ["training.epochs=2", "device=cpu"])
    outcome = execute(spec, runs_dir=folder, name="run")
    run = TrainedRun.load(outcome.run.folder.path)
    inputs = read_data(spec).test.inputs[:20]
    rows = inputs
    if run.preprocessing is not None:
        rows = run.preprocessing.to_raw(inputs.reshape(len(inputs), -1))
        inputs = run.preprocessing.to_inputs(rows).reshape(inputs.shape)
    outputs = run.outputs(inputs)
    if run.gives_images:
        return run, rows, outputs
    return run, rows, run.meaning.says(outputs).select_dtypes("number").to_numpy()


def check_all(run: TrainedRun, rows: Array, expected: Array, folder: Path) -> None:
    """Each format against what predict says."""
    model = Model.of(run)
    assert_equal(run_python(python_source(model))["predict"](rows), expected)
    weights, source = torch_files(model, "net")
    (folder / "net.pt").write_bytes(weights)
    names = run_python(source)
    network = names["load"](folder / "net.pt")
    assert_equal(names["predict"](network, rows).numpy(), expected)
    assert_equal(run_c(model, folder)(rows), expected)
    runtime = pytest.importorskip("onnxruntime", reason='needs "minidl[onnx]"')
    session = runtime.InferenceSession(onnx_file(model), providers=["CPUExecutionProvider"])
    given = rows if model.scales else rows.astype(np.float32)
    found, *classes = session.run(None, {"input": given})
    assert_equal(found, expected)
    if classes:
        best = run.meaning.decided(run.outputs(_inputs(run, rows)))
        assert classes[0].tolist() == [model.class_names[i] for i in best]


def _inputs(run: TrainedRun, rows: Array) -> Array:
    if run.preprocessing is None:
        return rows
    return run.preprocessing.to_inputs(rows).reshape(len(rows), *run.input_shape)


@pytest.mark.slow
@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_each_format_gives_what_predict_does(config: Path, tmp_path: Path) -> None:
    check_all(*trained(config, tmp_path), tmp_path)


def test_logarithms_ranks_words_and_dates_are_exported_too(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    lines = ["a,b,c,d,kind"]
    for i in range(60):
        a, b = random.normal(0, 100), random.integers(0, 5)
        lines.append(f"{a:.3f},{b},{'xyz'[i % 3]},2025-01-{1 + i % 28:02},{['no', 'yes'][i % 2]}")
    (tmp_path / "table.csv").write_text("\n".join(lines) + "\n")
    config = tmp_path / "config.yaml"
    config.write_text(TABLE)
    check_all(*trained(config, tmp_path), tmp_path)


def test_the_exported_file_needs_numpy_alone(tmp_path: Path) -> None:
    run, rows, expected = trained(ROOT / "configs" / "iris.yaml", tmp_path)
    (path,) = export(run, "python", tmp_path / "iris.py")
    assert path == tmp_path / "iris.py"
    code = (
        f"import sys, iris; y = iris.predict({rows[:2].tolist()}); print(y.tolist());"
        f"print(iris.classify({rows[:2].tolist()}));"
        "assert not {'torch', 'minidl'} & {*sys.modules}"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    values, classes = done.stdout.splitlines()
    assert_equal(np.array(eval(values)), expected[:2])
    assert set(eval(classes)) <= {*run.record.class_names}
