"""Reported losses and metrics, against NumPy and scikit-learn."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import (
    accuracy_score,
    log_loss,
    mean_absolute_error,
    mean_squared_error,
    r2_score,
)
from torch import Tensor

from minidl import nn
from minidl.data.encoding import Encoding
from minidl.train.evaluation import CHUNK, Evaluator, Part, even_chunk, predict

Array = np.ndarray
SIZES = [57, CHUNK, 2 * CHUNK + 37]


def network(outputs: int, end: nn.Module | None = None) -> nn.Sequential:
    layers = [nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, outputs), *([end] if end else [])]
    made = nn.Sequential(*layers).to(dtype=torch.float64)
    return made.initialize("xavier", seed=1, gain=3.0)


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def softmax(x: Array) -> Array:
    return np.asarray(np.exp(x) / np.exp(x).sum(1, keepdims=True))


# loss, encoding, last layer, and the loss and the classes from outputs (N, K) and labels (N,)
CLASSIFICATIONS: dict[str, tuple[Any, Encoding, Any, Callable[..., float], Callable[..., Any]]] = {
    "mse, column": (
        nn.MSELoss,
        Encoding("column", 1),
        None,
        lambda y, t: np.mean((y[:, 0] - t) ** 2),
        lambda y: y[:, 0] >= 0.5,
    ),
    "mse, one_hot": (
        nn.MSELoss,
        Encoding("one_hot", 3),
        None,
        lambda y, t: np.mean((y - np.eye(3)[t]) ** 2),
        lambda y: y.argmax(1),
    ),
    "bce": (
        nn.BCELoss,
        Encoding("column", 1),
        nn.Sigmoid,
        lambda y, t: log_loss(t, y[:, 0], labels=[0, 1]),
        lambda y: y[:, 0] >= 0.5,
    ),
    "bce_with_logits": (
        nn.BCEWithLogitsLoss,
        Encoding("column", 1, threshold=0.0),
        None,
        lambda y, t: log_loss(t, sigmoid(y[:, 0]), labels=[0, 1]),
        lambda y: y[:, 0] >= 0,
    ),
    "cross_entropy": (
        nn.CrossEntropyLoss,
        Encoding("index", 3),
        None,
        lambda y, t: log_loss(t, softmax(y), labels=[0, 1, 2]),
        lambda y: y.argmax(1),
    ),
}


def inputs(samples: int) -> Tensor:
    generator = torch.Generator().manual_seed(samples)
    return torch.randn(samples, 2, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("samples", SIZES)
@pytest.mark.parametrize("name", CLASSIFICATIONS)
def test_loss_and_accuracy(name: str, samples: int) -> None:
    kind, encoding, end, loss_of, classes_of = CLASSIFICATIONS[name]
    model = network(encoding.outputs, end and end())
    x = inputs(samples)
    labels = (x[..., 0] > 0).long() + (x[..., 1] > 0.5).long() * (encoding.outputs > 1)
    targets = encoding.encode(labels.numpy(), torch.float64)
    evaluate = Evaluator(model, kind(), encoding)
    assert evaluate.metrics == ("loss", "accuracy")
    with torch.inference_mode():
        first = evaluate(Part(x, targets, labels))
        assert evaluate(Part(x, targets, labels)) == first  # nothing is left from the time before
    y, t = model(x).numpy(), labels.numpy()
    assert first["loss"] == pytest.approx(loss_of(y, t), rel=1e-12)
    assert first["accuracy"] == accuracy_score(t, classes_of(y))
    assert 0 < first["accuracy"] < 1


@pytest.mark.parametrize("samples", SIZES)
@pytest.mark.parametrize("outputs", [1, 3])
def test_the_metrics_of_a_regression(outputs: int, samples: int) -> None:
    model, x = network(outputs), inputs(samples)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(*x.shape[:-1], outputs, generator=generator, dtype=torch.float64)
    targets = model(x) + noise * torch.arange(1.0, outputs + 1)  # R² differs between the outputs
    evaluate = Evaluator(model, nn.MSELoss(), Encoding("values", outputs))
    with torch.inference_mode():
        got = evaluate(Part(x, targets, targets))
    assert tuple(got) == evaluate.metrics == ("loss", "mse", "mae", "r2")
    t, y = targets.numpy(), model(x).numpy()
    assert got["loss"] == pytest.approx(mean_squared_error(t, y), rel=1e-12)
    assert got["mse"] == pytest.approx(mean_squared_error(t, y), rel=1e-12)
    assert got["mae"] == pytest.approx(mean_absolute_error(t, y), rel=1e-12)
    assert got["r2"] == pytest.approx(r2_score(t, y), rel=1e-10)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("samples", [1, 5])
def test_r2_of_targets_that_do_not_vary_is_that_of_scikit_learn(samples: int, exact: bool) -> None:
    """A test part of a single row must not look like a divergence."""
    model, x = network(2), inputs(samples)
    x = x[..., :1, :].expand_as(x).contiguous()  # all samples alike
    targets = model(x) + (0.0 if exact else 1.0)
    evaluate = Evaluator(model, nn.MSELoss(), Encoding("values", 2))
    with torch.inference_mode():
        got = evaluate(Part(x, targets, targets))["r2"]
    assert got == (1.0 if exact else 0.0)


def test_float32_metrics_of_many_samples_lose_no_digits() -> None:
    """The sums run over chunks; a float32 counter of samples would stop growing at 2²⁴."""
    model = network(1).to(dtype=torch.float32)
    x = inputs(20 * CHUNK + 1).float()
    labels = (x[:, 0] > 0).long()
    part = Part(x, labels.unsqueeze(1).float(), labels)
    with torch.inference_mode():
        got = Evaluator(model, nn.MSELoss(), Encoding("column", 1))(part)
    y = model(x).double().numpy()[:, 0]
    assert got["loss"] == pytest.approx(np.mean((y - labels.numpy()) ** 2), rel=1e-6)
    assert got["accuracy"] == accuracy_score(labels, y >= 0.5)


def test_nan_outputs_give_a_loss_that_is_nan() -> None:
    model = network(1)
    model.parameters()[0].data[0, 0] = math.nan
    labels = torch.zeros(7, dtype=torch.int64)
    part = Part(inputs(7), torch.zeros(7, 1, dtype=torch.float64), labels)
    with torch.inference_mode():
        got = Evaluator(model, nn.MSELoss(), Encoding("column", 1))(part)
    assert math.isnan(got["loss"])


@pytest.mark.parametrize("samples", SIZES)
def test_predictions_are_made_in_evaluation_mode_in_memory_of_their_own(samples: int) -> None:
    model = network(2, nn.Dropout(0.5)).train()
    x = inputs(samples)
    outputs = predict(model, x)
    kept = outputs.clone()
    assert model.training  # as it was
    predict(model, -x)
    assert torch.equal(outputs, kept)
    # Another number of rows may be computed by another formula (Tanh), a last bit apart.
    torch.testing.assert_close(kept, model.eval()(x), rtol=0, atol=1e-14)


@pytest.mark.parametrize("counts", [(1000, 1000), (40, 24), (1437, 360), (1, 1), (257, 257), (9,)])
@pytest.mark.parametrize("most", [1, 3, 128])
def test_parts_are_cut_into_few_sizes_of_chunks(counts: tuple[int, ...], most: int) -> None:
    chunk = even_chunk(counts, most)
    sizes = {min(chunk, count) for count in counts} | {n % chunk for n in counts} - {0}
    assert 1 <= chunk <= most
    assert len(sizes) <= len(set(counts)) + 1
    if counts == (1000, 1000) and most == 128:
        assert sizes == {125}
