"""A training at a step of its past: weights, gradients and activations, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from minidl.explain.filled import shown
from minidl.explain.observed import Observed
from minidl.explain.tensors import gradients_of
from minidl.nn.shape import times
from minidl.report.tables.sheet import Field, Sheet
from minidl.train.trainer import Trainer

_STATISTICS = ("mean", "deviation", "least", "largest")


def state_sheet(trainer: Trainer, seen: Observed, title: str) -> Sheet:
    """A row for each tensor after the step: each parameter, its gradient, each layer's output."""
    records = [_record(name, kind, x) for name, kind, x in _tensors(trainer, seen)]
    fields = [
        Field("tensor", lambda r: r["tensor"], number=False, key=True),
        Field("what", lambda r: r["what"], number=False),
        Field("shape", lambda r: times(r["shape"]), number=False),
        Field("norm", lambda r: shown(r["norm"])),
        *[Field(name, lambda r, name=name: shown(r[name])) for name in _STATISTICS],  # type: ignore[misc]
    ]
    return Sheet("tensors", title, fields, records)


def arrays(trainer: Trainer, seen: Observed) -> dict[str, NDArray[Any]]:
    """The same tensors whole: fc_1.weight, fc_1.weight.grad, act_1.output."""
    endings = {"weights": "", "gradient": ".grad", "activations": ".output"}
    return {f"{name}{endings[kind]}": x.cpu().numpy() for name, kind, x in _tensors(trainer, seen)}


def _tensors(trainer: Trainer, seen: Observed) -> Iterator[tuple[str, str, Tensor]]:
    network = trainer.network
    gradients = dict(gradients_of(network, seen.gradient))
    for name, values in gradients_of(network, trainer.optimizer.flat.data):
        yield name, "weights", values
        yield name, "gradient", gradients[name]
    for one in seen.layers:
        yield one.name, "activations", one.y


def _record(name: str, kind: str, x: Tensor) -> dict[str, Any]:
    flat: NDArray[np.float64] = x.double().cpu().numpy().reshape(-1)
    numbers = {
        "norm": float(np.linalg.norm(flat)),
        "mean": float(flat.mean()),
        "deviation": float(flat.std()),
        "least": float(flat.min()),
        "largest": float(flat.max()),
    }
    return {"tensor": name, "what": kind, "shape": list(x.shape), **numbers}
