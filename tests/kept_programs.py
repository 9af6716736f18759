"""Compiles each kind of training once in a process, for tests that train a thousand times."""

from __future__ import annotations

from typing import Any

from minidl.engine import PlainEngine
from minidl.lanes import Programs
from minidl.train import Trainer


def keep_programs() -> dict[Any, Programs]:
    """Let `Programs.of` remember what it made, but for plain programs, which have a network."""
    kept: dict[Any, Programs] = {}
    make = Programs.of

    def of(trainer: Trainer, width: int = 1) -> Programs:
        optimizer, batches = trainer.optimizer, trainer.batches
        parts = [[x.shape for x in part.tensors] for part in trainer.parts.values()]
        zeros = [value == 0 for value in optimizer.hyperparameters.values()]
        clipping = trainer.clip_norm, trainer.clip_value, trainer.evaluate_in_training_mode
        kinds = trainer.network, trainer.loss, type(optimizer), vars(optimizer).keys(), zeros
        shapes = list(optimizer.vectors), optimizer.flat.data.dtype, batches.batch_size, parts
        key = repr((kinds, shapes, batches.rest, clipping, trainer.evaluator.metrics, width))
        if key not in kept:
            made = make(trainer, width)
            if isinstance(made.engine, PlainEngine):
                return made
            kept[key] = made
        return kept[key]

    Programs.of = of  # type: ignore[method-assign]
    return kept
