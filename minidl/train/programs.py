"""What a kind of training runs in lanes: its functions, made once for all networks of the kind."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from minidl.engine import Engine, PlainEngine, Program, prepare
from minidl.errors import MinidlWarning
from minidl.train.evaluation import chunk_size, chunk_sizes, even_chunk

if TYPE_CHECKING:
    from minidl.train.trainer import Trainer


@dataclass(frozen=True)
class Programs:
    """The functions of a kind of training, ready to run in lanes; several `Lanes` may share them.

    step, last (the short batch at an epoch's end) and check; evaluate_N for chunks of N samples.
    """

    engine: Engine
    by_name: Mapping[str, Program]
    chunk: int

    @classmethod
    def of(cls, trainer: Trainer, width: int = 1) -> Programs:
        """Those of trainings like this one, with up to `width` lanes."""
        parts = trainer.parts.values()

        def chunk(most: int) -> int:
            most = min(chunk_size(part.inputs, most) for part in parts)
            return even_chunk([part.samples for part in parts], most)

        engine, programs = prepare(
            lambda most: _functions(trainer, chunk(most)), trainer.tensors(), trainer.bind, width
        )
        if isinstance(engine, PlainEngine) and trainer.loss_sum.device.type == "cpu":
            message = f"trains by plain PyTorch calls, which takes longer: {engine.reason}"
            warnings.warn(message, MinidlWarning, stacklevel=2)
        return cls(engine, programs, chunk(engine.chunk))


def _functions(
    trainer: Trainer, chunk: int
) -> dict[str, tuple[Callable[..., None], tuple[Tensor, ...]]]:
    """All that runs in lanes, each with example inputs."""
    batches, network, evaluator = trainer.batches, trainer.network, trainer.evaluator

    def step(x: Tensor, target: Tensor) -> None:
        if not network.training:
            network.train()
        trainer.step(x, target)

    def evaluate(inputs: Tensor, targets: Tensor, labels: Tensor) -> None:
        if network.training != trainer.evaluate_in_training_mode:
            network.train(trainer.evaluate_in_training_mode)
        evaluator.add(inputs, targets, labels)

    sizes = {"step": batches.batch_size, "last": batches.rest}
    functions: dict[str, tuple[Callable[..., None], tuple[Tensor, ...]]] = {
        name: (step, (batches.inputs[:size], batches.targets[:size]))
        for name, size in sizes.items()
        if size
    }
    functions["check"] = trainer.check, ()
    for part in trainer.parts.values():
        for size in chunk_sizes([part.samples], chunk):
            functions[f"evaluate_{size}"] = evaluate, tuple(x[:size] for x in part.tensors)
    return functions
