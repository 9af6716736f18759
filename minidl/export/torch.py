"""PyTorch: the weights as a state_dict, and a Python file with the nn.Sequential that loads it."""

from __future__ import annotations

import io
from collections.abc import Iterator

import torch

from minidl.export.model import Model
from minidl.reference import counterpart
from minidl.reference.source import source_of


def torch_files(model: Model, stem: str) -> tuple[bytes, str]:
    """STEM.pt and STEM.py: `load()` in the second gives the network."""
    network = counterpart(model.network).eval()
    content = io.BytesIO()
    torch.save(network.state_dict(), content)
    return content.getvalue(), _source(model, *source_of(network), stem)


def _source(model: Model, classes: str, network: str, stem: str) -> str:
    lines = [
        f'"""{model.name!a}, exported by minidl: predict(load(), rows)."""',
        "",
        "import math",
        "from collections import OrderedDict",
        "from pathlib import Path",
        "",
        "import torch",
        "from torch import nn",
        "",
        f"INPUT_SHAPE = {model.input_shape!a}",
        f"FEATURE_NAMES = {model.feature_names!a}",
        f"CLASS_NAMES = {model.class_names!a}",
        f"TARGET_NAMES = {model.target_names!a}",
        "",
        "",
        *classes.splitlines(),
        "def network():",
        '    """The layers, with new weights."""',
        f"    return {network}.to(torch.{model.dtype})",
        "",
        "",
        f"def load(path=Path(__file__).with_name({f'{stem}.pt'!a})):",
        '    """The network with its weights, in evaluation mode."""',
        "    made = network()",
        "    made.load_state_dict(torch.load(path, weights_only=True))",
        "    return made.eval()",
        "",
        "",
        "def prepare(rows):",
        '    """Rows (N, features) in the units of the data, as the network takes them."""',
        "    x = torch.as_tensor(rows, dtype=torch.float64).reshape(len(rows), -1).clone()",
        *_prepare(model),
        f"    return x.reshape(len(x), *INPUT_SHAPE).to(torch.{model.dtype})",
        "",
        "",
        "@torch.no_grad()",
        "def predict(network, rows):",
        '    """Probabilities or scores (N, classes) in the order of CLASS_NAMES, or values."""',
        "    y = network(prepare(rows)).double()",
        *_finish(model),
        "    return y",
    ]
    return "\n".join(lines) + "\n"


def _prepare(model: Model) -> Iterator[str]:
    if logs := model.logs:
        yield f"    x[:, {logs}] = x[:, {logs}].sign() * x[:, {logs}].abs().log1p()"
    for i, quantiles in model.quantiles.items():
        yield f"    known = torch.tensor({[*quantiles]!r}, dtype=torch.float64)"
        yield f"    low, high, column = known[:-1], known[1:], x[:, {i}, None]"
        yield "    ramp = ((column - low) / (high - low)).clamp(0, 1)"
        yield "    jump = ((column >= low).double() + (column > low).double()) / 2"
        yield "    share = torch.where(high > low, ramp, jump).mean(1)"
        yield f"    x[:, {i}] = math.sqrt(3) * (2 * share - 1)"
    if model.is_shifted:
        yield f"    x = x - torch.tensor({model.centers!r}, dtype=torch.float64)"
        yield f"    x = x / torch.tensor({model.widths!r}, dtype=torch.float64)"


def _finish(model: Model) -> Iterator[str]:
    if model.finish in ("softmax", "sigmoid"):
        yield f"    y = y.{model.finish}({'1' if model.finish == 'softmax' else ''})"
    elif model.finish == "scale":
        assert model.target_scale is not None
        std, mean = (list(values) for values in (model.target_scale.std, model.target_scale.mean))
        yield f"    y = y * torch.tensor({std!r}, dtype=torch.float64)"
        yield f"    y = y + torch.tensor({mean!r}, dtype=torch.float64)"
    if model.finish in ("sigmoid", "pair"):
        yield "    y = torch.cat([1 - y, y], dim=1)"
