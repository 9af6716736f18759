"""How fast many small networks train: minidl in lanes, JAX, torch.func, and PyTorch one by one.

    python benchmarks/sweep.py [--threads 1] [--threads 2] [--batch 50] [--rounds 15] [--json]

Each number of threads has a process of its own, bound to as many cores, since JAX reads its cores
once. In it all sides are measured in turns: a round measures each once, and the table shows medians
over the rounds, in µs per network and step. minidl runs in two ways: its compiled step in lanes,
as JAX's; and as in a sweep, with all that its epochs do but evaluation and files. It trains sixteen
networks, the others 100, which is what suits each. `many.py` has the code that is timed. Two more
tables show what another activation, optimizer, loss, dropout costs in lanes, and larger networks.
JAX is no dependency of the project: pip install jax==0.10.2; without it the other sides are
measured.
"""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

LANES, SWEEP = "minidl, in lanes", "minidl, as in a sweep"
JAX, FUNC, EAGER = "JAX, jit(vmap(scan))", "torch.func, vmap(grad)", "PyTorch, one by one"
OURS = 16  # networks that minidl trains
# By threads: how many times minidl's speed must be that of the other side.
ASKED: dict[int, dict[str, dict[int, float]]] = {
    1: {JAX: {1: 1.5, 5: 10.0, 50: 4.0, 200: 4.0}},
}
COMMON = "ReLU, MSE, SGD"
# One change each to the common network; three outputs take other data.
VARIANTS: dict[str, tuple[str, ...]] = {
    COMMON: (),
    "Tanh": ("model.activation=tanh",),
    "Adam": ("optimizer={type: adam, lr: 0.001}",),
    "dropout 0.2": ("model.dropout=0.2",),
    "cross-entropy, 3 outputs": (
        "data={type: spirals, classes: 3, train: 1000, test: 1000}", "loss=cross_entropy",
    ),
}  # fmt: skip
ASKED_OF_VARIANTS = 2.0
CONFIGS = Path(__file__).parent.parent / "configs"
# Config (None: the common one), changes, and how many networks.
LARGER: dict[str, tuple[str | None, tuple[str, ...], int]] = {
    "2-128-128-1, batch 50": (None, ("model.hidden=[128,128]", "training.batch_size=50"), 8),
    "digits_conv": ("digits_conv", ("schedule=constant",), 2),
    "denoise": ("denoise", ("data.train=64", "data.test=32"), 1),
}


def main(
    threads: Annotated[list[int], typer.Option(help="Cores, and threads on them.")] = [1, 2],  # noqa: B006
    batch: Annotated[list[int], typer.Option(help="Batch sizes.")] = [1, 5, 50, 200],  # noqa: B006
    networks: Annotated[int, typer.Option(min=16, help="Networks of the others.")] = 100,
    rounds: Annotated[int, typer.Option(min=1, help="How often each side is measured.")] = 15,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not tables.")] = False,
    here: Annotated[bool, typer.Option("--here", hidden=True)] = False,
) -> None:
    """Measure a training step of many networks, on one core and on two."""
    if here:
        count = threads[0]
        found: dict[str, Any] = {
            "sizes": [measure(size, networks, rounds, count) for size in batch],
            "variants": measure_variants(rounds) if count == 1 else None,
            "larger": measure_larger(rounds) if count == 1 else None,
        }
        print(json.dumps(found))
        return
    results = {count: in_own_process(count, batch, networks, rounds) for count in threads}
    if as_json:
        print(json.dumps(results, indent=2))
        return
    console = Console()
    for count, measured in results.items():
        console.print(table(count, measured["sizes"]))
        if measured["variants"]:
            console.print(table_of_variants(measured["variants"]))
            console.print(table_of_larger(measured["larger"]))
    if importlib.util.find_spec("jax") is None:
        console.print("JAX is not installed, so its rows are missing: pip install jax==0.10.2")
    show_differences(console, [one for found in results.values() for one in found["sizes"]])
    console.print(f"Medians of {rounds} rounds; ratios are the others' times by minidl's in lanes.")


