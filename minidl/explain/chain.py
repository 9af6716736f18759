"""One weight, and the paths from the loss to it: factors whose products add up to its gradient."""

from __future__ import annotations

import difflib
import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from minidl.errors import RunError
from minidl.explain.observed import Observed, Watched
from minidl.explain.tensors import at, parameter_names
from minidl.nn import Activation, Conv2d, Dropout, Linear, Softmax
from minidl.nn.norms import _Norm
from minidl.train.trainer import Trainer

_WEIGHT = re.compile(r"\s*([^\[\]]+?)\s*\[\s*(\d+(?:\s*,\s*\d+)*)\s*\]\s*")


@dataclass(frozen=True)
class Weight:
    """One entry of a parameter: fc_2.weight[3, 1] is `name` fc_2.weight, `place` (3, 1)."""

    layer: str
    parameter: str
    place: tuple[int, ...]
    index: int  # in the vector of all parameters

    def __str__(self) -> str:
        return at(f"{self.layer}.{self.parameter}", self.place)


@dataclass(frozen=True)
class Path:
    """One way from the loss to the weight: factors, and what they are; all of it a sample's."""

    sample: int
    where: str
    factors: tuple[float, ...]

    @property
    def value(self) -> float:
        result = 1.0
        for factor in self.factors:
            result *= factor
        return result


@dataclass(frozen=True)
class Chain:
    """The paths whose sum is the gradient; `names` are those of their factors.

    unfolded: for each path its δ as paths through the next layer: what δ = names multiplied is.
    """

    names: tuple[str, ...]
    paths: tuple[Path, ...]
    unfolded_names: tuple[str, ...] = ()
    unfolded: tuple[tuple[Path, ...], ...] = ()

    @property
    def value(self) -> float:
        """All factors, multiplied and added."""
        return sum(path.value for path in self.paths)

    def unfolded_value(self) -> float:
        """The same with each δ made of the next layer's."""
        return sum(
            sum(inner.value for inner in within) * path.factors[1]
            for path, within in zip(self.paths, self.unfolded, strict=True)
        )


