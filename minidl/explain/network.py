"""The network as a table: what each layer gives, holds, and costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from minidl.build import Experiment
from minidl.engine.graph import Graph
from minidl.engine.lowering import operations
from minidl.engine.operations import Contract
from minidl.engine.simplify import simplified
from minidl.engine.trace import trace
from minidl.errors import CompileError, TraceError
from minidl.explain.formulas import formula_of, update_formulas
from minidl.nn import Loss, Module, Residual, Sequential
from minidl.nn.shape import times
from minidl.plural import plural
from minidl.report.tables.sheet import Field, Record, Sheet
from minidl.spec import Spec

_SAMPLES = 2  # that are traced: batch normalisation takes no fewer
_UNITS = ("B", "kB", "MB", "GB", "TB")


@dataclass(frozen=True)
class LayerRow:
    """A layer. Multiply-adds are those of one sample, None where the layer can't be traced.

    memory: in a step, in bytes: the layer's parameters with gradients and what the optimizer
    remembers of them, and its outputs for a batch.
    """

    layer: str
    kind: str
    output: tuple[int, ...]
    parameters: int
    forward: int | None
    backward: int | None
    memory: int


def layer_rows(experiment: Experiment, input_shape: tuple[int, ...]) -> list[LayerRow]:
    """The layers in order; those inside a residual stand before it, which adds their input."""
    return list(_rows(experiment, experiment.network, input_shape, ""))


def network_sheets(
    spec: Spec, experiment: Experiment, rows: list[LayerRow], input_shape: tuple[int, ...]
) -> list[Sheet]:
    """The table of the layers with their sum, and the formulas of all that occurs."""
    records: list[Record] = [asdict(row) for row in rows]
    return [
        Sheet(
            "layers",
            f"{spec.name}: {_described(experiment, input_shape)}",
            [
                Field("layer", lambda r: r["layer"], number=False, key=True),
                Field("kind", lambda r: r["kind"], number=False),
                Field("output", lambda r: times(r["output"]) if r["output"] else "", number=False),
                Field("parameters", lambda r: _count(r["parameters"])),
                Field("forward", lambda r: _count(r["forward"])),
                Field("backward", lambda r: _count(r["backward"])),
                Field("memory", lambda r: amount(r["memory"])),
            ],
            [*records, _total(rows)],
        ),
        _formula_sheet(experiment),
    ]


def notes_of(experiment: Experiment, rows: list[LayerRow]) -> list[str]:
    """What the table counts, and what a step and an epoch cost."""
    trainer = experiment.trainer
    batches, used = trainer.batches, samples_of_an_epoch(experiment)
    flat, vectors = trainer.optimizer.flat, trainer.optimizer.vectors
    notes = [
        "forward and backward: multiply-adds of one sample in products of matrices; memory: in a "
        "step, the parameters with gradient and the optimizer's vectors "
        f"({2 + len(vectors)} numbers each), and the outputs for a batch.",
    ]
    if (each := multiply_adds_of(rows)) is None:
        return notes
    step = plural(batches.batch_size, "sample")
    notes.append(f"A step of {step} takes {_count(each * batches.batch_size)} multiply-adds.")
    if (compiled := _compiled_products(experiment)) is not None:
        saved = each * batches.batch_size - compiled
        if saved:
            notes[-1] += (
                f" Compiled it takes {_count(compiled)}: nobody reads the first layer's dx."
            )
    notes.append(
        f"An epoch of {plural(len(batches), 'step')} takes {_count(each * used)}; all "
        f"{plural(trainer.epochs, 'epoch')} take {_count(each * used * trainer.epochs)}, beside "
        f"the evaluations. {plural(flat.size, 'parameter')} in {amount(_bytes(flat.data))}."
    )
    return notes


def samples_of_an_epoch(experiment: Experiment) -> int:
    """How many training samples an epoch takes, without a last batch that is dropped."""
    batches = experiment.trainer.batches
    return batches.full * batches.batch_size + batches.rest


def multiply_adds(function: Callable[..., Any], *inputs: Tensor) -> int:
    """How many terms the products of matrices in a function's calls have.

    Raises TraceError and CompileError where it can't be traced.
    """
    graph = trace(function, inputs).graph
    return sum(_terms(one) for one in operations(graph) if isinstance(one, Contract))


def amount(size: int) -> str:
    """Bytes as people read them: 804 B, 3.2 kB."""
    value, unit = float(size), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.3g} {_UNITS[unit]}" if unit else f"{size} B"


def _rows(
    experiment: Experiment, module: Module, shape: tuple[int, ...], prefix: str
) -> Iterator[LayerRow]:
    for name, child in module.named_children():
        if isinstance(child, Sequential | Residual):
            yield from _rows(experiment, child, shape, f"{prefix}{name}.")
        output = child.output_shape(shape)
        if not isinstance(child, Sequential):
            yield _row(experiment, child, shape, output, prefix + name)
        shape = output


def _row(
    experiment: Experiment,
    module: Module,
    shape: tuple[int, ...],
    output: tuple[int, ...],
    name: str,
) -> LayerRow:
    trainer = experiment.trainer
    own = 0 if module.children() else sum(math.prod(p.shape) for p in module.parameters())
    forward, backward = (0, 0) if module.children() else _costs(module, shape, trainer.loss_sum)
    numbers = own * (2 + len(trainer.optimizer.vectors))
    numbers += math.prod(output) * trainer.batches.batch_size
    size = trainer.loss_sum.element_size()
    return LayerRow(name, type(module).__name__, output, own, forward, backward, numbers * size)


def _costs(
    module: Module, shape: tuple[int, ...], like: Tensor
) -> tuple[int, int] | tuple[None, None]:
    """Multiply-adds of a sample, forward and backward, as the layer's own code makes them."""
    x = like.new_zeros(_SAMPLES, *shape).cpu()
    gradient = like.new_zeros(_SAMPLES, *module.output_shape(shape)).cpu()

    def both(x: Tensor, gradient: Tensor) -> Tensor:
        module.forward(x)
        return module.backward(gradient)

    try:
        forward = multiply_adds(module.forward, x)
        return forward // _SAMPLES, (multiply_adds(both, x, gradient) - forward) // _SAMPLES
    except (CompileError, TraceError, RuntimeError):  # the last: its weights are on a GPU
        return None, None


