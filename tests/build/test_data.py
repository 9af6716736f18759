"""What the build makes of arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from minidl.build import prepare
from minidl.spec import load_spec

CONFIG = """\
data: {type: csv, path: words.csv, target: y, types: {category: ["w*"]}}
model: {type: mlp, hidden: [2]}
loss: cross_entropy
"""


def test_a_table_of_very_many_words_is_kept_once(tmp_path: Path) -> None:
    """One-hot inputs are trained on as they lie, with no dense copy in float64 beside them."""
    rows = 400
    words = np.char.add("v", np.random.default_rng(0).integers(0, 200, (rows, 12)).astype(str))
    lines = [",".join([*row, "ab"[i % 2]]) for i, row in enumerate(words)]
    head = ",".join([*(f"w{i}" for i in range(12)), "y"])
    (tmp_path / "words.csv").write_text("\n".join([head, *lines]) + "\n")
    (tmp_path / "c.yaml").write_text(CONFIG)
    data, experiment = prepare(load_spec(tmp_path / "c.yaml"))
    assert data.input_shape[0] > 1000
    for part, split in (("train", data.train), ("test", data.test)):
        inputs = experiment.trainer.parts[part].inputs
        assert np.shares_memory(inputs.numpy(), split.inputs)
        assert split.inputs.sum() == 12 * len(split)
    double, _ = prepare(load_spec(tmp_path / "c.yaml", ["training.dtype=float64"]))
    assert double.train.inputs.dtype == np.float64
    np.testing.assert_array_equal(double.train.inputs, data.train.inputs)