def in_own_process(threads: int, batch: list[int], networks: int, rounds: int) -> dict[str, Any]:
    """This script again, on as many cores."""
    cores = sorted(os.sched_getaffinity(0))[-threads:]
    if len(cores) < threads:
        sys.exit(f"{threads} threads need as many cores; this process may use {len(cores)}")
    own = [f"--{name}={value}" for name, value in (("networks", networks), ("rounds", rounds))]
    sizes = [f"--batch={size}" for size in batch]
    command = [sys.executable, __file__, "--here", f"--threads={threads}", *own, *sizes]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "JAX_PLATFORMS": "cpu"}
    if threads == 1:
        environment["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    done = subprocess.run(
        command,
        env=environment,
        cwd=Path(__file__).parent,
        stdout=subprocess.PIPE,
        check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    if done.returncode != 0:
        sys.exit(f"the measurement on {threads} thread(s) ended with {done.returncode}")
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def measure(batch_size: int, networks: int, rounds: int, threads: int) -> dict[str, Any]:
    """Medians of each side at one batch size, in µs per network and step."""
    import torch
    from many import Start, eager, jax_scan, minidl_lanes, minidl_sweep, specs, torch_func

    torch.set_num_threads(threads)
    start = Start(batch_size, networks)
    these = specs(OURS, f"training.batch_size={batch_size}")
    sides = {
        LANES: minidl_lanes(start, OURS, threads),
        SWEEP: minidl_sweep(these, threads),
        FUNC: torch_func(start),
    }
    if threads == 1:
        sides[EAGER] = eager(batch_size)
    if importlib.util.find_spec("jax") is not None:
        sides[JAX] = jax_scan(start)
    differences = compare(sides, len(start.batches))
    found = in_turns({name: side.microseconds for name, side in sides.items()}, rounds)
    return {"batch_size": batch_size, "differences": differences, **found}


def in_turns(clocks: dict[str, Callable[[], float]], rounds: int) -> dict[str, Any]:
    """The medians and the fastest of each clock's readings, after one that isn't counted."""
    times: dict[str, list[float]] = {name: [] for name in clocks}
    for number in range(rounds + 1):
        for name, clock in clocks.items():
            value = clock()
            if number > 0:
                times[name].append(value)
    return {
        "microseconds": {name: statistics.median(values) for name, values in times.items()},
        "fastest": {name: min(values) for name, values in times.items()},
        "all": times,
    }


def compare(sides: dict[str, Any], steps: int) -> dict[str, float]:
    """How far minidl's weights lie from the others' after an epoch, as a part of the change."""
    before, after = sides[LANES].weights(), {}
    for name in (LANES, *sorted(sides.keys() & {FUNC, JAX})):
        sides[name].run(steps)
        after[name] = sides[name].weights()[: len(before)]
    ours = after.pop(LANES)
    change = float((ours - before).abs().max())
    return {name: float((ours - theirs).abs().max()) / change for name, theirs in after.items()}


def measure_variants(rounds: int) -> dict[str, Any]:
    """The common network at batch 50 with one thing changed, in lanes, per network and step."""
    from many import minidl_sweep, specs

    sides = {
        name: minidl_sweep(specs(OURS, "training.batch_size=50", *changes), 1)
        for name, changes in VARIANTS.items()
    }
    return in_turns({name: side.microseconds for name, side in sides.items()}, rounds)


def measure_larger(rounds: int) -> dict[str, Any]:
    """Larger networks as a sweep trains them, and PyTorch's one by one."""
    from many import minidl_sweep, specs
    from sides import CONFIG

    clocks, engines = {}, {}
    for name, (config, changes, networks) in LARGER.items():
        text = CONFIG if config is None else (CONFIGS / f"{config}.yaml").read_text()
        these = specs(networks, *changes, "device=cpu", config=text)
        side = minidl_sweep(these, 1)
        engines[name] = side.engine
        clocks[f"{name}: minidl"] = side.microseconds
        clocks[f"{name}: PyTorch"] = _pytorch_clock(these[0], side.steps)
    return {"engines": engines, **in_turns(clocks, min(rounds, 5))}


def _pytorch_clock(spec: Any, steps: int) -> Callable[[], float]:
    from time import perf_counter

    from minidl.bench.training import PyTorchTraining
    from minidl.build import build, read_data

    training = PyTorchTraining(build(spec, read_data(spec)))
    batches = list(training.trainer.batches)
    count = min(steps, 40)

    def clock() -> float:
        started = perf_counter()
        for number in range(count):
            training.step(*batches[number % len(batches)])
        return (perf_counter() - started) / count * 1e6

    return clock


# What is printed ----------------------------------------------------------------------------------


def table(threads: int, measured: list[dict[str, Any]]) -> Table:
    """A row per side and batch size."""
    where = "one core" if threads == 1 else f"{threads} cores"
    made = Table(title=f"A step of many networks of 2-25-25-25-1 on {where}")
    made.add_column("batch", justify="right")
    made.add_column("side", no_wrap=True)
    for name in ("µs per network", "fastest", "ratio", "asked"):
        made.add_column(name, justify="right")
    for result in measured:
        times, size = result["microseconds"], result["batch_size"]
        for index, name in enumerate(sorted(times, key=times.__getitem__)):
            least = ASKED.get(threads, {}).get(name, {}).get(size)
            made.add_row(
                str(size) if index == 0 else "",
                name,
                f"{times[name]:.3g}",
                f"{result['fastest'][name]:.3g}",
                f"{times[name] / times[LANES]:.2f}",
                "" if least is None else f"≥ {least:g}",
            )
        made.add_section()
    return made


def table_of_variants(found: dict[str, Any]) -> Table:
    """A row per change to the common network."""
    made = Table(title="One thing changed, in lanes, batch 50, one core")
    made.add_column("network", no_wrap=True)
    for name in ("µs per network", "fastest", "ratio", "asked"):
        made.add_column(name, justify="right")
    times, fastest = found["microseconds"], found["fastest"]
    for name in VARIANTS:
        made.add_row(
            name,
            f"{times[name]:.3g}",
            f"{fastest[name]:.3g}",
            f"{times[name] / times[COMMON]:.2f}",
            "" if name == COMMON else f"≤ {ASKED_OF_VARIANTS:g}",
        )
    return made


def table_of_larger(found: dict[str, Any]) -> Table:
    """A row per network."""
    made = Table(title="Larger networks, one core")
    made.add_column("network", no_wrap=True)
    for name in ("µs per network", "fastest", "PyTorch", "ratio"):
        made.add_column(name, justify="right")
    made.add_column("minidl")
    times, fastest = found["microseconds"], found["fastest"]
    for name in LARGER:
        ours, theirs = times[f"{name}: minidl"], times[f"{name}: PyTorch"]
        row = (ours, fastest[f"{name}: minidl"], theirs)
        cells = (*(f"{value:.4g}" for value in row), f"{theirs / ours:.2f}")
        made.add_row(name, *cells, found["engines"][name])
    return made


def show_differences(console: Console, measured: list[dict[str, Any]]) -> None:
    """Whether all sides do the same work."""
    console.print("After an epoch from the same weights, the largest difference from minidl's:")
    for name in (FUNC, JAX):
        found = [one["differences"][name] for one in measured if name in one["differences"]]
        if found:
            console.print(f"  {name} {max(found):.1e} of the largest change")


if __name__ == "__main__":
    typer.run(main)
