"""Planted errors: `check` finds a wrong gradient in each kind of layer and loss, and names it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from component_cases import WEIGHTED, written
from torch import Tensor

from minidl import nn
from minidl.errors import CheckError
from minidl.nn.images.windows import Windows
from minidl.reference import LOSSES, MODULES
from minidl.reference.case import Case
from minidl.spec import parse_spec
from minidl.verify import AUTOGRAD, DIFFERENCES, Checked, check, raise_if_off

IMAGES = "data: {type: digits, images: true}"
ROWS = "data: {type: blobs, train: 20, test: 5}"

# A network around each layer; the layer itself stands in line 6.
AROUND = """
data: {type: arrays, path: PATH, task: regression}
model:
  type: sequential
  layers:
    - LAYER
    REST
    - {type: linear, name: last}
loss: mse
"""


def scaled(x: Tensor) -> Tensor:
    return 1.01 * x


def negated(x: Tensor) -> Tensor:
    return -x


def swapped(x: Tensor) -> Tensor:
    """By one place: turned round, the signs of an absolute error may stay as they are."""
    return x.reshape(-1).roll(1).view(x.shape)


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


def network_with(kind: type[nn.Module], folder: Path) -> str:
    """A config whose first layer is of that kind, with the options of `bench`."""
    cases, path = MODULES[kind], folder / "data.npz"
    sample, options = cases.tried[0].sample, cases.measured.options
    rng = np.random.default_rng(0)
    np.savez(path, input=rng.normal(size=(20, *sample)), target=rng.normal(size=(20, 2)))
    rest = "- flatten" if len(Case(sample, options).make(kind).output_shape(sample)) > 1 else ""
    layer = written(kind, **options)
    return AROUND.replace("PATH", str(path)).replace("LAYER", layer).replace("REST", rest)


def in_the_first_layer(module: Any) -> bool:
    # The last one has two outputs, and it alone is right.
    return getattr(module, "out_features", 0) != 2


def around(data: str, layers: str, loss: str) -> str:
    return f"{data}\nmodel: {{type: sequential, layers: {layers}}}\nloss: {loss}\n"


@pytest.mark.parametrize("kind", MODULES)
def test_nothing_is_found_where_nothing_is_planted(kind: type[nn.Module], tmp_path: Path) -> None:
    assert not checked(network_with(kind, tmp_path)).problems()


def changes_of(kind: type[nn.Module]) -> Sequence[Callable[[Tensor], Tensor]]:
    return FEWER if len(MODULES[kind].tried[0].sample) == 3 else CHANGES


@pytest.mark.parametrize(
    ("kind", "change"), [(kind, change) for kind in MODULES for change in changes_of(kind)]
)
def test_a_wrong_input_gradient_is_found_and_named(
    kind: type[nn.Module],
    change: Callable[[Tensor], Tensor],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    plant(monkeypatch, kind, change, when=in_the_first_layer)
    found = checked(network_with(kind, tmp_path))
    messages = named(found)
    assert messages.keys() == {"model.layers[0]"}
    assert messages["model.layers[0]"].startswith("config:6:")
    assert "gradient of its input is off" in messages["model.layers[0]"]
    row = next(row for row in found.rows if row.key == "model.layers[0]")
    assert row.autograd > AUTOGRAD
    if change is not off_in_one_entry:  # it may be none of those that are drawn
        assert (row.differences or 0.0) > DIFFERENCES


@pytest.mark.parametrize("change", FEWER)
@pytest.mark.parametrize(
    ("kind", "parameter"),
    [
        (kind, parameter)
        for kind, cases in MODULES.items()
        for parameter in ("weight", "bias")
        if getattr(cases.measured.make(kind), parameter, None) is not None
    ],
)
def test_a_wrong_parameter_gradient_is_found_and_named(
    kind: type[nn.Module],
    parameter: str,
    change: Callable[[Tensor], Tensor],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    plant(monkeypatch, kind, change, parameter, in_the_first_layer)
    messages = named(checked(network_with(kind, tmp_path)))
    assert messages.keys() == {"model.layers[0]"}
    assert f"gradient of its {parameter} is off" in messages["model.layers[0]"]


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
    options = {"reduction": reduction, **LOSSES[kind].options}
    if kind in WEIGHTED:
        options["class_weights"] = "balanced"
    loss = written(kind, **options)
    found = checked(BINARY.replace("LOSS", loss))
    messages = named(found)
    assert messages.keys() == {"loss"}
    assert messages["loss"].startswith("config:4:7: loss: ")


# Mistakes of other kinds.


def test_only_the_cause_is_named_inside_a_residual(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, nn.Tanh, negated)
    network = around(ROWS, "[{residual: [tanh]}, linear]", "mse")
    assert named(checked(network)).keys() == {"model.layers[0].layers[0]"}


def test_an_error_in_evaluation_alone_is_said_to_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plant(monkeypatch, nn.BatchNorm1d, scaled, when=lambda module: not module.training)
    message = named(checked(network_with(nn.BatchNorm1d, tmp_path)))["model.layers[0]"]
    assert "is off in evaluation" in message


def test_a_wrong_function_is_found_though_its_gradient_is_right(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(nn.GELU, "forward", nn.SiLU.forward)
    monkeypatch.setattr(nn.GELU, "backward", nn.SiLU.backward)
    found = checked(network_with(nn.GELU, tmp_path))
    assert named(found).keys() == {"model.layers[0]"}
    assert found.rows[0].differences is not None
    assert found.rows[0].differences < DIFFERENCES


def test_flipped_kernels_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    over = Windows.over
    monkeypatch.setattr(Windows, "over", lambda *given: over(*given).flip(-2))
    for kind in (nn.Conv2d, nn.ConvTranspose2d, nn.UpsampleConv2d):
        assert "model.layers[0]" in named(checked(network_with(kind, tmp_path)))


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
