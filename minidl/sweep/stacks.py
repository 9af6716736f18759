"""Which members of a sweep train together as one stack."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from minidl.spec import Member, SequentialModel, Spec
from minidl.sweep.work import multiplications, sees_images

# The calls' own cost is spread over the stack: a step at batch 1 takes 3 µs per network in a stack
# of 20, 1.8 in one of 50, 1.5 in one of 100, and no less in larger ones.
MAX_STACK = 100
# What a step works on should stay in the processor's cache: at batch 200 it takes 37 µs per network
# in stacks of 20 to 50, 46 in one of 100, 80 in one of 200. Samples of all networks together.
MAX_SAMPLES = 5000
# Networks that see images have large buffers: 100 MB each. Eight side by side are as fast as more
# (2.0 ms a step per network in configs/digits_conv.yaml, from 5.0 alone; the denoiser 15, from 25).
MAX_IMAGE_STACK = 8
# Rough cost of a step, to put the longest stacks first: one core's time per network.
SECONDS_PER_STEP, SECONDS_PER_MULTIPLICATION = 1.5e-6, 3e-11

# What the core takes per network: numbers of optimizers, schedules, seeds.
_PER_NETWORK = {
    "optimizer": {"lr", "momentum", "dampening", "weight_decay", "alpha", "eps", "lr_decay"}
    | {"betas"},
    "training": {"seed", "dropout_seed"},
    "data": {"seed"},
    "model": {"seed", "init", "dropout"},
}


def make_stacks(
    members: Iterable[Member],
    *,
    size: int | None = None,
    jobs: int = 1,
    finished: Callable[[Member], int] = lambda member: 0,
) -> list[list[Member]]:
    """Cut the members into stacks, the longest work first.

    Members that differ only in numbers which the core takes per network may share a stack, if they
    have the same number of epochs behind them (`finished`). A stack has at most `size` of them
    (`fastest_size`), and no more than lets all `jobs` have work.
    """
    alike: dict[str, list[Member]] = {}
    for member in members:
        alike.setdefault(f"{finished(member)} {stack_key(member.spec)}", []).append(member)
    total = sum(map(len, alike.values()))
    stacks = []
    for group in alike.values():
        limit = size or fastest_size(group[0].spec)
        if size is None and len(alike) < jobs:
            limit = min(limit, math.ceil(total / jobs))
        count = math.ceil(len(group) / limit)
        stacks += [group[i::count] for i in range(count)]
    return sorted(stacks, key=cost, reverse=True)


def fastest_size(spec: Spec) -> int:
    """How many networks train fastest side by side."""
    most = MAX_IMAGE_STACK if sees_images(spec) else MAX_STACK
    return max(1, min(most, MAX_SAMPLES // _batch(spec)))


def stack_key(spec: Spec) -> str:
    """Equal for specs that may train as one stack."""
    plain = spec.model_dump(mode="json", exclude={"name": True, "seed": True, **_excluded(spec)})
    # A plateau is one object for the whole stack; any other schedule is a function per network.
    if plain["schedule"]["type"] != "plateau":
        del plain["schedule"]
    return repr(plain)


def _excluded(spec: Spec) -> dict[str, Any]:
    excluded: dict[str, Any] = {part: set(keys) for part, keys in _PER_NETWORK.items()}
    if isinstance(spec.model, SequentialModel):
        excluded["model"] = {"seed": True, "init": True, "layers": _drops(spec.model.layers)}
    return excluded


def _drops(layers: Sequence[Any]) -> dict[int, Any]:
    """Where the p of dropout layers stand."""
    drops: dict[int, Any] = {}
    for index, layer in enumerate(layers):
        if layer.type == "dropout":
            drops[index] = {"p"}
        elif layer.type == "residual" and (inside := _drops(layer.layers)):
            drops[index] = {"layers": inside}
    return drops


def cost(stack: Sequence[Member]) -> float:
    """About how many seconds a stack takes on one core; good for comparisons only."""
    spec = stack[0].spec
    batch = _batch(spec)
    steps = math.ceil(_samples(spec) / batch) * spec.training.epochs
    # Forward and backward are three products of each weight matrix; evaluation is two more.
    per_step = SECONDS_PER_STEP + 5 * batch * multiplications(spec) * SECONDS_PER_MULTIPLICATION
    return len(stack) * steps * per_step


def _samples(spec: Spec) -> int:
    """How many training samples there are, as far as the spec says."""
    return getattr(spec.data, "train", None) or 1000


def _batch(spec: Spec) -> int:
    return min(spec.training.batch_size, _samples(spec))