def _compiled_products(experiment: Experiment) -> int | None:
    """Multiply-adds of a step without what nobody reads."""
    trainer = experiment.trainer
    batches = trainer.batches
    inputs = batches.inputs[: batches.batch_size], batches.targets[: batches.batch_size]
    try:
        graph = trace(trainer.step, inputs, trainer.tensors()).graph
        return sum(_terms(one) for one in _live(graph) if isinstance(one, Contract))
    except (CompileError, TraceError):
        return None


def _live(graph: Graph) -> list[Any]:
    return list(simplified(operations(graph), graph))


def _terms(product: Contract) -> int:
    return product.out.numel * product.left.shape[-1]


def _total(rows: list[LayerRow]) -> dict[str, Any]:
    def total(key: str) -> int | None:
        values = [getattr(row, key) for row in rows]
        return None if None in values else sum(values)

    sums = {key: total(key) for key in ("parameters", "forward", "backward", "memory")}
    return {"layer": "total", "kind": "", "output": (), **sums}


def multiply_adds_of(rows: list[LayerRow]) -> int | None:
    """Multiply-adds of a sample in both directions."""
    whole = _total(rows)
    both = whole["forward"], whole["backward"]
    return None if None in both else sum(both)


def _formula_sheet(experiment: Experiment) -> Sheet:
    """Each kind of layer once, then the loss and the optimizer."""
    trainer = experiment.trainer
    layers: list[Module | Loss] = [
        module for module in trainer.network.modules() if not isinstance(module, Sequential)
    ]
    found = {type(one).__name__: formula_of(one) for one in [*layers, trainer.loss]}
    records = [
        {"kind": kind, "forward": list(formula.forward), "backward": list(formula.backward)}
        for kind, formula in found.items()
    ]
    update = {"kind": type(trainer.optimizer).__name__, "forward": [], "backward": []}
    records.append({**update, "backward": update_formulas(trainer.optimizer)})
    fields = [
        Field("kind", lambda r: r["kind"], number=False, key=True),
        Field("forward", lambda r: ",  ".join(r["forward"]), number=False),
        Field("backward, update", lambda r: ",  ".join(r["backward"]), number=False),
    ]
    return Sheet("formulas", "Formulas", fields, records)


def _described(experiment: Experiment, input_shape: tuple[int, ...]) -> str:
    trainer = experiment.trainer
    dtype = str(trainer.loss_sum.dtype).removeprefix("torch.")
    inputs = times(input_shape)
    return f"{inputs} → {times(trainer.network.output_shape(input_shape))}, {dtype}"


def _bytes(x: Tensor) -> int:
    return x.numel() * x.element_size()


def _count(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"
