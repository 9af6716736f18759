"""500 configs drawn from the schema end twenty steps with the weights that PyTorch comes to.

Left out are those in which rounding grows (centered RMSprop, whose variance may be nearly 0, and
whatever diverges): where PyTorch's own weights end elsewhere after a start that is a rounding away,
agreement would say nothing. So is a layer norm of one number, which is 0 with us, and with PyTorch
a rounding that an optimizer may scale to a step.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import prod
from random import Random

import pytest
import torch
from attempts import TIMES, Part, in_parts
from random_configs import Schema
from torch import Tensor

from minidl.bench.training import PyTorchTraining
from minidl.build import Experiment, build, read_data
from minidl.errors import MinidlError
from minidl.nn import LayerNorm, Module
from minidl.spec import parse_spec

CONFIGS, STEPS, TOLERANCE = 500, 20, 1e-9
ROUNDING, STABLE, DIVERGED = 2**-52, 1e-12, 1e6


def drawn(schema: Schema, random: Random) -> tuple[list[Experiment], str] | None:
    """A training three times in float64; None where its parts don't fit, or where it drops."""
    config = schema.usual(random)
    config.setdefault("training", {})["dtype"] = "float64"
    text = json.dumps({"name": "drawn", **config})
    try:
        spec = parse_spec(text)
        data = read_data(spec)
        made = [build(spec, data) for _ in range(3)]
    except MinidlError:
        return None
    left_out = any(m.draws or is_constant(m) for m in made[0].network.modules())
    return None if left_out else (made, text)


def is_constant(module: Module) -> bool:
    return isinstance(module, LayerNorm) and prod(module.normalized_shape) == 1


def batches(experiment: Experiment) -> Iterator[tuple[Tensor, Tensor]]:
    while True:
        yield from experiment.trainer.batches


def weights_of(parameters: list[Tensor]) -> Tensor:
    return torch.cat([values.detach().reshape(-1) for values in parameters])


def of_pytorch(twin: Experiment, scale: float = 1.0) -> Tensor:
    """The weights that PyTorch comes to, from `scale` times the first ones."""
    theirs = PyTorchTraining(twin)
    with torch.no_grad():
        for parameter in theirs.network.parameters():
            parameter.mul_(scale)
    theirs.network.train()
    for _, batch in zip(range(STEPS), batches(twin), strict=False):
        theirs.step(*batch)
    return weights_of(list(theirs.network.parameters()))


def distance(found: Tensor, wanted: Tensor) -> float:
    """As a part of the largest weight; NaN where something isn't finite."""
    return float((found - wanted).abs().max() / wanted.abs().max())


@in_parts(50)
@pytest.mark.timeout(300 * TIMES)
@pytest.mark.filterwarnings("ignore::minidl.errors.MinidlWarning")
def test_it_trains_as_pytorch_does(part: Part) -> None:
    schema, random, compared = Schema(), Random(part.number), 0
    while compared < CONFIGS // part.count * TIMES:
        if (made := drawn(schema, random)) is None:
            continue
        (ours, twin, near), text = made
        wanted = of_pytorch(twin)
        if not distance(of_pytorch(near, 1 + ROUNDING), wanted) < STABLE:
            continue
        if wanted.abs().max() > DIVERGED or '"centered": true' in text:
            continue
        ours.network.train()
        for _, batch in zip(range(STEPS), batches(ours), strict=False):
            ours.trainer.step(*batch)
        found = weights_of([parameter.data for parameter in ours.network.parameters()])
        assert distance(found, wanted) < TOLERANCE, text
        compared += 1
