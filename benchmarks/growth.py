"""How each command grows with what a user may have more of: time and memory at 1×, 4× and 16×.

    python benchmarks/growth.py [NAME …] [--json]

A case makes its input (run folders, tables, configs; nothing is trained for it) and is measured as
a whole process, at n = 1, too (or the least n at which the command ends so): what that takes is
subtracted. The exponent k of t ~ nᵏ is that between 4× and 16×, for processor time, which other
processes disturb least, and for the largest resident memory. A case that adds less than 0.2 s or
20 MB at 16× has none: it would be noise.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from command import Measured, run_minidl
from growth_cases import CASES, Case
from rich.console import Console
from rich.table import Table

ASKED = 1.1  # the largest exponent
STEPS = (1, 4, 16)
LEAST_SECONDS, LEAST_BYTES = 0.2, 20e6


def main(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Cases, or parts of their names."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not a table.")] = False,
) -> None:
    """Measure each case at n = 1, then at 1×, 4× and 16×."""
    chosen = [name for name in CASES if not names or any(part in name for part in names)]
    found = {}
    for name in chosen:
        found[name] = [measure(CASES[name], n) for n in ns(CASES[name])]
        times = ", ".join(f"{one.n:,}: {one.processor:.2f} s" for one in found[name])
        print(f"{name}: {times}", file=sys.stderr)
    if as_json:
        print(json.dumps({name: [*map(asdict, all_)] for name, all_ in found.items()}, indent=2))
    else:
        show(found)


def ns(case: Case) -> tuple[int, ...]:
    return case.least, *(case.at * times for times in STEPS)


def measure(case: Case, n: int) -> Measured:
    """The case's command as a process, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return run_minidl(case.make(Path(folder), n), Path(folder), case.code, n)


def exponent(values: list[float], least: float) -> float:
    """That between 4× and 16×, of what is more than at n = 1; NaN where that is hardly anything."""
    base, _, four, sixteen = values
    if sixteen - base < least:
        return math.nan
    return math.log((sixteen - base) / max(four - base, least / 16)) / math.log(STEPS[2] / STEPS[1])


def show(found: dict[str, list[Measured]]) -> None:
    """A row per case; what is more than asked is marked."""
    made = Table(title="Growth: whole processes at 1×, 4× and 16×")
    made.add_column("case", no_wrap=True)
    for name in ("n at 16×", "seconds", "at n = 1", "exponent", "GB", "at n = 1", "exponent"):
        made.add_column(name, justify="right")
    for name, measured in found.items():
        first, last = measured[0], measured[-1]
        seconds = f"{last.wall:.2f}" + (" !" if last.wall > CASES[name].seconds else "")
        cells = [seconds, f"{first.wall:.2f}"]
        cells += [_shown(exponent([one.processor for one in measured], LEAST_SECONDS))]
        cells += [f"{last.memory / 1e9:.2f}", f"{first.memory / 1e9:.2f}"]
        cells += [_shown(exponent([one.memory for one in measured], LEAST_BYTES))]
        made.add_row(name, f"{last.n:,}", *cells)
    Console().print(made)


def _shown(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}" + (" !" if value > ASKED else "")


if __name__ == "__main__":
    typer.run(main)
