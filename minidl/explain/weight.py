"""The gradient of one weight, from the loss down to it, and what the optimizer made of it."""

from __future__ import annotations

import torch
from torch import Tensor

from minidl.explain.chain import Chain, Weight, chain_of
from minidl.explain.filled import product, shown, total
from minidl.explain.observed import Observed
from minidl.explain.page import Page, Section
from minidl.explain.update import update_lines
from minidl.nn import ELU, LeakyReLU, MaxPool2d, ReLU
from minidl.train.trainer import Trainer
from minidl.verify.differences import STEP, Differences

MOST = 8  # paths that are shown


def weight_page(
    trainer: Trainer, seen: Observed, weight: Weight, slope: float | None, title: str
) -> Page:
    """The chain, the gradient beside a central difference, and what the optimizer made of it."""
    chain = chain_of(seen, weight)
    recorded = float(seen.gradient[weight.index])
    sections = [_chain_section(chain, weight, recorded)]
    if chain.unfolded:
        sections.append(_unfolded_section(chain))
    sections.append(_difference_section(recorded, slope))
    lines = update_lines(trainer, seen, weight.index)
    used = float(seen.used[weight.index])
    if used != recorded:
        lines.insert(0, f"  g = {shown(used)}, clipped from {shown(recorded)}")
    values = {"before": float(seen.before[weight.index]), "after": float(seen.after[weight.index])}
    name = type(trainer.optimizer).__name__
    sections.append(Section(f"update: {name}", [], [text.strip() for text in lines], values))
    return Page(title, sections)


def slope_of(trainer: Trainer, rows: Tensor, weight: Weight) -> float | None:
    """The central difference of a step's loss along a weight; None where a kink is too near.

    `trainer`: in float64, at the beginning of the step.
    """
    x, target = trainer.batches.inputs[rows], trainer.batches.targets[rows]
    statistics = {name: x.clone() for name, x in trainer.network.named_statistics().items()}
    trainer.network.train()

    def loss() -> Tensor:
        value = trainer.loss.forward(trainer.network.forward(x), target)
        for name, values in trainer.network.named_statistics().items():
            values.copy_(statistics[name])
        return value

    kinks = ReLU | LeakyReLU | ELU | MaxPool2d
    kinked = [m for m in trainer.network.modules() if isinstance(m, kinks)]

    def pattern() -> list[Tensor]:
        loss()
        return [_side(module) for module in kinked]

    with torch.inference_mode(False), torch.no_grad():
        one = torch.ones((), dtype=torch.float64)
        place = trainer.optimizer.flat.data
        differences = Differences(loss, one, place, pattern if kinked else None)
        return differences.slope(weight.index, STEP)


def _side(module: ReLU | LeakyReLU | ELU | MaxPool2d) -> Tensor:
    """On which side of its kink each entry is."""
    if isinstance(module, ReLU):
        return module.y > 0
    return (module.positive if isinstance(module, LeakyReLU | ELU) else module.tap).clone()


def _chain_section(chain: Chain, weight: Weight, recorded: float) -> Section:
    lines = []
    paths = sorted(chain.paths, key=lambda path: -abs(path.value))
    few = len(paths) <= MOST
    for path in chain.paths if few else paths[: MOST // 2]:
        factors = [x for x, name in zip(path.factors, chain.names, strict=True) if name != "1"]
        result = f" = {shown(path.value)}" if len(factors) > 1 else ""
        lines.append(f"sample {path.sample}:  {path.where} = {product(*factors)}{result}")
    if not few:
        rest = sum(path.value for path in paths[MOST // 2 :])
        lines.append(f"{len(paths) - MOST // 2} more: {shown(rest)}")
    lines.append(f"sum: {shown(chain.value)}; backpropagation recorded {shown(recorded)}")
    meaning = " · ".join(name for name in chain.names if name != "1")
    formula = f"∂L/∂{weight} = Σ {meaning},  δ = ∂L/∂y of {weight.layer}"
    values = {
        "weight": str(weight),
        "factors": list(chain.names),
        "paths": [{"sample": p.sample, "factors": list(p.factors)} for p in chain.paths],
        "sum": chain.value,
        "gradient": recorded,
    }
    return Section("chain: from the loss to this weight", [formula], lines, values)


def _unfolded_section(chain: Chain) -> Section:
    lines = []
    for path, inner in list(zip(chain.paths, chain.unfolded, strict=True))[:MOST]:
        terms = []
        for one in inner:
            factors = [
                x for x, name in zip(one.factors, chain.unfolded_names, strict=True) if name != "1"
            ]
            terms.append((product(*factors), one.value))
        whole = sum(value for _, value in terms)
        lines.append(f"sample {path.sample}:  δ = {total(terms, MOST)} = {shown(whole)}")
    if len(chain.unfolded) > MOST:
        lines.append(f"{len(chain.unfolded) - MOST} more samples")
    lines.append(f"put in: {shown(chain.unfolded_value())}")
    names = [name for name in chain.unfolded_names if name != "1"]
    values = {
        "factors": list(chain.unfolded_names),
        "paths": [[list(one.factors) for one in inner] for inner in chain.unfolded],
        "sum": chain.unfolded_value(),
    }
    return Section("one layer further", [f"δ = Σ {' · '.join(names)}"], lines, values)


def _difference_section(recorded: float, slope: float | None) -> Section:
    formula = "(L(w + h) − L(w − h)) / 2h"
    if slope is None:
        lines = ["a kink (of a ReLU, or of a maximum) is nearer than h: no difference to compare"]
    else:
        off = abs(slope - recorded)
        same = "the same within 1e−8" if off <= 1e-8 else f"off by {shown(off)}"
        lines = [f"central difference {shown(slope)}, gradient {shown(recorded)}: {same}"]
    values = {"difference": slope, "gradient": recorded}
    return Section(f"central difference, in float64, h = {shown(STEP)}", [formula], lines, values)
