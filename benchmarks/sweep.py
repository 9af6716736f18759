"""How fast a stack of small networks trains: minidl, JAX, torch.func, and PyTorch one by one.

    python benchmarks/sweep.py [--threads 1] [--threads 2] [--batch 50] [--rounds 15] [--json]

Each number of threads has a process of its own, bound to as many cores, since JAX reads its cores
once. In it all sides are measured in turns: a round measures each once, and the table shows medians
over the rounds, in µs per network and step. minidl runs in two ways: all networks in one stack, on
all threads; and as `minidl sweep` trains them, in stacks that fit into the processor's cache, on a
process with one thread for each core.
`stacks.py` has the code that is timed. JAX is no dependency of the project: pip install
jax==0.10.2; without it the other sides are measured.
"""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

STACK, SWEEP = "minidl, one stack", "minidl, as in a sweep"
JAX, FUNC, EAGER = "JAX, jit(vmap(scan))", "torch.func, vmap(grad)", "PyTorch, one by one"
# By threads: how many times minidl's speed must be that of the other side.
ASKED: dict[int, dict[str, dict[int, float]]] = {
    1: {JAX: {1: 0.25, 5: 0.8, 50: 1.0, 200: 1.0}, EAGER: {5: 60.0, 50: 20.0}},
    2: {JAX: {1: 0.4, 5: 1.1, 50: 1.6, 200: 1.6}, FUNC: dict.fromkeys((1, 5, 50, 200), 3.0)},
}


def main(
    threads: Annotated[list[int], typer.Option(help="Cores, and threads on them.")] = [1, 2],  # noqa: B006
    batch: Annotated[list[int], typer.Option(help="Batch sizes.")] = [1, 5, 50, 200],  # noqa: B006
    networks: Annotated[int, typer.Option(min=2, help="Networks in the stack.")] = 100,
    rounds: Annotated[int, typer.Option(min=1, help="How often each side is measured.")] = 15,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not tables.")] = False,
    here: Annotated[bool, typer.Option("--here", hidden=True)] = False,
) -> None:
    """Measure a stack's training step at each batch size, on one core and on two."""
    if here:
        print(json.dumps([measure(size, networks, rounds, threads[0]) for size in batch]))
        return
    results = {count: in_own_process(count, batch, networks, rounds) for count in threads}
    if as_json:
        print(json.dumps(results, indent=2))
        return
    console = Console()
    for count, measured in results.items():
        console.print(table(count, measured, networks))
    if importlib.util.find_spec("jax") is None:
        console.print("JAX is not installed, so its rows are missing: pip install jax==0.10.2")
    show_differences(console, [one for measured in results.values() for one in measured])
    console.print(f"Medians of {rounds} rounds; ratios are the others' times by minidl's faster.")


def in_own_process(
    threads: int, batch: list[int], networks: int, rounds: int
) -> list[dict[str, Any]]:
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
    measured: list[dict[str, Any]] = json.loads(done.stdout)
    return measured


def measure(batch_size: int, networks: int, rounds: int, threads: int) -> dict[str, Any]:
    """Medians of each side at one batch size, in µs per network and step."""
    import torch
    from stacks import (
        Processes,
        Side,
        Start,
        eager,
        jax_scan,
        minidl_stack,
        minidl_stacks,
        torch_func,
    )

    torch.set_num_threads(threads)
    start = Start(batch_size, networks)
    epoch = len(start.batches)
    sides = {STACK: minidl_stack(start), FUNC: torch_func(start)}
    if threads == 1:
        sides |= {EAGER: eager(batch_size), SWEEP: minidl_stacks(start)}
    if importlib.util.find_spec("jax") is not None:
        sides[JAX] = jax_scan(start)
    differences = compare(sides, epoch)
    # JAX's call is an epoch; of the slow ones fewer steps say as much.
    steps = {STACK: epoch, SWEEP: epoch, JAX: epoch, FUNC: min(epoch, 20), EAGER: 100}
    processes = Processes(threads, batch_size, networks) if threads > 1 else None
    if processes is not None:
        sides[SWEEP] = Side(processes.run, start.inputs.clone)
    times: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, side in sides.items():
            # PyTorch's time one by one is that of one network.
            value = side.microseconds(1 if name == EAGER else networks, steps[name])
            if number > 0:
                times[name].append(value)
    if processes is not None:
        processes.end()
    return {
        "batch_size": batch_size,
        "microseconds": {name: statistics.median(values) for name, values in times.items()},
        "all": times,
        "differences": differences,
    }


def compare(sides: dict[str, Any], steps: int) -> dict[str, float]:
    """How far minidl's weights lie from the others' after an epoch, as a part of the change."""
    before, after = sides[STACK].weights(), {}
    for name in (STACK, *sorted(sides.keys() & {FUNC, JAX})):
        sides[name].run(steps)
        after[name] = sides[name].weights()
    ours = after.pop(STACK)
    change = float((ours - before).abs().max())
    return {name: float((ours - theirs).abs().max()) / change for name, theirs in after.items()}


# What is printed ----------------------------------------------------------------------------------


def table(threads: int, measured: list[dict[str, Any]], networks: int) -> Table:
    """A row per side and batch size."""
    where = "one core" if threads == 1 else f"{threads} cores"
    made = Table(title=f"A step of {networks} networks of 2-25-25-25-1 on {where}")
    made.add_column("batch", justify="right")
    made.add_column("side", no_wrap=True)
    for name in ("µs per network", "ratio", "asked"):
        made.add_column(name, justify="right")
    for result in measured:
        times, size = result["microseconds"], result["batch_size"]
        fastest = min(times[name] for name in (STACK, SWEEP))
        for index, name in enumerate(sorted(times, key=times.__getitem__)):
            least = ASKED.get(threads, {}).get(name, {}).get(size)
            made.add_row(
                str(size) if index == 0 else "",
                name,
                f"{times[name]:.2f}",
                f"{times[name] / fastest:.2f}",
                "" if least is None else f"≥ {least:g}",
            )
        made.add_section()
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
