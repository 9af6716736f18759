"""minidl report --samples: what each training sample went through, over the seeds of a group."""

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
    from matplotlib.figure import Figure

    from minidl.again.samples import Floats as Images
    from minidl.again.samples import Samples

ROWS = 20  # of the table for people, unless --top says otherwise


def show_samples(
    paths: Sequence[Path],
    where: Mapping[str, Any],
    written_as: Format,
    output: Path | None,
    plots: bool | None,
    plot_format: str = "png",
    top: int | None = None,
) -> None:
    """The table and, of images, the picture, of the one group that is asked for."""
    from minidl.again.samples import samples
    from minidl.again.sheet import notes_of, sample_sheet
    from minidl.report.members.collect import collect
    from minidl.report.members.groups import group_by
    from minidl.report.tables.sheet import as_text
    from minidl.report.tables.table import select
    from minidl.runs.replay import Replay

    if written_as not in TABLE_FORMATS:
        raise RunError("--samples is no page: choose another --format than html")
    refuse_same(output, plots, f"samples.{plot_format}")
    collection = collect(paths)
    groups = group_by(select(collection.members, where), None)
    if len(groups) != 1:
        message = f"holds runs of {len(groups)} configs, but --samples takes those of one"
        raise RunError(f"{paths[0]}: {message}: choose with --where KEY=VALUE")
    finished = groups[0].finished
    if not finished:
        raise RunError(f"{paths[0]}: none of its runs has finished")
    replays = Replay.of_runs([member.folder.path for member in finished])
    with training_again() as progress:
        found = samples(replays, progress)
    most = top or (ROWS if written_as is Format.table else None)
    sheet = sample_sheet(found, most)
    left = len(groups[0].members) - len(finished)
    notes = [*notes_of(found, len(sheet.records)), *collection.notes]
    notes += [f"left out, as not finished: {left}"] if left else []
    notes += [broken.note for broken in collection.broken]
    show_text(lambda width, bold: as_text([sheet], notes, written_as, width, bold=bold), output)
    if found.images is None:
        if plots:
            raise RunError("--plots: --samples draws images alone, and these are none")
    elif found.suspects.any() and (
        place := place_for(paths, output, plots, f"samples.{plot_format}")
    ):
        write_figure(_figure(found, found.images, paths[0].resolve().name), place)


def _figure(found: Samples, images: Images, name: str) -> Figure:
    from minidl.report.figures import style
    from minidl.report.figures.image_tiles import MOST, image_tiles

    suspects = [i for i in found.doubted_first().tolist() if found.suspects[i]]
    names, shown = found.class_names, suspects[:MOST]
    words = [
        f"{found.numbers[i]}: {names[found.labels[i]]}, not {names[found.answers[i]]}?"
        for i in shown
    ]
    count = f"{len(shown)} of {len(suspects):,}, those least agreed on"
    return image_tiles(
        "Likely wrong labels", f"{style.literal(name)}  ·  {count}", images[shown], words
    )
