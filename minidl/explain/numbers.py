"""A step in numbers: what comes in, the formulas with the numbers put in, what goes out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from minidl.explain.filled import filled, product, shown, total
from minidl.explain.formulas import formula_of
from minidl.explain.loss import loss_section
from minidl.explain.observed import Observed, Watched
from minidl.explain.page import Page, Section
from minidl.explain.tensors import SMALL, Index, array, at, entries, gradients_of
from minidl.explain.update import update_section
from minidl.nn import (
    ELU,
    Activation,
    Dropout,
    LeakyReLU,
    Linear,
    Mish,
    Module,
    Residual,
    Softmax,
    Softplus,
)
from minidl.nn.images.conv import Convolution
from minidl.nn.images.pooling import AvgPool2d, GlobalAvgPool2d
from minidl.nn.norms import _Norm
from minidl.train.trainer import Trainer

_BY_ENTRY = (Activation, Dropout, Residual, _Norm)  # what their formulas speak of
_LINEAR = (Linear, Convolution, AvgPool2d, GlobalAvgPool2d)


def step_page(trainer: Trainer, seen: Observed, sample: int, title: str) -> Page:
    """The whole step for one sample of the batch, from 0: forward, loss, backward, update."""
    sections = [_forward(one, sample) for one in seen.layers]
    sections.append(loss_section(trainer.loss, seen, sample))
    gradients = dict(gradients_of(trainer.network, seen.gradient))
    sections += [_backward(one, sample, gradients) for one in reversed(seen.layers)]
    sections.append(update_section(trainer, seen))
    return Page(title, sections)


def _forward(one: Watched, sample: int) -> Section:
    x, y = one.x[sample], one.y[sample]
    lines = [array("x", x)]
    if isinstance(one.module, _LINEAR):
        lines += [_affine(one, sample, place) for place in entries(y)]
    else:
        lines += _elementwise(one, sample, formula_of(one.module).forward, entries(y), y, "y")
    if y.numel() > SMALL or len(lines) == 1:
        lines.append(array("y", y))
    return Section(
        f"forward: {one.name}, {_first_line(one.module)}",
        formula_of(one.module).forward,
        lines,
        {"layer": one.name, "x": x.tolist(), "y": y.tolist()},
    )


def _affine(one: Watched, sample: int, place: Index) -> str:
    """y[i] as the sum of its inputs, each times its weight."""
    y = float(one.y[sample][place])
    weights = weights_of_output(one, sample, place)
    x, bias = one.x[sample], getattr(one.module, "bias", None)
    reached = [tuple(i) for i in weights.nonzero().tolist()]
    pairs = [(float(x[i]), float(weights[i])) for i in reached]
    terms = [(product(a, b), a * b) for a, b in pairs]
    if bias is not None:
        b = float(bias.data[place[0]])
        return f"{at('y', place)} = {total(terms, SMALL)} + {_signed(b)} = {shown(y)}"
    return f"{at('y', place)} = {total(terms, SMALL)} = {shown(y)}"


def weights_of_output(one: Watched, sample: int, place: Index) -> Tensor:
    """∂y[place]/∂x of one sample: what a linear layer multiplies its input with."""
    if isinstance(one.module, Linear):
        return one.module.weight.data[place[0]]
    kept = [p.grad.clone() for p in one.module.parameters()]
    cotangent = torch.zeros_like(one.y)
    cotangent[(sample, *place)] = 1
    weights: Tensor = one.module.backward(cotangent)[sample].clone()
    for parameter, before in zip(one.module.parameters(), kept, strict=True):
        parameter.grad = before
    return weights


def _elementwise(
    one: Watched,
    sample: int,
    formulas: Sequence[str],
    places: Sequence[Index],
    result: Tensor,
    name: str,
) -> list[str]:
    """The formula for each of these entries, if its symbols are numbers of that entry."""
    lines: list[str] = []
    for place in places if isinstance(one.module, _BY_ENTRY) else ():
        values = _symbols(one, sample, place, name)
        right = _right_side(one, formulas, name, values)
        if right is None:
            break
        if isinstance(one.module, _Norm):
            normal = next(text for text in formulas if text.startswith("x̂"))
            left, _, inner = normal.partition(" = ")
            lines.append(f"{at(left, place)} = {filled(inner, values)} = {shown(values[left])}")
        numbers = right if len(right) == 1 else filled(right, values)
        lines.append(f"{at(name, place)} = {numbers} = {shown(float(result[place]))}")
    return lines


def _right_side(
    one: Watched, formulas: Sequence[str], name: str, values: Mapping[str, float]
) -> str | None:
    """What a formula says y or dx is, of entry by entry; None where it mixes entries."""
    module = one.module
    for formula in formulas:
        left, _, right = formula.partition(" = ")
        if left.rstrip("ᵢ") != name:
            continue
        if isinstance(module, LeakyReLU | ELU):
            for_positive, other = right.replace(",", "").split(" or ")
            return for_positive if values["x"] > 0 else other.partition(" where")[0]
        if isinstance(module, Residual):
            return right.replace("f(x)", "m").replace("the backward of f for dy", "m")
        if isinstance(module, _Norm) and name == "dx":
            return None
        if isinstance(module, Softmax):
            right = right.replace("Σⱼ e^(xⱼ)", "n").replace("Σⱼ dyⱼ yⱼ", "n")
        return right.partition(", ")[0] if not right.startswith("max") else right
    return None


def _symbols(one: Watched, sample: int, place: Index, name: str) -> dict[str, float]:
    """The numbers of one entry by the symbols of the formulas, of y or of dx."""
    module, whole = one.module, (sample, *place)
    row = (sample, *place[:-1])
    values = {"x": float(one.x[whole]), "y": float(one.y[whole]), "dy": float(one.dy[whole])}
    if isinstance(module, LeakyReLU):
        values["α"] = module.negative_slope
    elif isinstance(module, ELU):
        values["α"] = module.alpha
    elif isinstance(module, Softplus):
        values["β"] = module.beta
    elif isinstance(module, Mish):
        values["t"] = float(module.t[whole])
    elif isinstance(module, Dropout) and module.mask is not None:
        values["m"] = float(module.mask[whole])
    elif isinstance(module, Residual):
        inner = one.y - one.x if name == "y" else one.dx - one.dy
        values["m"] = float(inner[whole])
    elif isinstance(module, _Norm):
        values |= {"γ": 1.0, "β": 0.0}
        for symbol, p in (("γ", module.weight), ("β", module.bias)):
            if p is not None:
                values[symbol] = float(module.spread(p.data, one.x).expand_as(one.x)[whole])
        inverse, eps = float(module.inverse.expand_as(one.x)[whole]), module.epsilon(one.x.dtype)
        values |= {"x̂": float(module.normal[whole]), "ε": eps}
        values |= {"μ": values["x"] - values["x̂"] / inverse}
        values |= dict.fromkeys(("σ²", "s"), inverse**-2 - eps)
    elif isinstance(module, Softmax):
        sums = one.x[row].exp() if name == "y" else one.dy[row] * one.y[row]
        values |= {f"{symbol}ᵢ": x for symbol, x in values.items()}
        values["n"] = float(sums.sum())
    return values


def _backward(one: Watched, sample: int, gradients: Mapping[str, Tensor]) -> Section:
    dy, dx = one.dy[sample], one.dx[sample]
    lines = [array("dy", dy)]
    if isinstance(one.module, Linear):
        lines += _linear_backward(one, sample)
    else:
        formulas = formula_of(one.module).backward
        lines += _elementwise(one, sample, formulas, entries(dx), dx, "dx")
    if dx.numel() > SMALL or not any(text.startswith("dx") for text in lines):
        lines.append(array("dx", dx))
    if not isinstance(one.module, Linear):
        own = {f"{one.name}.{name}" for name in vars(one.module)}
        named = [(name, x) for name, x in gradients.items() if name in own]
        lines += [array(f"gradient of {name}", x) for name, x in named]
    return Section(
        f"backward: {one.name}, {_first_line(one.module)}",
        formula_of(one.module).backward,
        lines,
        {"layer": one.name, "dy": dy.tolist(), "dx": dx.tolist()},
    )


def _linear_backward(one: Watched, sample: int) -> Iterator[str]:
    """dW and db are sums over the samples, dx one over the outputs."""
    weight = one.module.weight.data  # type: ignore[attr-defined]
    gradient = one.dy.T @ one.x
    for i, j in entries(gradient):
        pairs = zip(one.dy[:, i].tolist(), one.x[:, j].tolist(), strict=True)
        terms = [(product(a, b), a * b) for a, b in pairs]
        yield f"dW[{i}, {j}] = {total(terms, SMALL)} = {shown(float(gradient[i, j]))}"
    if one.module.bias is not None:  # type: ignore[attr-defined]
        for (i,) in entries(one.dy.sum(0)):
            terms = [(shown(a), a) for a in one.dy[:, i].tolist()]
            yield f"db[{i}] = {total(terms, SMALL)} = {shown(float(one.dy[:, i].sum()))}"
    dy, dx = one.dy[sample], one.dx[sample]
    for (j,) in entries(dx):
        pairs = zip(dy.tolist(), weight[:, j].tolist(), strict=True)
        terms = [(product(a, b), a * b) for a, b in pairs]
        yield f"dx[{j}] = {total(terms, SMALL)} = {shown(float(dx[j]))}"


def _first_line(module: Module) -> str:
    return repr(module).splitlines()[0] if not module.children() else type(module).__name__


def _signed(value: float) -> str:
    text = shown(value)
    return f"({text})" if text.startswith("−") else text
