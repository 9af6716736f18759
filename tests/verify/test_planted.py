"""Planted errors: `check` finds a wrong gradient in each kind of layer and loss, and names it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from cases import public
from torch import Tensor

from minidl import nn
from minidl.errors import CheckError
from minidl.nn.images.windows import Windows
from minidl.spec import parse_spec
from minidl.verify import AUTOGRAD, DIFFERENCES, Checked, check, raise_if_off

IMAGES = "data: {type: digits, images: true}"
ROWS = "data: {type: blobs, train: 20, test: 5}"

# A network around each layer; the layer itself stands in line 6.
ON_IMAGES = """
data: {type: digits, images: true}
model:
  type: sequential
  layers:
    - LAYER
    - {type: avg_pool2d, kernel_size: 3}
    - flatten
    - linear
loss: cross_entropy
"""
ON_ROWS = """
data: {type: blobs, train: 20, test: 5}
model:
  type: sequential
  layers:
    - LAYER
    - {type: linear, name: last}
loss: LOSS
"""
LAYERS: dict[type[nn.Module], str] = {
    nn.Linear: "{linear: 5}",
    nn.ReLU: "relu",
    nn.LeakyReLU: "leaky_relu",
    nn.Sigmoid: "sigmoid",
    nn.Tanh: "tanh",
    nn.GELU: "gelu",
    nn.SiLU: "silu",
    nn.Softmax: "softmax",
    nn.Dropout: "{dropout: 0.3}",
    nn.BatchNorm1d: "batch_norm",
    nn.LayerNorm: "layer_norm",
    nn.Residual: "{residual: [tanh]}",
    nn.Conv2d: "{type: conv2d, out_channels: 2, kernel_size: 3, stride: 2}",
    nn.ConvTranspose2d: "{type: conv_transpose2d, out_channels: 2, kernel_size: 2, stride: 2}",
    nn.UpsampleConv2d: "{type: upsampling, out_channels: 2, kernel_size: 3}",
    nn.Upsample: "{type: upsample, scale_factor: 2, mode: bilinear}",
    nn.MaxPool2d: "{type: max_pool2d, kernel_size: 2}",
    nn.BatchNorm2d: "batch_norm",
}
# These need another place than the sixth line.
ELSEWHERE = {nn.AvgPool2d, nn.Flatten, nn.GlobalAvgPool2d, nn.Sequential}
ON_PIXELS = {nn.Conv2d, nn.ConvTranspose2d, nn.UpsampleConv2d, nn.Upsample, nn.MaxPool2d,
             nn.BatchNorm2d}  # fmt: skip


def scaled(x: Tensor) -> Tensor:
    return 1.01 * x


def negated(x: Tensor) -> Tensor:
    return -x


def swapped(x: Tensor) -> Tensor:
    return x.reshape(-1).flip(0).view(x.shape)


def dropped(x: Tensor) -> Tensor:
    return torch.zeros_like(x)


def off_in_one_entry(x: Tensor) -> Tensor:
    x.view(-1)[-1] += 1e-3
    return x


def centred(x: Tensor) -> Tensor:
    """As where a mean is left out, or one too many subtracted."""
    return x - x.mean() - 0.1


@pytest.fixture(autouse=True)
def fewer_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough to see an error by, and five times as fast."""
    monkeypatch.setattr("minidl.verify.compare.ENTRIES", 30)


CHANGES = [scaled, negated, swapped, dropped, off_in_one_entry, centred]
FEWER = [scaled, swapped, off_in_one_entry]  # for images, whose checks take longer


