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
from minidl.evaluation import CHUNK, Evaluator, Part, predict

Array = np.ndarray
SIZES = [57, CHUNK, 2 * CHUNK + 37]
STACKS = [None, 3]


def network(outputs: int, networks: int | None, end: nn.Module | None = None) -> nn.Sequential:
    layers = [nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, outputs), *([end] if end else [])]
    made = nn.Sequential(*layers).to(dtype=torch.float64).stack(networks)
    return made.initialize("xavier", seed=1, gain=3.0)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def softmax(x: Array) -> Array:
    return np.exp(x) / np.exp(x).sum(1, keepdims=True)


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


def inputs(samples: int, networks: int | None) -> Tensor:
    lead = () if networks is None else (networks,)
    generator = torch.Generator().manual_seed(samples)
    return torch.randn(*lead, samples, 2, generator=generator, dtype=torch.float64)


def members(tensor: Tensor, networks: int | None) -> list[Array]:
    return [tensor.numpy()] if networks is None else [one.numpy() for one in tensor]


@pytest.mark.parametrize("samples", SIZES)
@pytest.mark.parametrize("networks", STACKS)
@pytest.mark.parametrize("name", CLASSIFICATIONS)
def test_loss_and_accuracy(name: str, networks: int | None, samples: int) -> None:
    kind, encoding, end, loss_of, classes_of = CLASSIFICATIONS[name]
    model = network(encoding.outputs, networks, end and end())
    x = inputs(samples, networks)
    labels = (x[..., 0] > 0).long() + (x[..., 1] > 0.5).long() * (encoding.outputs > 1)
    encoded = [encoding.encode(one, torch.float64) for one in members(labels, networks)]
    targets = encoded[0] if networks is None else torch.stack(encoded)
    evaluate = Evaluator(model, kind().stack(networks), encoding)
    assert evaluate.metrics == ("loss", "accuracy")
    with torch.inference_mode():
        first = evaluate(Part(x, targets, labels))
        assert evaluate(Part(x, targets, labels)) == first  # nothing is left from the time before
    outputs = members(model(x), networks)
    for i, (y, t) in enumerate(zip(outputs, members(labels, networks), strict=True)):
        assert first["loss"][i] == pytest.approx(loss_of(y, t), rel=1e-12)
        assert first["accuracy"][i] == accuracy_score(t, classes_of(y))
        assert 0 < first["accuracy"][i] < 1


@pytest.mark.parametrize("samples", SIZES)
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("networks", STACKS)
def test_the_metrics_of_a_regression(networks: int | None, outputs: int, samples: int) -> None:
    model, x = network(outputs, networks), inputs(samples, networks)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(*x.shape[:-1], outputs, generator=generator, dtype=torch.float64)
    targets = model(x) + noise * torch.arange(1.0, outputs + 1)  # R² differs between the outputs
    evaluate = Evaluator(model, nn.MSELoss().stack(networks), Encoding("values", outputs))
    with torch.inference_mode():
        got = evaluate(Part(x, targets, targets))
    assert tuple(got) == evaluate.metrics == ("loss", "mse", "mae", "r2")
    pairs = zip(members(targets, networks), members(model(x), networks), strict=True)
    for i, (t, y) in enumerate(pairs):
        assert got["loss"][i] == pytest.approx(mean_squared_error(t, y), rel=1e-12)
        assert got["mse"][i] == pytest.approx(mean_squared_error(t, y), rel=1e-12)
        assert got["mae"][i] == pytest.approx(mean_absolute_error(t, y), rel=1e-12)
        assert got["r2"][i] == pytest.approx(r2_score(t, y), rel=1e-10)


@pytest.mark.parametrize("networks", STACKS)
@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("samples", [1, 5])
def test_r2_of_targets_that_do_not_vary_is_that_of_scikit_learn(
    samples: int, exact: bool, networks: int | None
) -> None:
    """A test part of a single row must not look like a divergence."""
    model, x = network(2, networks), inputs(samples, networks)
    x = x[..., :1, :].expand_as(x).contiguous()  # all samples alike
    targets = model(x) + (0.0 if exact else 1.0)
    evaluate = Evaluator(model, nn.MSELoss().stack(networks), Encoding("values", 2))
    with torch.inference_mode():
        got = evaluate(Part(x, targets, targets))["r2"]
    assert got == [1.0 if exact else 0.0] * (networks or 1)


def test_float32_metrics_of_many_samples_lose_no_digits() -> None:
    """The sums run over chunks; a float32 counter of samples would stop growing at 2²⁴."""
    model = network(1, None).to(dtype=torch.float32)
    x = inputs(20 * CHUNK + 1, None).float()
    labels = (x[:, 0] > 0).long()
    part = Part(x, labels.unsqueeze(1).float(), labels)
    with torch.inference_mode():
        got = Evaluator(model, nn.MSELoss(), Encoding("column", 1))(part)
    y = model(x).double().numpy()[:, 0]
    assert got["loss"][0] == pytest.approx(np.mean((y - labels.numpy()) ** 2), rel=1e-6)
    assert got["accuracy"][0] == accuracy_score(labels, y >= 0.5)


def test_nan_outputs_give_a_loss_that_is_nan() -> None:
    model = network(1, None)
    model.parameters()[0].data[0, 0] = math.nan
    labels = torch.zeros(7, dtype=torch.int64)
    part = Part(inputs(7, None), torch.zeros(7, 1, dtype=torch.float64), labels)
    with torch.inference_mode():
        got = Evaluator(model, nn.MSELoss(), Encoding("column", 1))(part)
    assert math.isnan(got["loss"][0])


@pytest.mark.parametrize("samples", SIZES)
def test_predictions_are_made_in_evaluation_mode_in_memory_of_their_own(samples: int) -> None:
    model = network(2, None, nn.Dropout(0.5)).train()
    x = inputs(samples, None)
    outputs = predict(model, x)
    kept = outputs.clone()
    assert model.training  # as it was
    predict(model, -x)
    assert torch.equal(outputs, kept)
    # Another number of rows may be computed by another formula (Tanh), a last bit apart.
    torch.testing.assert_close(kept, model.eval()(x), rtol=0, atol=1e-14)


def test_predictions_of_a_stack() -> None:
    model, x = network(2, 3), inputs(CHUNK + 5, 3)
    torch.testing.assert_close(predict(model, x, samples_axis=1), model(x), rtol=0, atol=1e-14)
