"""How long report 003's study takes: 700 trainings, by `minidl sweep` as a whole process.

    python benchmarks/study.py [--epochs 500] [--json]

Beside the wall time stands the processor time over the number of workers: what it would take on
a machine that does nothing else. With fewer epochs than the study's 500 only that is given, and a
second run, of half as many, tells what an epoch costs. Some members, run here, show how much goes
into evaluation, and into all around training and evaluation (data, folders, CSVs, predictions).
PyTorch's time is that of its eager step, one network at a time, times the study's steps.
"""

from __future__ import annotations

import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any
from unittest import mock

import sides
import torch
import typer
from rich.console import Console
from rich.table import Table

from minidl.engine.processor import lanes_for
from minidl.runs.drive import Ending
from minidl.spec import Member, Sweep
from minidl.spec.sweep import load_sweep
from minidl.sweep.kinds import kind_of
from minidl.sweep.plan import default_jobs
from minidl.sweep.queue import Kind, Queue
from minidl.sweep.work import Datasets
from minidl.sweep.worker import Worker
from minidl.train.lanes import Lanes
from minidl.train.programs import Programs

CONFIG = Path(__file__).parent.parent / "configs" / "studies" / "batch_size_by_lr.yaml"
Clock = Callable[[], float]
MINIDL = str(Path(sys.executable).parent / "minidl")
ASKED_SECONDS, ASKED_AROUND, ASKED_EAGER, ASKED_MEMORY = 60.0, 0.1, 3.6 * 3600.0, 1e9


