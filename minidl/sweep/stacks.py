"""Which members of a sweep train together as one stack, and how many.

Members that differ only in numbers which the core takes per network may share a stack. How many do
is the smallest of four:

- MAX_STACK. Each call of a step costs the same for one network as for many; from about 100 on there
  is nothing left to share.
- As many as work on STEP_BYTES in a step (weights, gradients, optimizer, activations). Beyond that
  they push each other out of the processor's cache. A network larger than that trains alone.
- As many as fit into the memory of one process: half of the machine's, shared by all processes.
  What counts is the data set, its copy in the stack, another one in shuffled order, the weights and
  all that goes with them, and the activations of a batch and of an evaluation.
- The share of each process, so that all have work.

Docs: docs/performance.md, "How stacks are cut".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from minidl.spec import Member, SequentialModel, Spec

# A step at batch 5 (layers 2-25-25-25-1) takes 38 µs alone, 4.6 per network in a stack of 16,
# 3.0 in one of 64, 2.8 in one of 100.
MAX_STACK = 100
# Two layers of 128 at batch 50, µs per network: 100 alone, 76 in a stack of 16 (5 MB), 79 in one of
# 32, 96 in one of 64. Layers of 25 at batch 200: 37 in one of 25 (5 MB), 46 in one of 100, 80 in
# one of 200. Two layers of 512 (3 MB each) train best alone.
STEP_BYTES = 5 * 2**20

# What the core takes per network: numbers of optimizers, schedules, seeds.
_PER_NETWORK = {
    "optimizer": {"lr", "momentum", "dampening", "weight_decay", "alpha", "eps", "lr_decay"}
    | {"betas"},
    "training": {"seed", "dropout_seed"},
    "data": {"seed", "sha256", "test_sha256"},  # a path has one hash
    "model": {"seed", "init", "dropout"},
}


@dataclass(frozen=True)
class Work:
    """What training one network takes, as `minidl.sweep.work` measures it."""

    seconds: float  # about, on one core; good for comparisons only
    memory: int  # bytes, in all
    step: int  # bytes that a step works on


def make_stacks(
    members: Iterable[Member],
    works: Mapping[str, Work],
    *,
    size: int | None = None,
    jobs: int = 1,
    memory: int = 2**62,
) -> list[list[Member]]:
    """Cut the members into stacks, the longest work first.

    `works` has the work of one network by `stack_key`. `size` replaces the rules above, `memory` is
    what all `jobs` processes may take together, in bytes.
    """
    alike: dict[str, list[Member]] = {}
    for member in members:
        alike.setdefault(stack_key(member.spec), []).append(member)
    total = sum(map(len, alike.values()))
    stacks: list[tuple[float, list[Member]]] = []
    for key, group in alike.items():
        work = works[key]
        limit = size or fastest_size(work, memory // jobs)
        if size is None and len(alike) < jobs:
            limit = min(limit, math.ceil(total / jobs))
        count = math.ceil(len(group) / limit)
        stacks += [
            (work.seconds * len(cut), cut) for cut in (group[i::count] for i in range(count))
        ]
    return [stack for _, stack in sorted(stacks, key=lambda pair: pair[0], reverse=True)]


def fastest_size(work: Work, memory: int) -> int:
    """How many networks train fastest side by side in a process with that much memory."""
    return max(1, min(MAX_STACK, STEP_BYTES // work.step, memory // work.memory))


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
        excluded["model"] = {"seed": True, "init": True, "layers": _layers(spec.model.layers)}
    return excluded


def _layers(layers: Sequence[Any]) -> dict[int, Any]:
    """What each layer takes per network: dropout its p, any other the init of its own."""
    return {
        index: {"layers": _layers(layer.layers)} if layer.type == "residual" else {"p", "init"}
        for index, layer in enumerate(layers)
    }
