"""What training one network of a sweep takes, measured on a network that was built for it."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import torch

from minidl.build import Experiment, build, seed_of
from minidl.data import Dataset
from minidl.errors import ConfigError, Problem
from minidl.evaluation import chunk_size
from minidl.execute import read_data
from minidl.files import read
from minidl.nn.memory import Memory
from minidl.spec import Member, Spec
from minidl.sweep.stacks import Work, stack_key
from minidl.threads import multiplications

# One core's time, roughly: of a step whatever it computes, of a multiplication and addition, and of
# a number that is written or read.
SECONDS_PER_STEP, SECONDS_PER_PRODUCT, SECONDS_PER_BYTE = 1e-6, 2.5e-11, 4e-11
MAX_PROBLEMS = 20  # of members that can't be built, before giving up

_CGROUP = Path("/sys/fs/cgroup/memory.max")  # where containers have their limit


class Datasets:
    """Reads data sets; what is equal is read once."""

    def __init__(self) -> None:
        self._known: dict[str, Dataset] = {}

    def of(self, spec: Spec) -> Dataset:
        """The spec's data. Raises DataError."""
        key = f"{seed_of(spec, 'data')} {spec.data!r}"
        if key not in self._known:
            self._known[key] = read_data(spec)
        return self._known[key]


@dataclass(frozen=True)
class Works:
    """The work of each kind of member, by its `stack_key`; the SHA-256 of each data file."""

    kinds: Mapping[str, Work]
    files: Mapping[str, str]

    def __getitem__(self, spec: Spec) -> Work:
        return self.kinds[stack_key(spec)]


def measure(members: Iterable[Member]) -> Works:
    """Build one member of each kind, so that what can't train is told before anything runs.

    Raises ConfigError, which names the members, and DataError.
    """
    kinds: dict[str, Work] = {}
    files: dict[str, str] = {}
    problems: list[Problem] = []
    datasets = Datasets()
    for member in members:
        key = stack_key(member.spec)
        if key in kinds:
            continue
        try:
            data = datasets.of(member.spec)
            kinds[key] = work_of(member.spec, data, build([member.spec], [data]))
        except ConfigError as error:
            named = f" (in the run {member.name})"
            problems += [replace(one, message=one.message + named) for one in error.problems]
            if len(problems) >= MAX_PROBLEMS:
                break
            continue
        files |= data.source_hashes
    if problems:
        raise ConfigError(problems)
    return Works(kinds, files)


def work_of(spec: Spec, data: Dataset, experiment: Experiment) -> Work:
    """What one network takes, read off a stack of one, which is of no further use."""
    trainer = experiment.trainer
    samples = [len(data.train), len(data.test)]
    batch = min(spec.training.batch_size, samples[0])
    products = sum(multiplications(experiment.network, data.input_shape))
    state, per_step_sample, per_chunk_sample = _bytes(experiment)
    chunk = chunk_size(trainer.parts["train"].inputs, 1)
    split = [size for count in samples for size in (min(count, chunk), count % chunk)]
    parts = [tensor for part in trainer.parts.values() for tensor in vars(part).values()]
    arrays = [array for part in (data.train, data.test) for array in part.arrays]
    step = state + batch * per_step_sample
    # The parts lie in memory as the data set, as the stack's tensors, and once more as batches.
    lasting = sum(array.nbytes for array in arrays) + 2 * sum(map(_size, parts))
    last = samples[0] % batch * per_step_sample  # a shorter batch has buffers of its own
    memory = lasting + step + last + sum(set(split)) * per_chunk_sample
    steps = len(trainer.batches)
    evaluated = sum(samples) / trainer.eval_every
    seconds = (
        steps * (SECONDS_PER_STEP + step * SECONDS_PER_BYTE)
        + (3 * samples[0] + evaluated) * products * SECONDS_PER_PRODUCT
        + evaluated * per_chunk_sample * SECONDS_PER_BYTE
    )
    return Work(trainer.epochs * seconds, math.ceil(memory), math.ceil(step))


def _bytes(experiment: Experiment) -> tuple[float, float, float]:
    """The bytes that last, those per sample of a step, and those per sample of an evaluation.

    A step and an evaluation of few samples allocate what they need; buffers grow with the samples.
    """
    trainer, network = experiment.trainer, experiment.network
    optimizer, flat = trainer.optimizer, trainer.optimizer.flat
    memories: list[Memory] = [*network.modules(), trainer.loss, optimizer, flat]
    part = trainer.parts["train"]

    def buffers() -> int:
        return sum(memory.buffer_bytes() for memory in memories)

    counts = (2, 4, 6)  # each another shape, with buffers of its own
    few = [[_first(x, n) for x in (part.inputs, part.targets, part.labels)] for n in counts]
    sizes = [buffers()]
    with torch.inference_mode():
        network.train()
        for x, target, _ in few[:2]:
            trainer.step(x, target)
            sizes.append(buffers())
        network.eval()
        trainer.loss.forward(network.forward(few[2][0]), few[2][1])
        sizes.append(buffers())
    first, second, third = (after - before for before, after in pairwise(sizes))
    per_step_sample, per_chunk_sample = second / counts[1], third / counts[2]
    lasting = first - counts[0] * per_step_sample
    a_sample = sum(map(_size, few[0])) / counts[0]  # which a recording copies
    vectors = [flat.data, flat.grad, *optimizer.vectors.values()]
    state = sum(map(_size, vectors)) + max(lasting, 0)
    return state, per_step_sample + a_sample, per_chunk_sample + a_sample


def _first(x: torch.Tensor, count: int) -> torch.Tensor:
    """`count` samples of a stack of one; the first again and again, where there are too few."""
    return x[:, torch.arange(count, device=x.device) % x.shape[1]]


def _size(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def memory_for_networks(device: torch.device) -> int:
    """Half of the memory that the machine, its container or its GPU has, in bytes."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory) // 2
    sizes = [2**62]
    if hasattr(os, "sysconf"):
        sizes.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    with contextlib.suppress(OSError, ValueError):  # there is none, or it says "max"
        sizes.append(int(read(_CGROUP)))
    return min(sizes) // 2
