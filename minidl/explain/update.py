"""What the optimizer makes of the gradient, in numbers."""

from __future__ import annotations

import math

import torch

from minidl.explain.filled import filled, shown
from minidl.explain.formulas import update_formulas
from minidl.explain.observed import Observed
from minidl.explain.page import Section
from minidl.explain.tensors import LARGEST, SMALL, array, name_of
from minidl.optim.optimizer import OF_THE_RATE
from minidl.train.trainer import Trainer


def update_section(trainer: Trainer, seen: Observed) -> Section:
    optimizer = trainer.optimizer
    change = seen.after - seen.before
    # What is frozen isn't clipped with the rest.
    gradient, used = (
        torch.cat([span.of(g) for span in optimizer.spans]) for g in (seen.gradient, seen.used)
    )
    which = "all" if gradient.numel() == change.numel() else "the trained"
    norm = shown(float(gradient.double().norm()))
    lines = [f"‖g‖ = {norm}, over {which} {gradient.numel():,} parameters"]
    if not torch.equal(gradient, used):
        lines.append(f"clipped to {shown(float(used.double().norm()))}")
    count = change.numel()
    places = range(count) if count <= 2 * SMALL else change.abs().topk(LARGEST).indices.tolist()
    for place in places:
        lines += [f"{name_of(trainer.network, place)}:", *update_lines(trainer, seen, place)]
    if count > 2 * SMALL:
        lines.append(array("Δθ", change))
    values = {
        "gradient": seen.gradient.tolist(),
        "before": seen.before.tolist(),
        "after": seen.after.tolist(),
    }
    formulas = update_formulas(optimizer)
    return Section(f"update: {type(optimizer).__name__}", formulas, lines, values)


def update_lines(trainer: Trainer, seen: Observed, place: int) -> list[str]:
    """What the optimizer made of one parameter, formula by formula."""
    optimizer, numbers = trainer.optimizer, dict(seen.numbers)
    span = optimizer.span_of(place)
    if span is None:
        return ["  frozen: θ stays as it is"]
    if span.number:
        numbers |= {name: numbers[f"{name}_{span.number}"] for name in OF_THE_RATE & numbers.keys()}
    values = {
        "θ": float(seen.before[place]),
        "g": float(seen.used[place]),
        **{name: float(x[place]) for name, x in seen.vectors_before.items()},
        **{symbol: numbers[name] for symbol, name in _HYPER.items() if name in numbers},
    }
    if optimizer.hyperparameters["weight_decay"]:
        values["ηλ"] = numbers["lr"] * numbers["weight_decay"]
    values["τ"] = 1 - numbers.get("undampened", 1.0)
    values["α"] = numbers.get("alpha", 0.0)
    lines = []
    for formula in update_formulas(optimizer):
        left, _, right = formula.partition(" ← ")
        right, *others = right.removesuffix(" first").split(",   ")
        if numbers.get("c") == 0 and others:  # RAdam's first steps
            right = others[0].removeprefix("or ").partition(" while")[0]
        if "λ" in right and not span.penalized:
            continue
        if "m̂" in right:
            values["m̂"] = values["m"] * numbers["m_factor"]
        if "v̂" in right:
            v = seen.vectors.get("largest_v", seen.vectors["v"])[place]
            values["v̂"] = float(v) * numbers["v_factor"]
        if left == "g" and "λ₁" in right:
            result = values["g"] + numbers["l1"] * math.copysign(values["θ"] != 0, values["θ"])
        elif left == "g":
            result = values["g"] + numbers["weight_decay"] * values["θ"]
        elif left in seen.vectors:
            result = float(seen.vectors[left][place])
        elif "ηλ" in right:
            result = values["θ"] * numbers["kept"]
        else:
            result = float(seen.after[place])
        lines.append(f"  {left} ← {filled(right, values)} = {shown(result)}")
        values[left] = result
    return lines


_HYPER = {
    "η": "lr",
    "ηₜ": "lr",
    "μ": "momentum",
    "ε": "eps",
    "λ": "weight_decay",
    "λ₁": "l1",
    "β₁": "beta1",
    "β₂": "beta2",
    "c": "c",
    "w": "w",
}
