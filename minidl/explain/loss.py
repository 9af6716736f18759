"""The loss of a step in numbers, and its gradient."""

from __future__ import annotations

import itertools

import torch

from minidl.explain.filled import filled, shown
from minidl.explain.formulas import formula_of
from minidl.explain.observed import Observed
from minidl.explain.page import Section
from minidl.explain.tensors import SMALL, Index, array, at, entries
from minidl.nn import (
    CrossEntropyLoss,
    HuberLoss,
    Loss,
    SmoothL1Loss,
    WeightedBCELoss,
    WeightedBCEWithLogitsLoss,
)


def loss_section(loss: Loss, seen: Observed, sample: int) -> Section:
    output, target = seen.output[sample], seen.target[sample]
    formula = formula_of(loss)
    n = float(1 / loss.scale(seen.output))
    gradient = seen.layers[-1].dy[sample]
    symbols = _loss_symbols(loss, seen, sample)
    lines = [array("output", output), array("t", target) if target.dim() else f"t = {int(target)}"]
    part = _part(loss, seen, sample)
    inner = formula.forward[0].removeprefix("L = ").rpartition(" / n")[0]
    sign, _, term = inner.partition("Σ")
    term = term.split("Σᵢ ")[-1].removeprefix("ₙ").strip()
    places = [i for i in entries(output) if symbols[i].get("tᵢ", 1.0)] or entries(output)[:1]
    smoothed = isinstance(loss, CrossEntropyLoss) and loss.label_smoothing
    if isinstance(loss, CrossEntropyLoss) and target.dtype == torch.int64 and not smoothed:
        places = [(int(target),)]
    terms = " + ".join(filled(term, symbols[i]) for i in places)
    if output.numel() > len(places) and not isinstance(loss, CrossEntropyLoss):
        terms += f" + {output.numel() - len(places)} more"
    if not (term.startswith("(") and term.endswith(")") and len(places) == output.numel() == 1):
        terms = f"({terms})"
    lines.append(f"its part of L = {sign}{terms} / {shown(n)} = {shown(part)}")
    lines.append(f"L = {shown(seen.loss)}, of {len(seen.output)} samples")
    name, _, right = formula.backward[0].partition(" = ")
    for place in entries(gradient):
        whole = loss.target[sample].sum() if isinstance(loss, CrossEntropyLoss) else 1.0
        numbers = filled(right.replace("Σⱼ tⱼ", shown(float(whole))), {**symbols[place], "n": n})
        label = at(name.rstrip("ᵢ"), place)
        lines.append(f"{label} = {numbers} = {shown(float(gradient[place]))}")
    if gradient.numel() > SMALL:
        lines.append(array(name, gradient))
    values = {
        "output": output.tolist(),
        "target": target.tolist(),
        "loss": seen.loss,
        "gradient": gradient.tolist(),
    }
    return Section(
        f"loss: {type(loss).__name__}", (*formula.forward, *formula.backward), lines, values
    )


def _loss_symbols(loss: Loss, seen: Observed, sample: int) -> dict[Index, dict[str, float]]:
    """For each output: y (or p, z) and t by the symbols of the loss's formulas."""
    output, target = seen.output[sample], seen.target[sample]
    if isinstance(loss, CrossEntropyLoss):
        target = loss.target[sample]
        p = (-loss.nll[sample]).exp()
        return {(i,): {"pᵢ": float(p[i]), "tᵢ": float(target[i])} for i in range(output.shape[0])}
    places = itertools.product(*map(range, output.shape))
    symbols = {i: {**dict.fromkeys("ypz", float(output[i])), "t": float(target[i])} for i in places}
    for i, own in symbols.items():
        if isinstance(loss, HuberLoss):
            own["c"] = float(loss.clamped[sample][i])
        if isinstance(loss, SmoothL1Loss):
            own["β"] = loss.beta
        if isinstance(loss, WeightedBCELoss | WeightedBCEWithLogitsLoss):
            own["w"] = float(loss.weight[sample][i])
            own["t"] = float(loss.target[sample][i])
    return symbols


def _part(loss: Loss, seen: Observed, sample: int) -> float:
    """What one sample adds to L."""
    one = slice(sample, sample + 1)
    kept = dict(vars(loss))
    own = float(loss.forward(seen.output[one], seen.target[one])) / loss.scale(seen.output[one])
    vars(loss).update(kept)
    return own * loss.scale(seen.output)