def find_weight(trainer: Trainer, text: str) -> Weight:
    """`fc_2[3,1]`, `fc_2.bias[0]`; a layer without more means its weight. Raises RunError."""
    found = _WEIGHT.fullmatch(text)
    if found is None:
        raise RunError(f"--weight: expected a layer and a place, such as fc_2[3,1], not {text!r}")
    shapes = dict(parameter_names(trainer.network))
    name, place = found[1], tuple(int(part) for part in found[2].split(","))
    whole = name if name in shapes else f"{name}.weight"
    if whole not in shapes:
        near = difflib.get_close_matches(name, [n.rpartition(".")[0] for n in shapes], 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise RunError(f"--weight: no parameter {name!r}: there are {', '.join(shapes)}{hint}")
    shape = shapes[whole]
    if len(place) != len(shape) or any(i >= n for i, n in zip(place, shape, strict=True)):
        last = ",".join(str(n - 1) for n in shape)
        raise RunError(f"--weight: {whole} has no [{found[2]}]: the last is [{last}]")
    before = itertools.takewhile(lambda item: item[0] != whole, shapes.items())
    start = sum(torch.Size(own).numel() for _, own in before)
    offset = flat_index(place, shape)
    layer, _, parameter = whole.rpartition(".")
    return Weight(layer, parameter, place, start + offset)


def flat_index(place: Sequence[int], shape: Sequence[int]) -> int:
    """Where an entry lies in its tensor, row by row."""
    index = 0
    for i, n in zip(place, shape, strict=True):
        index = index * n + i
    return index


def chain_of(seen: Observed, weight: Weight) -> Chain:
    """The gradient of a weight as a sum over paths, each a product of named factors."""
    one = next(layer for layer in seen.layers if layer.name == weight.layer)
    names, paths, place = _direct(one, weight)
    unit = _unfolded(seen, one, place) if place is not None else None
    if unit is None:
        return Chain(names, paths)
    return Chain(names, paths, *unit)


def _direct(
    one: Watched, weight: Weight
) -> tuple[tuple[str, ...], tuple[Path, ...], tuple[int, ...] | None]:
    """Names and paths of δ times what the weight was multiplied with; the unit if it is one."""
    module, (i, *rest) = one.module, weight.place
    samples = range(len(one.x))
    if weight.parameter == "bias" and isinstance(module, Linear):
        paths = [Path(n, at("δ", (n, i)), (float(one.dy[n, i]), 1.0)) for n in samples]
        return ("δ", "1"), tuple(paths), (i,)
    if isinstance(module, Linear):
        (j,) = rest
        pairs = [(n, float(one.dy[n, i]), float(one.x[n, j])) for n in samples]
        paths = [Path(n, f"{at('δ', (n, i))} · {at('x', (n, j))}", (d, x)) for n, d, x in pairs]
        return ("δ", "x"), tuple(paths), (i,)
    if isinstance(module, Conv2d):
        channel = one.dy[:, i].flatten(1)
        beneath = torch.ones_like(channel)
        if weight.parameter == "weight":
            seen_by_one = module.weight.shape[1:]
            group = i * module.groups // module.out_channels
            row = group * math.prod(seen_by_one) + flat_index(rest, seen_by_one)
            beneath = module.windows.columns(one.x, module.count)[:, row]
        paths = [
            Path(n, f"pixel {p}", (float(channel[n, p]), float(beneath[n, p])))
            for n in samples
            for p in range(channel.shape[1])
        ]
        return ("δ", "x beneath it" if weight.parameter == "weight" else "1"), tuple(paths), None
    if isinstance(module, _Norm) and module.weight is not None:
        factor = module.normal if weight.parameter == "weight" else torch.ones_like(one.dy)
        chosen = torch.zeros(tuple(module.weight.shape), dtype=one.dy.dtype)
        chosen[weight.place] = 1
        mask = module.spread(chosen, one.dy).expand_as(one.dy) != 0
        places = mask.nonzero().tolist()
        paths = [
            Path(p[0], at("δ", tuple(p)), (float(one.dy[tuple(p)]), float(factor[tuple(p)])))
            for p in places
        ]
        return ("δ", "x̂" if weight.parameter == "weight" else "1"), tuple(paths), None
    return ("share",), _shares(one, weight), None


def _shares(one: Watched, weight: Weight) -> tuple[Path, ...]:
    """What each sample adds, by the layer's own backward for that sample alone."""
    parameter = getattr(one.module, weight.parameter)
    kept = [p.grad.clone() for p in one.module.parameters()]
    paths = []
    for n in range(len(one.x)):
        parameter.grad = torch.zeros_like(parameter.grad)
        alone = torch.zeros_like(one.dy)
        alone[n] = one.dy[n]
        one.module.backward(alone)
        paths.append(Path(n, f"sample {n}", (float(parameter.grad[weight.place]),)))
    for own, before in zip(one.module.parameters(), kept, strict=True):
        own.grad = before
    return tuple(paths)


def _unfolded(
    seen: Observed, one: Watched, place: tuple[int, ...]
) -> tuple[tuple[str, ...], tuple[tuple[Path, ...], ...]] | None:
    """Each δ of a unit as the next layer's δ, through its weights and what lies between.

    None where something else than functions of single numbers lies between.
    """
    names: list[str] = []
    slopes = torch.ones_like(one.y)
    where = seen.layers.index(one)
    after: Watched | None = None
    for following in seen.layers[where + 1 :]:
        module = following.module
        if isinstance(module, Linear):
            after = following
            break
        if isinstance(module, Softmax) or not isinstance(module, Activation | Dropout):
            return None
        slopes = slopes * module.backward(torch.ones_like(following.y))
        names.append(f"slope of {following.name}")
    if after is None and not names:
        return None  # it is what the loss gave
    if any("." in layer.name for layer in (one, after) if layer):
        return None  # inside a residual, δ comes another way too
    last = seen.layers[-1]
    samples = range(len(one.x))
    (i,) = place
    between = tuple(names)
    if after is None:
        paths = [
            (Path(n, at("dL/dy", (n, i)), (float(last.dy[n, i]), float(slopes[n, i]))),)
            for n in samples
        ]
        return ("∂L/∂output", *(between or ("1",))), tuple(paths)
    weight = after.module.weight.data  # type: ignore[attr-defined]
    columns = [
        tuple(
            Path(
                n,
                f"{after.name} unit {k}",
                (float(after.dy[n, k]), float(weight[k, i]), float(slopes[n, i])),
            )
            for k in range(weight.shape[0])
        )
        for n in samples
    ]
    return (f"δ of {after.name}", f"weight of {after.name}", *(between or ("1",))), tuple(columns)
