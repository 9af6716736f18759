"""Tables I to III of report 004, for every module and loss."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from minidl.bench.pairs import NAMES, Pair, pair
from minidl.bench.timing import medians
from minidl.nn.threads import use_threads
from minidl.report.tables.sheet import Field, Record, Sheet

# Whose difference is measured: the output, and the gradients.
QUANTITIES = ("forward", "input", "weight", "bias")


# How a pass is run.
WAYS = ("plain", "compiled", "pytorch")


@dataclass(frozen=True)
class Measured:
    """One module. differences: by way and quantity the largest absolute one of each run.

    forward, both: by way, median seconds of a forward pass, and of forward and backward.
    """

    name: str
    differences: dict[str, dict[str, list[float]]]
    forward: dict[str, float]
    both: dict[str, float]


def measure_modules(
    repeats: int,
    dtype: torch.dtype = torch.float32,
    threads: int = 1,
    names: Sequence[str] = NAMES,
    seed: int = 0,
) -> Iterator[Measured]:
    """Each with `repeats` random tensors and parameters, then as many timed calls on the last."""
    torch.manual_seed(seed)
    with use_threads(threads):
        for name in names:
            yield _measured(name, pair(name, dtype), repeats)


def _measured(name: str, both: Pair, repeats: int) -> Measured:
    ours = {"plain": both.both, "compiled": both.compiled_both}
    differences: dict[str, dict[str, list[float]]] = {way: {} for way in ours}
    for _ in range(repeats):
        both.draw()
        for way, run in ours.items():
            for quantity, value in both.differences(run).items():
                differences[way].setdefault(quantity, []).append(value)
    inference, no_grad, autograd = torch.inference_mode, torch.no_grad, contextlib.nullcontext
    seconds = medians(
        [
            (both.forward, inference),
            (both.compiled_forward, no_grad),
            (both.their_forward, inference),
            (both.both, inference),
            (both.compiled_both, no_grad),
            (both.their_both, autograd),
        ],
        repeats,
    )
    return Measured(
        name,
        differences,
        dict(zip(WAYS, seconds[:3], strict=True)),
        dict(zip(WAYS, seconds[3:], strict=True)),
    )


# The tables ---------------------------------------------------------------------------------------


def sheets_of(measured: Sequence[Measured], repeats: int) -> list[Sheet]:
    """Tables I, II and III, a row per module in each."""
    runs = f"largest difference to PyTorch's of a run, mean ± std of {repeats}"
    return [
        _differences("table_1", f"Table I: forward, {runs}", measured, QUANTITIES[:1]),
        _differences("table_2", f"Table II: gradients, {runs}", measured, QUANTITIES[1:]),
        _times(measured, repeats),
    ]


def _differences(
    name: str, title: str, measured: Sequence[Measured], quantities: Sequence[str]
) -> Sheet:
    records: list[Record] = []
    for one in measured:
        record: dict[str, object] = {"module": one.name}
        for quantity in quantities:
            for way, found in one.differences.items():
                values = found.get(quantity)
                key = _key(quantity, way)
                record[f"{key}_mean"] = statistics.fmean(values) if values else None
                record[f"{key}_std"] = statistics.pstdev(values) if values else None
        records.append(record)
    heads = {"forward": "y"} | {quantity: f"∂L/∂{quantity}" for quantity in QUANTITIES[1:]}
    fields = [_module()]
    for quantity in quantities:
        fields += [
            Field(heads[quantity], _mean_and_std(quantity)),
            Field("compiled", _mean_and_std(_key(quantity, "compiled"))),
        ]
    return Sheet(name, title, fields, records)


def _times(measured: Sequence[Measured], repeats: int) -> Sheet:
    records: list[Record] = []
    for one in measured:
        record: dict[str, object] = {"module": one.name}
        for name, seconds in (("forward", one.forward), ("both", one.both)):
            record |= {_key(f"{name}_seconds", way): seconds[way] for way in WAYS}
            record[f"{name}_ratio"] = seconds["pytorch"] / seconds["compiled"]
        records.append(record)
    fields = [_module()]
    for key, head in (("forward", "forward"), ("both", "forward + backward")):
        fields += [
            Field(f"{head}, µs", _microseconds(f"{key}_seconds")),
            Field("compiled", _microseconds(f"{key}_seconds_compiled")),
            Field("PyTorch", _microseconds(f"{key}_seconds_pytorch")),
            Field("ratio", lambda record, key=key: f"{record[f'{key}_ratio']:.2f}"),  # type: ignore[misc]
        ]
    title = (
        f"Table III: times, medians of {repeats}; a ratio above 1 means that compiled code is "
        "faster than PyTorch"
    )
    return Sheet("table_3", title, fields, records)


def _key(name: str, way: str) -> str:
    """Plain calls' is the name itself."""
    return name if way == "plain" else f"{name}_{way}"


def _module() -> Field:
    return Field("module", lambda record: str(record["module"]), number=False, key=True)


def _microseconds(key: str) -> Callable[[Record], str]:
    return lambda record: f"{record[key] * 1e6:.1f}"


def _mean_and_std(quantity: str) -> Callable[[Record], str]:
    def show(record: Record) -> str:
        mean, std = record[f"{quantity}_mean"], record[f"{quantity}_std"]
        if mean is None:
            return "–"
        return "0" if mean == 0 else f"{mean:.1e} ± " + (f"{std:.0e}" if std else "0")

    return show
