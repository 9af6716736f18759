"""Where figures are put: beside --output, or among the plots of one sweep or run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from minidl.errors import RunError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


NO_PLACE = "--plots needs --output FILE, beside which figures are put, or one sweep or run"


def plots_of(paths: Sequence[Path]) -> Path | None:
    """The folder for figures of one sweep or run; None where it isn't one. Raises RunError."""
    from minidl.store import folders
    from minidl.store.run_folder import is_run, is_sweep

    if len(paths) != 1 or not (is_sweep(paths[0]) or is_run(paths[0])):
        return None
    folder = paths[0] / "plots"
    folders.refuse_link(folder)
    return folder


def place_for(
    paths: Sequence[Path], output: Path | None, plots: bool | None, name: str
) -> Path | None:
    """The figure's: among a sweep's or run's plots, or beside `output`, unless it isn't wanted."""
    from minidl.store import folders

    if plots is False:
        return None
    if output is not None:
        return _beside(output, name)
    if (folder := plots_of(paths)) is not None:
        folders.make(folder)
        folders.refuse_link(folder / name)
        return folder / name
    if plots:
        raise RunError(NO_PLACE)
    return None


def refuse_same(output: Path | None, plots: bool | None, name: str) -> None:
    """Raises RunError where a figure would be put in the place of the table beside it."""
    if output is not None and plots is not False and _beside(output, name) == output:
        what = "is where the figure would be put, too"
        raise RunError(f"{output}: {what}: choose another ending, or --no-plots")


def _beside(output: Path, name: str) -> Path:
    """With the ending of `name`, unless it has that already, in whatever letters."""
    ending = Path(name).suffix
    return output if output.suffix.lower() == ending else output.with_suffix(ending)


def write_figure(figure: Figure, place: Path) -> None:
    """Into its file, and say so."""
    from minidl.report.figures.endings import format_of
    from minidl.report.figures.style import to_bytes
    from minidl.report.tables.escape import line
    from minidl.store.files import write_atomic

    write_atomic(place, to_bytes(figure, format_of(place)))
    print(f"drew {line(place)}", file=sys.stderr)