def plant(
    monkeypatch: pytest.MonkeyPatch,
    kind: Any,
    change: Callable[[Tensor], Tensor],
    parameter: str | None = None,
    when: Callable[[Any], bool] = lambda module: True,
) -> None:
    """Let a class's backward return, or leave for a parameter, something else."""
    right = kind.backward

    def wrong(self: Any, *grad_output: Tensor) -> Tensor:
        grad: Tensor = right(self, *grad_output)
        if not when(self):
            return grad
        if parameter is None:
            return change(grad.clone(memory_format=torch.contiguous_format))
        into = getattr(self, parameter).grad
        into.copy_(change(into.clone()))
        return grad

    monkeypatch.setattr(kind, "backward", wrong)


def checked(text: str) -> Checked:
    return check(parse_spec(text), samples=3, compiled=False)


def named(found: Checked) -> dict[str, str]:
    """What is named, by its place."""
    with pytest.raises(CheckError) as caught:
        raise_if_off([found])
    assert caught.value.exit_code == 3
    return {problem.key: str(problem) for problem in caught.value.problems}


def network_with(kind: type[nn.Module], loss: str = "mse") -> str:
    text = ON_IMAGES if kind in ON_PIXELS else ON_ROWS.replace("LOSS", loss)
    return text.replace("LAYER", LAYERS[kind])


def around(data: str, layers: str, loss: str) -> str:
    return f"{data}\nmodel: {{type: sequential, layers: {layers}}}\nloss: {loss}\n"


@pytest.mark.parametrize("kind", LAYERS)
def test_nothing_is_found_where_nothing_is_planted(kind: type[nn.Module]) -> None:
    assert not checked(network_with(kind)).problems()


def test_every_kind_of_module_is_planted_in() -> None:
    assert public(nn, nn.Module) - {nn.Activation} == {*LAYERS, *ELSEWHERE}


