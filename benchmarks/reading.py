"""How long a large table takes to read and to predict, beside pandas.

    python benchmarks/reading.py [--rows 1000000] [--columns 30] [--rounds 3]

A CSV of random numbers, whose last column is one of two words. Seconds are those of CPU, the least
of the rounds; each measurement is a process of its own, and its memory is the most that the process
had beyond what it had when all was imported, as a multiple of the inputs in float64.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

CONFIG = """\
data: {type: csv, path: table.csv, target: kind}
model: {mlp: [8]}
loss: cross_entropy
training: {epochs: 1, batch_size: 1000}
"""
MEASURED = """\
import resource
from pathlib import Path
import pandas
from minidl.build import read_data
from minidl.runs.inference import TrainedRun
from minidl.spec import load_spec
def used():
    now = resource.getrusage(resource.RUSAGE_SELF)
    return now.ru_utime + now.ru_stime, now.ru_maxrss
before = used()
{statement}
seconds, memory = (now - then for now, then in zip(used(), before))
print(seconds, memory * 1024)
"""
STATEMENTS = {
    "pandas.read_csv": "pandas.read_csv('table.csv')",
    "read_data": "read_data(load_spec('c.yaml'))",
    # As many columns as a prediction has: row, class and two probabilities.
    "pandas: read, write": "pandas.read_csv('table.csv').iloc[:, -3:].to_csv('out.csv')",
    "predict": "run = TrainedRun.load(Path('runs/one'))\n"
    "rows = run.predict_file(Path('table.csv'), inputs=False)\n"
    "Path('out.csv').write_bytes(rows.content())",
}


def main(
    rows: Annotated[int, typer.Option(min=1000)] = 1_000_000,
    columns: Annotated[int, typer.Option(min=2)] = 30,
    rounds: Annotated[int, typer.Option(min=1)] = 3,
) -> None:
    """Print a line for each way."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        rng = np.random.default_rng(0)
        table = pd.DataFrame(rng.normal(size=(rows, columns - 1)).round(4)).add_prefix("x")
        table["kind"] = np.where(table["x0"] > 0, "up", "down")
        table.to_csv("table.csv", index=False)
        Path("c.yaml").write_text(CONFIG)
        minidl = str(Path(sys.executable).parent / "minidl")
        run([minidl, "train", "c.yaml", "--name", "one", "--quiet"])
        for name, statement in STATEMENTS.items():
            code = MEASURED.replace("{statement}", statement)
            found = [run([sys.executable, "-c", code]).split() for _ in range(rounds)]
            seconds, memory = (min(map(float, one)) for one in zip(*found, strict=True))
            print(f"{name:20} {seconds:6.2f} s {memory / (8 * rows * (columns - 1)):6.2f} ×")
        os.chdir("/")


def run(command: list[str]) -> str:
    """What a command printed."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    typer.run(main)
