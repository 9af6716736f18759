"""The compiled training step beside the plain one, which is proven right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from minidl.build import build
from minidl.data import Dataset
from minidl.engine.choose import lanes_engine, single_engine
from minidl.engine.processor import lanes_for
from minidl.engine.program import CompiledEngine
from minidl.engine.trace import trace
from minidl.errors import CompileError, TraceError
from minidl.host import watching
from minidl.spec import Spec
from minidl.train.trainer import Trainer

# How far a tensor may be off, as a part of its largest entry: sums in another order. In float32 an
# input of a ReLU may be within rounding of 0 and fall on either side; of the million in a step of
# configs/denoise.yaml, that moves a gradient by 2e-5.
TOLERANCES = {torch.float32: 1e-4, torch.float64: 1e-12}
# Beside few others it may move it further; then weights and samples are drawn again. Wrong code is
# wrong for all of them.
DRAWS = 3


@dataclass(frozen=True)
class Compiled:
    """What was found for one program: that of one network alone, or of several in lanes.

    error: the largest difference, in any of the step's tensors, as a part of its largest entry;
    None where there is no program, for that `reason`. where: the tensor that is off most.
    """

    layer: str
    code: str
    entries: int
    error: float | None = None
    where: str = ""
    tolerance: float = 0.0
    reason: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing that would be run is wrong."""
        return self.error is None or self.error <= self.tolerance


def compare_compiled(spec: Spec, data: Dataset, generator: Generator) -> Iterator[Compiled]:
    """A row for one network's code, and one for that of many in lanes.

    In the training's own dtype, which is what it runs, and in float64, where less is rounding.
    """
    for name in dict.fromkeys((spec.training.dtype, "float64")):
        training = spec.training.model_copy(update={"dtype": name})
        trainer = build(spec.model_copy(update={"training": training}), data).trainer
        trainer.network.train()
        dtype = trainer.loss_sum.dtype
        yield _row(spec.model.type, f"{name}, single", trainer, single_engine, generator)
        if (lanes := lanes_for(dtype)) > 1:
            yield _row(spec.model.type, f"{name}, {lanes} lanes", trainer, lanes_engine, generator)


def _row(
    kind: str,
    code: str,
    trainer: Trainer,
    engine: Callable[[torch.dtype], CompiledEngine],
    generator: Generator,
) -> Compiled:
    dtype, entries = trainer.loss_sum.dtype, sum(x.numel() for x in trainer.tensors().values())
    try:
        for _ in range(DRAWS):
            error, where = _compared(trainer, engine(dtype), generator)
            if error <= TOLERANCES[dtype]:
                break
    except (CompileError, TraceError) as failure:
        return Compiled(kind, code, entries, reason=str(failure))
    return Compiled(kind, code, entries, error, where, TOLERANCES[dtype])


def _compared(trainer: Trainer, engine: CompiledEngine, generator: Generator) -> tuple[float, str]:
    """The largest difference, and in which tensor; each lane has weights and samples of its own."""
    tensors, batches = trainer.tensors(), trainer.batches
    inputs = batches.inputs[: batches.batch_size], batches.targets[: batches.batch_size]
    code = engine.code({"step": trace(trainer.step, inputs, tensors).graph})
    program = engine.compiled(code)["step"]
    state, wanted = engine.state(tensors), []
    rows = torch.empty(engine.lanes, 1, len(inputs[0]), dtype=torch.int64)
    for lane in range(engine.lanes):
        own = torch.randperm(batches.samples, generator=generator)[: len(inputs[0])]
        rows[lane] = own
        _stir(tensors, generator)
        state.put(lane, tensors)
        with torch.no_grad(), watching(lambda computation: None):
            trainer.step(batches.inputs[own], batches.targets[own])
        wanted.append({name: x.numpy().copy() for name, x in tensors.items()})
    sources = [(batches.inputs, batches.targets)] * engine.lanes
    program.run(state, sources, rows.numpy(), {})
    found = {name: state.read(name) for name in tensors}
    return max(
        (_difference(found[name][lane], values), name)
        for lane, own in enumerate(wanted)
        for name, values in own.items()
    )


def _stir(tensors: dict[str, Tensor], generator: Generator) -> None:
    """Another network of this kind, in the midst of a training.

    What an optimizer remembers isn't zero: its first step may divide rounding by rounding.
    """
    theta = tensors["parameters"]
    theta += 0.1 * theta.abs().mean() * _uniform(theta, generator)
    for name, x in tensors.items():
        if name.startswith("optimizer."):
            x.copy_(0.1 + 0.05 * _uniform(x, generator))


def _uniform(like: Tensor, generator: Generator) -> Tensor:
    return torch.rand(like.shape, generator=generator, dtype=like.dtype)


def _difference(ours: NDArray[np.float64], plain: NDArray[np.float64]) -> float:
    """The largest one, as a part of the largest entry; infinite where only one is a number."""
    if np.array_equal(ours, plain, equal_nan=ours.dtype.kind == "f"):
        return 0.0
    with np.errstate(all="ignore"):
        error = float(np.abs(ours - plain).max() / np.abs(plain).max())
    return error if np.isfinite(error) else np.inf
