"""Compiles each kind of training once in a process, for tests that train a thousand times."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from minidl.engine import PlainEngine, choose
from minidl.train.programs import Programs
from minidl.train.trainer import Trainer


@contextmanager
def keep_programs(kept: dict[str, Programs]) -> Iterator[None]:
    """Let `Programs.of` remember what it made, but for plain programs, which have a network."""
    make = Programs.of

    def of(trainer: Trainer, width: int = 1) -> Programs:
        optimizer, batches = trainer.optimizer, trainer.batches
        parts = [[x.shape for x in part.tensors] for part in trainer.parts.values()]
        zeros = [value == 0 for value in optimizer.hyperparameters.values()]
        clipping = trainer.clip_norm, trainer.clip_value, trainer.evaluate_in_training_mode
        kinds = trainer.network, trainer.loss, type(optimizer), vars(optimizer).keys(), zeros
        spans = [(span.place, span.number) for span in optimizer.spans]
        vectors, dtype = list(optimizer.vectors), optimizer.flat.data.dtype
        shapes = spans, vectors, dtype, batches.batch_size, parts
        compiler = vars(choose)["find_compiler"]()  # a test may have put another there
        machine = compiler, os.environ.get("MINIDL_LANES"), width
        watched = sorted(getattr(trainer, "watch", ()))
        key = repr(
            (kinds, shapes, batches.rest, clipping, trainer.evaluator.metrics, machine, watched)
        )
        if key not in kept:
            made = make(trainer, width)
            if isinstance(made.engine, PlainEngine):
                return made
            kept[key] = made
        return kept[key]

    with mock.patch.object(Programs, "of", of):
        yield
