"""How long a kind of network takes to be traced, compiled and compared: first time, from the cache.

    python benchmarks/preparing.py [--rounds 5] [CONFIG ...]

The cache lies in a temporary folder, which is emptied before each first time. Medians.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from minidl.build import prepare
from minidl.engine.compiler import find_compiler
from minidl.spec import load_spec
from minidl.train.programs import Programs

CONFIGS = [
    Path(__file__).parent.parent / "configs" / f"{name}.yaml"
    for name in ("relu_mse_sgd", "digits_conv", "denoise")
]


def main(
    configs: Annotated[list[Path] | None, typer.Argument(help="Configs of single runs.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each is measured.")] = 5,
) -> None:
    """Print a line for each config."""
    find_compiler()  # asked once in a process
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        for path in configs or CONFIGS:
            trainer = prepare(load_spec(path))[1].trainer
            times: list[list[float]] = [[], []]
            for _ in range(rounds):
                shutil.rmtree(Path(folder) / "minidl", ignore_errors=True)
                for taken in times:
                    started = time.perf_counter()
                    Programs.of(trainer)
                    taken.append(time.perf_counter() - started)
            first, again = map(statistics.median, times)
            print(f"{path.stem}: first time {first:.2f} s, from the cache {1000 * again:.0f} ms")


if __name__ == "__main__":
    typer.run(main)
