"""Tables I to III of report 004, for every module and loss."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from minidl.bench.pairs import NAMES, Pair, pair
from minidl.bench.timing import medians
from minidl.report.sheet import Field, Record, Sheet
from minidl.threads import use_threads

# Whose difference is measured: the output, and the gradients.
QUANTITIES = ("forward", "input", "weight", "bias")


@dataclass(frozen=True)
class Measured:
    """One module. differences: by quantity the largest absolute one of each run.

    forward, both: median seconds of a forward pass, and of forward and backward: ours, PyTorch's.
    """

    name: str
    differences: dict[str, list[float]]
    forward: tuple[float, float]
    both: tuple[float, float]


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
    runs = []
    for _ in range(repeats):
        both.draw()
        runs.append(both.differences())
    differences = {quantity: [run[quantity] for run in runs] for quantity in runs[0]}
    inference, autograd = torch.inference_mode, contextlib.nullcontext
    ours, theirs, ours_both, theirs_both = medians(
        [
            (both.forward, inference),
            (both.their_forward, inference),
            (both.both, inference),
            (both.their_both, autograd),
        ],
        repeats,
    )
    return Measured(name, differences, (ours, theirs), (ours_both, theirs_both))


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
            values = one.differences.get(quantity)
            record[f"{quantity}_mean"] = statistics.fmean(values) if values else None
            record[f"{quantity}_std"] = statistics.pstdev(values) if values else None
        records.append(record)
    heads = {"forward": "y"} | {quantity: f"∂L/∂{quantity}" for quantity in QUANTITIES[1:]}
    fields = [_module(), *(Field(heads[q], _mean_and_std(q)) for q in quantities)]
    return Sheet(name, title, fields, records)


def _times(measured: Sequence[Measured], repeats: int) -> Sheet:
    records = [
        {
            "module": one.name,
            "forward_seconds": one.forward[0],
            "forward_seconds_pytorch": one.forward[1],
            "forward_ratio": one.forward[1] / one.forward[0],
            "both_seconds": one.both[0],
            "both_seconds_pytorch": one.both[1],
            "both_ratio": one.both[1] / one.both[0],
        }
        for one in measured
    ]
    fields = [_module()]
    for key, head in (("forward", "forward"), ("both", "forward + backward")):
        fields += [
            Field(f"{head}, µs", _microseconds(f"{key}_seconds")),
            Field("PyTorch", _microseconds(f"{key}_seconds_pytorch")),
            Field("ratio", lambda record, key=key: f"{record[f'{key}_ratio']:.2f}"),  # type: ignore[misc]
        ]
    title = f"Table III: times, medians of {repeats}; a ratio above 1 means that minidl is faster"
    return Sheet("table_3", title, fields, records)


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
