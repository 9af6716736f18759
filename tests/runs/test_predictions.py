"""What predictions.npz keeps of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from minidl.build import prepare
from minidl.runs.predictions import predictions
from minidl.spec import parse_spec


def test_times_a_few_seconds_apart_stay_apart(tmp_path: Path) -> None:
    """In float32 one lies on the next for two minutes."""
    times = 1_750_000_000 + 3 * np.arange(40)
    rows = "".join(f"{time},{time % 7}\n" for time in times)
    (tmp_path / "data.csv").write_text(f"time,load\n{rows}")
    config = f"data: {{type: csv, path: {tmp_path / 'data.csv'}, target: load}}\nmodel: mlp\n"
    spec = parse_spec(config)
    data, experiment = prepare(spec)
    arrays = predictions(spec, data, experiment.network)
    kept = np.concatenate([arrays["train_input"], arrays["test_input"]]).ravel()
    np.testing.assert_allclose(np.sort(kept), times, rtol=0, atol=1e-3)
