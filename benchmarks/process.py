"""How long the commands take as whole processes, from the shell's point of view.

    python benchmarks/process.py [--rounds 5] [--json]

Each command runs once unmeasured, so that files lie in the disk cache; then in turns, and the table
shows medians. The training writes its run folder, plots included, into a temporary folder. The
report is over a sweep of 1,000 runs that is trained first, for an epoch each.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

MINIDL = str(Path(sys.executable).parent / "minidl")
CONFIG = str(Path(__file__).parent.parent / "configs" / "relu_mse_sgd.yaml")
# Command and how many seconds it may take.
COMMANDS = {
    "minidl --help": ([MINIDL, "--help"], 0.3),
    "minidl validate CONFIG": ([MINIDL, "validate", CONFIG], 0.5),
    "minidl train CONFIG --quiet": ([MINIDL, "train", CONFIG, "--quiet"], 5.0),
    "minidl report, 1,000 runs": ([MINIDL, "report", "runs"], 3.0),
}
THOUSAND = [
    *(MINIDL, "sweep", CONFIG, "--quiet", "--name", "thousand", "--repeats", "100"),
    *("training.epochs=1", "schedule=constant", "optimizer.lr=0.1,0.2,0.3,0.4,0.5"),
    "optimizer.momentum=0.0,0.9",
]


def main(
    rounds: Annotated[int, typer.Option(min=1, help="How often each command runs.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not a table.")] = False,
) -> None:
    """Measure each command's wall time."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        wall_seconds(THOUSAND, folder)
        for number in range(rounds + 1):
            for name, (command, _) in COMMANDS.items():
                seconds = wall_seconds(command, folder)
                if number > 0:
                    times[name].append(seconds)
    if as_json:
        print(json.dumps({"rounds": rounds, "seconds": times}, indent=2))
    else:
        show(times)


def wall_seconds(command: list[str], folder: str) -> float:
    """From start to end of the process, which works in that folder."""
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return seconds


def show(times: dict[str, list[float]]) -> None:
    """Print the table."""
    table = Table(title="Whole processes, wall time in seconds")
    table.add_column("command", no_wrap=True)
    for name in ("median", "fastest", "slowest", "asked"):
        table.add_column(name, justify="right")
    for command, values in times.items():
        table.add_row(
            command,
            *(f"{value:.2f}" for value in (statistics.median(values), min(values), max(values))),
            f"≤ {COMMANDS[command][1]:.1f}",
        )
    console = Console()
    console.print(table)
    console.print(
        f"CONFIG is configs/{Path(CONFIG).name}; {len(next(iter(times.values())))} rounds."
    )


if __name__ == "__main__":
    typer.run(main)
