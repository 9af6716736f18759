"""The code of a network: the Python of its layers, and the C that its step becomes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from minidl.engine.choose import target_for
from minidl.engine.source import code_of
from minidl.engine.trace import trace
from minidl.errors import CompileError, TraceError
from minidl.explain.page import Page, Section
from minidl.nn import Loss, Module, Sequential
from minidl.nn.takes import Checked
from minidl.optim import Optimizer
from minidl.train.trainer import Trainer

_BASES = (Module, Loss, Checked, Optimizer, object)  # which say nothing of any one layer


def code_page(trainer: Trainer, title: str) -> Page:
    """The source of all that occurs, then the traced step in C, loop by loop."""
    sections = list(python_sections(trainer))
    try:
        return Page(title, [*sections, *_compiled(trainer)])
    except (CompileError, TraceError) as error:
        return Page(title, sections, [f"The step isn't compiled: {error}"])


def python_sections(trainer: Trainer) -> Iterator[Section]:
    """The classes of layers, loss and optimizer, and the step that calls them."""
    for kind in _kinds(trainer):
        yield Section(f"Python: {kind.__name__}", lines=_source(kind), code="python")
    yield Section("Python: a step", lines=_source(Trainer.step), code="python")


def _kinds(trainer: Trainer) -> list[Any]:
    """The classes of layers, loss and optimizer, those that they build on first; each once."""
    modules = [one for one in trainer.network.modules() if not isinstance(one, Sequential)]
    found: dict[Any, None] = {}
    for one in (*modules, trainer.loss, trainer.optimizer):
        for kind in reversed(type(one).__mro__):
            if kind not in _BASES:
                found[kind] = None
    return list(found)


def _compiled(trainer: Trainer) -> Iterator[Section]:
    """Each kernel under where it comes from and the formula there, then the calls in order."""
    batches = trainer.batches
    inputs = batches.inputs[: batches.batch_size], batches.targets[: batches.batch_size]
    trainer.network.train()
    graph = trace(trainer.step, inputs, trainer.tensors()).graph
    code = code_of({"step": graph}, target_for(graph.dtype))
    for text in code.kernels:
        comment, _, function = text.partition("\n")
        where, _, formula = comment.removeprefix("/* ").removesuffix(" */").partition(": ")
        formulas = [formula] if formula else []
        yield Section(f"C: {where}", formulas, function.splitlines(), code="c")
    yield Section("C: the step", lines=code.steps["step"].text.splitlines(), code="c")


def _source(of: Any) -> list[str]:
    return inspect.cleandoc("\n" + inspect.getsource(of)).splitlines()
