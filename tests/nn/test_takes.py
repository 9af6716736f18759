"""What each layer and loss takes; all else is refused in its own words, and no value is read."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
import torch
from cases import public

from minidl import nn

Shape = tuple[int, ...]
F32, F64, I64, BOOL = torch.float32, torch.float64, torch.int64, torch.bool

ANY = ["(N, ...)", [(1,), (2, 3), (2, 3, 4, 5)], [(), (0, 3), (2, 0)]]
ROWS: list[list[Shape]] = [[(1, 1), (2, 3), (2, 3, 4, 5)], [(), (3,), (0, 3), (2, 0)]]
IMAGES: list[list[Shape]] = [
    [(1, 3, 2, 2), (2, 3, 4, 5)],
    [(2, 3), (3, 4, 4), (2, 3, 4, 5, 6), (0, 3, 4, 4), (2, 0, 4, 4), (2, 3, 0, 4)],
]
OTHER_CHANNELS: list[Shape] = [(2, 1, 4, 4), (2, 4, 4, 3)]
# Each layer, what it says that it takes, shapes that it takes, and others that it doesn't.
LAYERS: list[Any] = [
    (nn.Linear(3, 4), "(N, 3)", [(1, 3), (5, 3)], [(3,), (2, 4), (2, 1, 3), (3, 2), (0, 3)]),
    *((kind(), *ANY) for kind in (nn.ReLU, nn.LeakyReLU, nn.ELU, nn.Sigmoid, nn.Tanh, nn.GELU,
                                  nn.SiLU, nn.Mish, nn.Softplus)),
    (nn.Dropout(0.5), *ANY),
    (nn.Softmax(), "(N, ..., C)", *ROWS),
    (nn.Flatten(), "(N, ..., L)", *ROWS),
    (nn.MaxPool2d(2), "images (N, C, H, W)", *IMAGES),
    (nn.AvgPool2d(2), "images (N, C, H, W)", *IMAGES),
    (nn.GlobalAvgPool2d(), "images (N, C, H, W)", *IMAGES),
    (nn.Upsample(2), "images (N, C, H, W)", *IMAGES),
    (nn.Conv2d(3, 2, 2), "images (N, 3, H, W)", IMAGES[0], IMAGES[1] + OTHER_CHANNELS),
    (nn.ConvTranspose2d(3, 2, 2), "images (N, 3, H, W)", IMAGES[0], IMAGES[1] + OTHER_CHANNELS),
    (nn.UpsampleConv2d(3, 2, 2), "images (N, 3, H, W)", IMAGES[0], IMAGES[1] + OTHER_CHANNELS),
    (nn.BatchNorm2d(3), "images (N, 3, H, W)", IMAGES[0], IMAGES[1] + OTHER_CHANNELS),
    (nn.BatchNorm1d(3), "(N, 3) or (N, 3, L)", [(2, 3), (2, 3, 1)],
     [(3,), (2, 4), (2, 4, 3), (2, 3, 2, 2), (0, 3), (2, 3, 0)]),
    (nn.LayerNorm(3), "(N, ..., 3)", [(1, 3), (2, 5, 3)], [(3,), (2, 4), (2, 3, 1), (0, 3)]),
    (nn.RMSNorm(3), "(N, ..., 3)", [(1, 3), (2, 5, 3)], [(3,), (2, 4), (2, 3, 1), (0, 3)]),
    (nn.GroupNorm(3, 6), "(N, 6, ...)", [(1, 6), (2, 6, 4), (2, 6, 1, 2)], [(6,), (2, 3), (0, 6)]),
    (nn.LayerNorm((2, 3)), "(N, ..., 2, 3)", [(1, 2, 3), (2, 4, 2, 3)], [(2, 3), (2, 3, 2)]),
]  # fmt: skip
CONTAINERS = {nn.Sequential, nn.Residual}  # which leave it to the modules inside

TARGET = "a target of the output's shape and dtype"
CLASSES = f"class indices (N,) or {TARGET}"
LIKE_OUTPUT = [((1,), F32), ((2, 3), F32), ((2, 3), F64), ((2, 3, 4), F32)]
# Each loss, and outputs with targets that it takes.
LOSSES: list[Any] = [
    *((loss, [(one, one) for one in LIKE_OUTPUT])
      for loss in (nn.MSELoss(), nn.MAELoss(), nn.HuberLoss(), nn.SmoothL1Loss(), nn.BCELoss("sum"),
                   nn.BCEWithLogitsLoss("batchmean"), nn.WeightedBCELoss(),
                   nn.WeightedBCEWithLogitsLoss())),
    (nn.WeightedCrossEntropyLoss(), [(((2, 3), F32), ((2, 3), F32))]),
    (nn.CrossEntropyLoss(), [
        *((((2, 3), F32), ((2,), dtype)) for dtype in (I64, torch.int32, torch.uint8)),
        (((1, 1), F64), ((1,), I64)),
        (((2, 3), F32), ((2, 3), F32)),
    ]),
]  # fmt: skip
OTHER_OUTPUTS = [  # a loss, an output that isn't of its form, and a target
    *((loss, shape, (shape, F32)) for loss, _ in LOSSES for shape in [(), (0, 3), (2, 0)]),
    (nn.CrossEntropyLoss(), (3,), ((), I64)),
    (nn.CrossEntropyLoss(), (2, 3, 4), ((2,), I64)),
    (nn.CrossEntropyLoss(), (2, 3, 4), ((2, 4), I64)),
]
OTHER_TARGETS = [  # a loss, an output of its form, and a target that doesn't fit
    *((loss, one, other) for loss, _ in LOSSES[:6] for one, other in [
        (((2, 1), F32), ((2,), F32)),
        (((2,), F32), ((2, 1), F32)),
        (((2, 3), F32), ((1, 3), F32)),
        (((2, 1), F32), ((2, 1), F64)),
        (((2, 1), F32), ((2, 1), I64)),
        (((2, 1), I64), ((2, 1), I64)),
    ]),
    *((nn.CrossEntropyLoss(), one, other) for one, other in [
        (((2, 3), F32), ((3,), I64)),
        (((2, 3), F32), ((2, 1), I64)),
        (((2, 3), F32), ((2, 3), I64)),
        (((2, 3), F32), ((2,), F32)),
        (((2, 3), F32), ((2,), BOOL)),
        (((2, 3), F32), ((2, 1), F32)),
        (((2, 3), F32), ((2, 3), F64)),
        (((2, 3), I64), ((2,), I64)),
    ]),
]  # fmt: skip


def test_every_layer_and_loss_has_a_row() -> None:
    assert {type(row[0]) for row in LAYERS} == public(nn, nn.Module) - {nn.Activation} - CONTAINERS
    assert {type(row[0]) for row in LOSSES} == public(nn, nn.Loss)


@pytest.mark.parametrize(
    ("layer", "shape"), [(row[0], shape) for row in LAYERS for shape in row[2]], ids=str
)
def test_a_layer_takes(layer: nn.Module, shape: Shape) -> None:
    y = layer.forward(torch.rand(shape))
    assert tuple(y.shape[1:]) == layer.output_shape(shape[1:])
    assert layer.backward(torch.ones_like(y)).shape == shape


@pytest.mark.parametrize(
    ("layer", "takes", "shape"),
    [(*row[:2], shape) for row in LAYERS for shape in row[3]],
    ids=str,
)
def test_a_layer_refuses(layer: nn.Module, takes: str, shape: Shape) -> None:
    message = re.escape(f"{layer} takes {takes}, but gets {shape}")
    for network in (layer, nn.Residual(nn.Sequential(layer))):
        for call in (network, network.forward):
            with pytest.raises(ValueError, match=f"^{message}$"):
                call(torch.rand(shape))
    if shape and shape[0]:
        samples = str(("N", *shape[1:])).replace("'", "")
        with pytest.raises(ValueError, match=re.escape(f"takes {takes}, but gets {samples}")):
            layer.output_shape(shape[1:])


@pytest.mark.parametrize("row", LAYERS, ids=lambda row: str(row[0]))
def test_a_layer_refuses_other_numbers(row: Any) -> None:
    layer, _, (shape, *_), _ = row
    wanted = "torch.float32" if layer.parameters() else "real numbers"
    for dtype in (I64, BOOL, *[F64] * bool(layer.parameters())):
        with pytest.raises(ValueError, match=re.escape(f"takes {wanted}, but gets {dtype}")):
            layer.forward(torch.ones(shape, dtype=dtype))
    layer.forward(torch.ones((2, *shape[1:])))


@pytest.mark.parametrize(("loss", "pairs"), LOSSES, ids=str)
def test_a_loss_takes(loss: nn.Loss, pairs: Any) -> None:
    for (shape, dtype), (target, target_dtype) in pairs:
        output = torch.full(shape, 0.5, dtype=dtype)
        value = loss.forward(output, torch.zeros(target, dtype=target_dtype))
        assert (value.shape, value.dtype) == ((), dtype)
        assert (loss.backward().shape, loss.backward().dtype) == (shape, dtype)


@pytest.mark.parametrize(("loss", "shape", "target"), OTHER_OUTPUTS, ids=str)
def test_a_loss_refuses_outputs(loss: nn.Loss, shape: Shape, target: Any) -> None:
    form = "(N, C)" if isinstance(loss, nn.CrossEntropyLoss) else "(N, ...)"
    message = re.escape(f"{loss} takes {form}, but gets {shape}")
    for call in (loss, loss.forward):
        with pytest.raises(ValueError, match=f"^{message}$"):
            call(torch.ones(shape), torch.zeros(target[0], dtype=target[1]))


@pytest.mark.parametrize(("loss", "output", "target"), OTHER_TARGETS, ids=str)
def test_a_loss_refuses_targets(loss: nn.Loss, output: Any, target: Any) -> None:
    takes = CLASSES if isinstance(loss, nn.CrossEntropyLoss) else TARGET
    message = re.escape(
        f"{loss} takes {takes}, but gets {target[0]} of {target[1]} for an output "
        f"{output[0]} of {output[1]}"
    )
    for call in (loss, loss.forward):
        with pytest.raises(ValueError, match=f"^{message}$"):
            call(torch.ones(output[0], dtype=output[1]), torch.zeros(target[0], dtype=target[1]))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_label_out_of_range_makes_the_loss_nan(smoothing: float) -> None:
    # A step may read no value, so it can't be an error; but it can't pass for a small loss either.
    loss = nn.CrossEntropyLoss(label_smoothing=smoothing)
    assert math.isnan(loss.forward(torch.ones(2, 3), torch.tensor([3, 2])).item())
