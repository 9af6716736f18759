"""minidl report --landscape: the loss on a plane through the weights, with the runs' paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minidl.errors import RunError
from minidl_cli.again_progress import training_again
from minidl_cli.options import TABLE_FORMATS, Format
from minidl_cli.output import show_text
from minidl_cli.places import place_for, refuse_same, write_figure

if TYPE_CHECKING:
    from minidl.again.landscape import Landscape
    from minidl.report.tables.sheet import Sheet


RANDOM = (
    "Its directions are random, and filter-normalised: each row of a weight is as long as that of "
    "the network (Li et al. 2018)"
)


def show_landscape(
    paths: Sequence[Path],
    where: Mapping[str, Any],
    written_as: Format,
    output: Path | None,
    plots: bool | None,
    plot_format: str = "png",
    seed: int | None = None,
) -> None:
    """A row for each run, and the map."""
    from minidl.again.landscape import landscape
    from minidl.report.figures.landscape import draw_landscape
    from minidl.report.members.collect import collect
    from minidl.report.tables.sheet import as_text
    from minidl.report.tables.table import select
    from minidl.runs.replay import Replay

    if written_as not in TABLE_FORMATS:
        raise RunError("--landscape is no page: choose another --format than html")
    name = f"landscape{'' if seed is None else '_random'}.{plot_format}"
    refuse_same(output, plots, name)
    collection = collect(paths)
    finished = [one for one in select(collection.members, where) if one.finished]
    if not finished:
        raise RunError(f"{paths[0]}: none of its runs has finished")
    replays = Replay.of_runs([member.folder.path for member in finished])
    with training_again() as progress:
        found = landscape(replays, progress, seed=seed)
    share = f"the plane holds {100 * found.share:.2g} % of the paths' variance"
    notes = [
        f"The plane goes through the last weights of {finished[0].name}, and {share}. off: how far"
        " a run's last weights lie off it, by the way they came from the first ones.",
        *([] if seed is None else [f"{RANDOM}. x and y are in such lengths; seed {seed}."]),
        *collection.notes,
        *(broken.note for broken in collection.broken),
    ]
    sheet = _sheet(found)
    show_text(lambda width, bold: as_text([sheet], notes, written_as, width, bold=bold), output)
    if place := place_for(paths, output, plots, name):
        drawn = [(Path(path.name).name, path.places) for path in found.paths]
        share += "" if seed is None else f"  ·  random directions, seed {seed}"
        write_figure(draw_landscape(share, found.x, found.y, found.loss, drawn), place)


def _sheet(found: Landscape) -> Sheet:
    from minidl.report.tables.sheet import Field, Sheet

    records = [
        {
            "run": Path(path.name).name,
            "x": float(path.places[-1, 0]),
            "y": float(path.places[-1, 1]),
            "train_loss": path.loss,
            "recorded": float(path.recorded),
            "off": path.beside,
        }
        for path in found.paths
    ]
    fields = [
        Field("run", lambda r: r["run"], number=False, key=True),
        Field("x", lambda r: f"{r['x']:.3g}"),
        Field("y", lambda r: f"{r['y']:.3g}"),
        Field("training loss", lambda r: f"{r['train_loss']:.6g}"),
        Field("as recorded", lambda r: f"{r['recorded']:.6g}"),
        Field("off", lambda r: f"{r['off']:.2g}"),
    ]
    return Sheet("landscape", "where the runs ended in the plane", fields, records)