def main(
    epochs: Annotated[int, typer.Option(min=2, help="Fewer are extrapolated.")] = 500,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not a table.")] = False,
) -> None:
    """Run the study, and measure some of its members in parts."""
    sweep = load_sweep(CONFIG)
    all_epochs = sweep.members[0].spec.training.epochs
    whole = run_study(epochs)
    if epochs != all_epochs:
        whole = extrapolated(whole, run_study(epochs // 2), all_epochs)
    torch.set_num_threads(1)
    parts = measure_parts(sweep, time.perf_counter if whole["seconds"] else time.process_time)
    found = {**whole, **parts, "eager_seconds": eager_seconds(sweep)}
    found |= conclusions(found, sweep)
    print(json.dumps(found, indent=2)) if as_json else show(found, sweep)


def run_study(epochs: int) -> dict[str, Any]:
    """The command from the shell's point of view; its folder is deleted afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        command = [MINIDL, "sweep", str(CONFIG), f"training.epochs={epochs}", "--quiet"]
        started, before = time.perf_counter(), processor_seconds()
        done = subprocess.run([*command, "--runs-dir", folder], stdout=subprocess.PIPE, check=False)
        seconds = time.perf_counter() - started
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)} ended with {done.returncode}")
        records = [json.loads(path.read_text()) for path in Path(folder).glob("*/*/run.json")]
    # Linux counts kilobytes, of the largest process: the workers are its threads.
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return {
        "epochs": epochs,
        "seconds": seconds,
        "processor_seconds": (processor_seconds() - before) / default_jobs(),
        "memory": largest,
        "statuses": dict(Counter(record["status"] for record in records)),
    }


def processor_seconds() -> float:
    """Of all child processes that have ended, and theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def extrapolated(more: dict[str, Any], fewer: dict[str, Any], epochs: int) -> dict[str, Any]:
    """What a run of `epochs` epochs takes, from two shorter ones; wall times vary too much."""
    far = (epochs - more["epochs"]) / (more["epochs"] - fewer["epochs"])
    name = "processor_seconds"
    return {**more, "seconds": None, name: more[name] + far * (more[name] - fewer[name])}


def measure_parts(sweep: Sweep, clock: Clock) -> dict[str, float]:
    """Where the time of full lanes goes, in seconds per member, and per member and epoch.

    The part around training and evaluation is the same at any batch size.
    """
    few, many = 10, 60
    (once, _), (around, evaluation) = (_around(sweep, epochs, clock) for epochs in (few, many))
    per_epoch = (around - once) / (many - few)
    return {
        "around_per_member": once - few * per_epoch,
        "around_per_epoch": per_epoch,
        "evaluation_per_epoch": evaluation / many,
    }


def _around(sweep: Sweep, epochs: int, clock: Clock) -> tuple[float, float]:
    """Of full lanes: what is neither training nor evaluation, and evaluation, per member."""
    members = [_shortened(member, epochs) for member in _some(sweep)]
    lanes = lanes_for(torch.float32)
    with tempfile.TemporaryDirectory() as folder:
        # Twice: the first makes the code.
        for place, own in enumerate((members[:lanes], members)):
            with Clocked(clock) as clocked:
                started = clock()
                queue = Queue([Kind(own, lanes)])
                path = Path(folder) / str(place)
                path.mkdir()
                Worker(path, (), queue, Datasets(), Ending(), lambda news: None).run()
                seconds = clock() - started - clocked.took["of"] - clocked.took["train_epoch"]
    return seconds / len(members), clocked.took["_evaluate"] / len(members)


class Clocked:
    """Notes how long epochs, the evaluations in them, and making code took."""

    CALLS = ((Programs, "of"), (Lanes, "train_epoch"), (Lanes, "_evaluate"))

    def __init__(self, clock: Clock) -> None:
        self._clock, self.took = clock, {name: 0.0 for _, name in self.CALLS}
        self._patches = [mock.patch.object(owner, name, self._noted(getattr(owner, name), name))
                         for owner, name in self.CALLS]  # fmt: skip

    def _noted(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        def noted(*arguments: Any, **options: Any) -> Any:
            started = self._clock()
            try:
                return function(*arguments, **options)
            finally:
                self.took[name] += self._clock() - started

        return noted

    def __enter__(self) -> Clocked:
        for patch in self._patches:
            patch.start()
        return self

    def __exit__(self, *error: object) -> None:
        for patch in self._patches:
            patch.stop()


def _some(sweep: Sweep) -> list[Member]:
    """Some of one kind, of batch size 50, none of which diverges: those leave early."""
    safe = [
        member
        for member in sweep.members
        if member.spec.training.batch_size == 50 and member.spec.optimizer.lr <= 1e-3
    ]
    kind = kind_of(safe[0].spec)
    return [member for member in safe if kind_of(member.spec) == kind][:32]


def _shortened(member: Member, epochs: int) -> Member:
    training = member.spec.training.model_copy(update={"epochs": epochs})
    return Member(member.name, member.spec.model_copy(update={"training": training}), member.values)


def eager_seconds(sweep: Sweep) -> float:
    """All steps of all members by PyTorch's eager mode, without any evaluation."""
    total = 0.0
    sizes = Counter(member.spec.training.batch_size for member in sweep.members)
    for size, members in sizes.items():
        start = sides.Start(size)
        step, _ = sides.pytorch(start)
        times = [sides.time_step(start, step, 200, nullcontext()) for _ in range(8)]
        steps = len(start.batches) * sweep.members[0].spec.training.epochs
        total += members * steps * statistics.median(times[1:]) / 1e6
    return total


def conclusions(found: dict[str, Any], sweep: Sweep) -> dict[str, float]:
    """The shares of evaluation, and of all that is neither training nor evaluation."""
    members, epochs = len(sweep.members), sweep.members[0].spec.training.epochs
    around = members * (found["around_per_member"] + epochs * found["around_per_epoch"])
    evaluation = members * epochs * found["evaluation_per_epoch"]
    used = (found["seconds"] or found["processor_seconds"]) * default_jobs()
    return {"around_share": around / used, "evaluation_share": evaluation / used}


def show(found: dict[str, Any], sweep: Sweep) -> None:
    """Print the table."""
    epochs = sweep.members[0].spec.training.epochs
    table = Table(title=f"{len(sweep.members)} trainings of report 003, {epochs} epochs each")
    for name in ("", "measured", "asked"):
        table.add_column(name, no_wrap=True, justify="left" if not name else "right")
    rows = [
        ("minidl sweep, whole process", _time(found["seconds"]), _time(ASKED_SECONDS), "≤"),
        ("processor time by workers", _time(found["processor_seconds"]), "", ""),
        ("  of it around the training", f"{found['around_share']:.1%}", f"{ASKED_AROUND:.0%}", "≤"),
        ("  of it evaluation", f"{found['evaluation_share']:.1%}", "", ""),
        ("memory of the process", f"{found['memory'] / 1e9:.2f} GB", "1 GB", "≤"),
        ("PyTorch eager, extrapolated", _time(found["eager_seconds"]), _time(ASKED_EAGER), "≥"),
    ]
    for name, value, asked, sign in rows:
        table.add_row(name, value, f"{sign} {asked}".strip())
    console = Console()
    console.print(table)
    if found["epochs"] != epochs:
        console.print(f"Extrapolated from runs of {found['epochs']} epochs and of half as many.")
    load = os.getloadavg()[1]
    if load > default_jobs() + 0.5:
        console.print(f"Other work runs on this machine: its load is {load:.1f}.")
    states = ", ".join(f"{count} {status}" for status, count in sorted(found["statuses"].items()))
    console.print(f"{default_jobs()} workers; members: {states}.")


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "not measured"
    if seconds >= 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{math.floor(seconds / 60)} min {seconds % 60:02.0f} s"


if __name__ == "__main__":
    typer.run(main)
