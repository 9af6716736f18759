"""What training one network of a sweep takes, told by a network that was built for it."""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from minidl.build import Experiment, build, read_data, seed_of
from minidl.data import Dataset
from minidl.errors import ConfigError, DataError, Problem
from minidl.nn import Module
from minidl.plural import plural
from minidl.spec import CsvData, Member, Spec
from minidl.spec.file_data import each
from minidl.spec.init import FromInit
from minidl.spec.paths import STDIN
from minidl.store.files import read
from minidl.sweep.kinds import kind_of, optimizer_kind

# One core's time, roughly: of a step whatever it computes, and of a multiplication and addition.
SECONDS_PER_STEP, SECONDS_PER_PRODUCT = 0.5e-6, 2.5e-11
MAX_PROBLEMS = 20  # unlike ones of members that can't be built, before giving up
MAX_FAILED = 200  # such members, which may be of one problem
KEPT_BYTES = 2**28  # of data sets that may be needed again

_CGROUP = Path("/sys/fs/cgroup/memory.max")  # where containers have their limit


@dataclass(frozen=True)
class Work:
    """What training a network of one kind takes: seconds on a core, good for comparisons only."""

    steps: float  # seconds in an epoch's steps
    evaluation: float  # seconds in an evaluation
    memory: int  # bytes

    def seconds(self, member: Member) -> float:
        """Those of all its epochs."""
        return member.epochs * (self.steps + self.evaluation / member.spec.training.eval_every)


@dataclass(frozen=True)
class Works:
    """The work of each kind of member; the SHA-256 of each data file."""

    kinds: Mapping[str, Work]
    files: Mapping[str, str]


class Datasets:
    """Reads data sets, and keeps the latest for those that need them too; several threads may."""

    def __init__(self) -> None:
        self._known: dict[str, Dataset] = {}  # the latest last
        self._lock = threading.Lock()

    def of(self, spec: Spec) -> Dataset:
        """The spec's data. Raises DataError."""
        key = f"{seed_of(spec, 'data')} {spec.training.dtype} {spec.data!r}"
        with self._lock:
            found = self._known.pop(key, None)
            self._known[key] = data = found or read_data(spec)
            while len(self._known) > 1 and sum(map(_size, self._known.values())) > KEPT_BYTES:
                del self._known[next(iter(self._known))]
        return data


def measure(
    members: Iterable[Member],
    watch: Callable[[Member, Dataset, Experiment], None] = lambda member, data, built: None,
) -> Works:
    """Build one member of each kind, so that what can't train is told before anything runs.

    `watch` is shown each. Raises ConfigError, which names the members, and DataError, each with all
    that was found.
    """
    kinds: dict[str, Work] = {}
    files: dict[str, str] = {}
    problems: dict[Problem, list[str]] = {}  # with the members that have it
    failed = 0
    unreadable: dict[str, DataError] = {}
    datasets = Datasets()
    sources: set[str] = set()  # of first weights, each of which must fit
    for member in members:
        key, init = kind_of(member.spec), member.spec.model.init
        source = repr((key, init)) if isinstance(init, FromInit) else key
        if source in sources:
            continue
        try:
            _refuse_stdin(member.spec)
            data = datasets.of(member.spec)
            built = build(member.spec, data)
            kinds[key] = work_of(data, built)
            sources.add(source)
            watch(member, data, built)
        except DataError as error:
            unreadable.setdefault(str(error), error)
            kinds.setdefault(key, Work(0, 0, 0))
            sources.add(source)
            continue
        except ConfigError as error:
            for one in error.problems:
                problems.setdefault(one, []).append(member.name)
            failed += 1
            if len(problems) >= MAX_PROBLEMS or failed >= MAX_FAILED:
                break
            continue
        files |= {**data.source_hashes, **built.source_hashes}
    if problems:
        least = "at least " if failed >= MAX_FAILED else ""
        raise ConfigError([_in_runs(one, names, least) for one, names in problems.items()])
    if unreadable:
        first, *others = unreadable.values()
        if others:
            raise DataError(*(text for error in unreadable.values() for text in error.problems))
        raise first
    return Works(kinds, files)


def _in_runs(problem: Problem, names: Sequence[str], least: str) -> Problem:
    """The same, which also names the first run that has it, and says how many have."""
    more = f" and {least}{plural(len(names) - 1, 'more run')}" if len(names) > 1 else ""
    return replace(problem, message=f"{problem.message} (in the run {names[0]}{more})")


def _refuse_stdin(spec: Spec) -> None:
    """Raises ConfigError where the data come from standard input, which only one can read."""
    files = spec.data.files if isinstance(spec.data, CsvData) else {}
    for key, paths in files.items():
        if STDIN in each(paths):
            message = "standard input can be read but once, a sweep reads again: save a file"
            raise ConfigError([spec.problem(f"data.{key}", message)])


def networks(members: Iterable[Member]) -> list[Member]:
    """The first member of each kind of network, loss and optimizer, however long it trains.

    Raises ConfigError and DataError, as `measure` does.
    """
    found: dict[str, Member] = {}

    def note(member: Member, data: Dataset, built: Experiment) -> None:
        spec = member.spec
        key = f"{built.network!r} {spec.loss!r} {optimizer_kind(spec)}"
        found.setdefault(key, member)

    measure(members, note)
    return list(found.values())


def work_of(data: Dataset, experiment: Experiment) -> Work:
    """What one network takes."""
    trainer, network = experiment.trainer, experiment.network
    samples, evaluated = len(data.train), sum(map(len, data.parts.values()))
    products = _products(network, data.input_shape) * SECONDS_PER_PRODUCT
    steps = len(trainer.batches) * SECONDS_PER_STEP + 3 * samples * products
    # The arrays, their copies as tensors, what a training has beside them, and once more in lanes.
    parts = [x for part in trainer.parts.values() for x in part.tensors]
    memory = _size(data) + _bytes(parts) + 2 * _bytes(trainer.tensors().values())
    return Work(steps, evaluated * products, memory)


def _products(module: Module, input_shape: tuple[int, ...]) -> int:
    """Multiply-adds of a forward pass of one sample: a weight is used at each pixel."""
    count, shape = 0, input_shape
    for child in module.children():
        count += _products(child, shape)
        shape = child.output_shape(shape)
    if not module.children():
        pixels = max(math.prod(input_shape[1:]), math.prod(module.output_shape(input_shape)[1:]))
        count = pixels * sum(p.data.numel() for p in module.parameters())
    return count


def _size(data: Dataset) -> int:
    return sum(array.nbytes for part in data.parts.values() for array in part.arrays)


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(x.numel() * x.element_size() for x in tensors)


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
