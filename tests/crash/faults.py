"""Faults to plant in minidl, each a break of one promise: the tests must find every one.

A function here changes the program in a child of the `Server`, which ends with it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from minidl.data.batches import Batches
from minidl.errors import WriteError
from minidl.runs.member import MemberRun
from minidl.runs.restart import Restart
from minidl.store import files, folders, locks, system
from minidl.store.metrics import MetricsFile
from minidl.sweep import plan as sweep_plan
from minidl.train.stop import Stop
from minidl.train.trainer import Trainer

FAULTS: dict[str, Callable[[], None]] = {}


def fault(plant: Callable[[], None]) -> Callable[[], None]:
    FAULTS[plant.__name__] = plant
    return plant


def _nothing(*arguments: Any, **options: Any) -> None:
    """Stands for what is forgotten."""


def _state_without(forgotten: Callable[[str], bool]) -> None:
    """Let a checkpoint of one network lack some of its tensors."""
    original = Trainer.state

    def state(trainer: Trainer) -> Any:
        tensors, rest = original(trainer)
        return {name: one for name, one in tensors.items() if not forgotten(name)}, rest

    Trainer.state = state  # type: ignore[assignment, method-assign]


@fault
def a_file_is_written_in_place() -> None:
    def write(path: Any, content: bytes, *, keep: Any = None, **options: Any) -> None:
        if keep is not None and Path(path).exists():
            system.disk(os.replace, path, keep)
        handle = system.disk(os.open, path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        system.disk(os.write, handle, content)
        os.close(handle)

    files.write_atomic = write


@fault
def a_folder_appears_before_its_files() -> None:
    def new_folder(path: Path, contents: dict[str, bytes], **options: bool) -> None:
        folders.make(path)
        for name, content in contents.items():
            files.write_atomic(path / name, content)

    folders.new = new_folder


@fault
def an_error_of_the_disk_is_swallowed() -> None:
    original = files.write_atomic

    def write(*arguments: Any, **options: Any) -> None:
        with contextlib.suppress(WriteError):
            original(*arguments, **options)

    files.write_atomic = write


@fault
def an_error_of_the_disk_is_not_put_into_words() -> None:
    def append(path: Any, text: str) -> None:
        handle = system.disk(os.open, path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        system.disk(os.write, handle, text.encode())
        os.close(handle)

    files.append = append


@fault
def the_order_of_batches_is_forgotten() -> None:
    Batches.restore = _nothing  # type: ignore[method-assign]


@fault
def the_draws_of_dropout_are_forgotten() -> None:
    original = Trainer.restore

    def restore(trainer: Trainer, tensors: Any, state: Any) -> None:
        original(trainer, tensors, state)
        for name, values in trainer.network.named_statistics().items():
            if name.endswith("step"):
                values.zero_()

    Trainer.restore = restore  # type: ignore[assignment, method-assign]


@fault
def the_vectors_of_the_optimizer_are_forgotten() -> None:
    _state_without(lambda name: name.startswith("optimizer."))


@fault
def the_steps_of_the_optimizer_are_forgotten() -> None:
    original = Trainer.restore

    def restore(trainer: Trainer, tensors: Any, state: Any) -> None:
        original(trainer, tensors, {**state, "optimizer_steps": 0})

    Trainer.restore = restore  # type: ignore[assignment, method-assign]


@fault
def the_best_weights_are_forgotten() -> None:
    Restart._best = _nothing  # type: ignore[method-assign]


@fault
def rows_after_the_checkpoint_stay() -> None:
    MetricsFile.cut = _nothing  # type: ignore[method-assign]


@fault
def a_checkpoint_is_passed_over() -> None:
    Restart.find = classmethod(lambda cls, folder: cls())  # type: ignore[assignment, method-assign]


@fault
def checkpoints_are_seldom() -> None:
    due = MemberRun.checkpoint_due

    def seldom(run: MemberRun, now: bool) -> bool:
        return run.trainer.finished % 2 == 0 and due(run, now)

    MemberRun.checkpoint_due = seldom  # type: ignore[assignment, method-assign]


@fault
def members_with_results_are_trained_again() -> None:
    vars(sweep_plan)["ENDED"] = ()


@fault
def a_lock_does_not_lock() -> None:
    locks._take = lambda path, patience=0.1: locks._Hold()


@fault
def a_lock_outlives_its_holder() -> None:
    """As the mere existence of a file would."""
    locks._take = lambda path, patience=0.1: locks._take_by_name(locks._held(path))
    locks._has_ended = lambda name: False


@fault
def a_first_signal_is_not_heard() -> None:
    Stop.request = _nothing  # type: ignore[method-assign]