@pytest.mark.parametrize(
    ("kind", "change"),
    [(kind, change) for kind in LAYERS for change in (FEWER if kind in ON_PIXELS else CHANGES)],
)
def test_a_wrong_input_gradient_is_found_and_named(
    kind: type[nn.Module], change: Callable[[Tensor], Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The last layer of a network is linear too, and it alone is right.
    plant(monkeypatch, kind, change, when=lambda m: getattr(m, "out_features", 5) == 5)
    found = checked(network_with(kind))
    messages = named(found)
    assert messages.keys() == {"model.layers[0]"}
    assert messages["model.layers[0]"].startswith("config:6:")
    assert "gradient of its input is off" in messages["model.layers[0]"]
    row = next(row for row in found.rows if row.key == "model.layers[0]")
    assert row.autograd > AUTOGRAD
    if change is not off_in_one_entry:  # it may be none of those that are drawn
        assert (row.differences or 0.0) > DIFFERENCES


def _parameters() -> list[tuple[type[nn.Module], str]]:
    with_bias = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d, nn.UpsampleConv2d, nn.BatchNorm1d,
                 nn.BatchNorm2d, nn.LayerNorm)  # fmt: skip
    return [(kind, name) for kind in with_bias for name in ("weight", "bias")]


@pytest.mark.parametrize(
    ("kind", "parameter", "change"),
    [
        (kind, name, change)
        for kind, name in _parameters()
        for change in FEWER
        if (kind, change) != (nn.BatchNorm2d, swapped)  # which has one channel here
    ],
)
def test_a_wrong_parameter_gradient_is_found_and_named(
    kind: type[nn.Module],
    parameter: str,
    change: Callable[[Tensor], Tensor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plant(monkeypatch, kind, change, parameter, lambda m: getattr(m, "out_features", 5) == 5)
    messages = named(checked(network_with(kind)))
    assert messages.keys() == {"model.layers[0]"}
    assert f"gradient of its {parameter} is off" in messages["model.layers[0]"]


def test_swapped_channels_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, nn.BatchNorm2d, swapped, "weight")
    layers = "[{type: conv2d, out_channels: 3, kernel_size: 3}, batch_norm, flatten, linear]"
    messages = named(checked(around(IMAGES, layers, "cross_entropy")))
    assert messages.keys() == {"model.layers[1]"}


LOSSES = {
    nn.MSELoss: "mse",
    nn.BCEWithLogitsLoss: "bce_with_logits",
    nn.CrossEntropyLoss: "{type: cross_entropy, label_smoothing: 0.1}",
    nn.BCELoss: "bce",
}
BINARY = """
data: disk
model: {type: mlp, hidden: [4], activation: tanh, output_activation: sigmoid}
loss: LOSS
"""


@pytest.mark.filterwarnings("ignore:.* applies .* itself:minidl.errors.MinidlWarning")
@pytest.mark.parametrize("reduction", ["mean", "sum", "batchmean"])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", LOSSES)
def test_a_wrong_gradient_of_a_loss_is_found_and_named(
    kind: type[nn.Loss],
    change: Callable[[Tensor], Tensor],
    reduction: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plant(monkeypatch, kind, change)
    loss = LOSSES[kind]
    loss = loss.strip("{}") if loss.startswith("{") else f"type: {loss}"
    found = checked(BINARY.replace("LOSS", f"{{{loss}, reduction: {reduction}}}"))
    messages = named(found)
    assert messages.keys() == {"loss"}
    assert messages["loss"].startswith("config:4:7: loss: ")


def test_every_loss_is_planted_in() -> None:
    assert public(nn, nn.Loss) == {*LOSSES}


@pytest.mark.parametrize(
    ("kind", "key"), [(nn.AvgPool2d, "model.layers[1]"), (nn.Flatten, "model.layers[2]")]
)
def test_those_in_other_places(
    kind: type[nn.Module], key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, kind, swapped)
    assert named(checked(network_with(nn.Conv2d))).keys() == {key}


def test_global_average_pooling(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, nn.GlobalAvgPool2d, scaled)
    layers = "[global_avg_pool2d, linear]"
    assert named(checked(around(IMAGES, layers, "cross_entropy"))).keys() == {"model.layers[0]"}


# Mistakes of other kinds.


def test_only_the_cause_is_named_inside_a_residual(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, nn.Tanh, negated)
    assert named(checked(network_with(nn.Residual))).keys() == {"model.layers[0].layers[0]"}


def test_an_error_in_evaluation_alone_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, nn.BatchNorm1d, scaled, when=lambda module: not module.training)
    message = named(checked(network_with(nn.BatchNorm1d)))["model.layers[0]"]
    assert "is off in evaluation" in message


def test_a_wrong_function_is_found_though_its_gradient_is_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(nn.GELU, "forward", nn.SiLU.forward)
    monkeypatch.setattr(nn.GELU, "backward", nn.SiLU.backward)
    found = checked(network_with(nn.GELU))
    assert named(found).keys() == {"model.layers[0]"}
    assert found.rows[0].differences is not None
    assert found.rows[0].differences < DIFFERENCES


def test_flipped_kernels_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    over = Windows.over
    monkeypatch.setattr(Windows, "over", lambda *given: over(*given).flip(-2))
    for kind in (nn.Conv2d, nn.ConvTranspose2d, nn.UpsampleConv2d):
        assert "model.layers[0]" in named(checked(network_with(kind)))


def test_layers_that_are_right_alone_and_wrong_together_name_the_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The layers of a kind share what forward keeps for backward: the last one's is what is left.
    forward = nn.Sigmoid.forward

    def forgetful(self: nn.Sigmoid, x: Tensor) -> Tensor:
        shared: Any = nn.Sigmoid
        shared.y = forward(self, x)
        del self.y
        return torch.as_tensor(shared.y)

    monkeypatch.setattr(nn.Sigmoid, "forward", forgetful)
    monkeypatch.setattr(nn.Sigmoid, "y", None, raising=False)
    layers = "[{linear: 4}, sigmoid, {linear: 4}, sigmoid, linear]"
    messages = named(checked(around(ROWS, layers, "mse")))
    assert messages.keys() == {"model"}
    assert "the gradient of its input and parameters is off" in messages["model"]
