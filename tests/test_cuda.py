"""Everything runs on a GPU too, by the same code; skipped where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from cases import LAYERS, OPTIMIZERS, LayerCase, OptimizerCase, error, samples, step

from minidl import nn
from minidl.runs.execute import execute
from minidl.spec import parse_spec

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device"),
]

# float64 on both: only the order of sums differs.
TOLERANCE = 1e-12


@pytest.mark.parametrize("case", LAYERS, ids=repr)
def test_layers_agree_with_the_cpu(case: LayerCase) -> None:
    x = samples(case.sample)
    results = []
    for device in ("cpu", "cuda"):
        layer = case.make().to(device, torch.float64)
        layer.initialize(seed=1).seed_dropout(2)
        y = layer(x.to(device))
        grad = layer.backward(torch.ones_like(y))
        results.append([y, grad, *(p.grad for p in layer.parameters())])
    for mine, theirs in zip(results[1], results[0], strict=True):
        assert error(mine.cpu(), theirs) < TOLERANCE


@pytest.mark.parametrize("case", OPTIMIZERS, ids=repr)
def test_trainings_agree_with_the_cpu(case: OptimizerCase) -> None:
    results = []
    for device in ("cpu", "cuda"):
        network = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2))
        network.to(device, torch.float64).initialize(seed=0).seed_dropout(1)
        loss, optimizer = nn.MSELoss(), case.make(network)
        x, target = samples((3,)).to(device), samples((2,)).to(device)
        for _ in range(20):
            step(network, loss, optimizer, x, target)
        results.append(optimizer.flat.data.cpu())
    assert error(results[1], results[0]) < 1e-9


@pytest.mark.parametrize(
    ("data", "loss"),
    [
        ("disk", "mse"),
        ("spirals", "cross_entropy"),
        ("noisy_sine", "mse"),
        ("moons", "bce_with_logits"),
    ],
)
def test_a_run_on_a_gpu_equals_the_run_on_the_cpu(data: str, loss: str, tmp_path: Path) -> None:
    text = f"""
        data: {data}
        model: {{type: mlp, dropout: 0.1}}
        loss: {loss}
        optimizer: {{type: adam, lr: 0.01}}
        training: {{epochs: 5, dtype: float64}}
    """
    rows = []
    for device in ("cpu", "cuda"):
        spec = parse_spec(text, overrides=[f"device={device}"])
        outcome = execute(spec, runs_dir=tmp_path, name=device)
        assert outcome.exit_code == 0
        assert outcome.run.record.device == device
        if device == "cuda":
            assert str(outcome.run.record.engine).startswith("plain")
        columns = outcome.run.folder.read_columns()
        rows.append(np.array([columns[name] for name in columns if name != "seconds"]))
    np.testing.assert_allclose(rows[1], rows[0], rtol=0, atol=1e-9)
