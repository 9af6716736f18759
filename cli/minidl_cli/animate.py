"""minidl animate: what networks answer, epoch after epoch, as a moving picture and as a strip."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from minidl.errors import RunError
from minidl_cli.again_progress import training_again
from minidl_cli.options import Debug, Folders, Format, TextFormat, in_runs, runs_folder
from minidl_cli.output import say, show_json
from minidl_cli.places import place_for, write_figure

MOST = 9  # runs side by side


def animate(
    paths: Folders = None,
    frames: Annotated[
        int, typer.Option(min=2, max=300, metavar="N", help="How many epochs are shown.")
    ] = 50,
    axes: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help="The two inputs of the plane, by their names; others stay at their mean.",
            show_default=False,
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Only runs with this value; can be repeated."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The GIF; the strip is put beside it. Left out: among the plots of RUN or SWEEP.",
            show_default=False,
        ),
    ] = None,
    format: TextFormat = None,
    debug: Debug = False,
) -> None:
    """Show what networks answer, epoch after epoch: a GIF, and some frames as a strip (PNG).

    The runs are trained again, and several move in step: the regions or outputs over a plane of two
    inputs, or what they make of the first test images. Of networks of more inputs --axes says which
    two.

    \b
    Examples:
      minidl animate runs/spirals
      minidl animate runs/sgd runs/adam -o both.gif
      minidl animate runs/iris --axes 'petal length (cm),petal width (cm)'
    """
    from minidl.again.film import film
    from minidl.report.figures.film import Panel, colours_of, gif, strip
    from minidl.report.members.collect import collect
    from minidl.report.tables.escape import line
    from minidl.report.tables.query import query
    from minidl.report.tables.table import select
    from minidl.runs.replay import Replay
    from minidl.store.files import write_atomic
    from minidl.store.run_record import ENDED

    plane = None if axes is None else _two(axes)
    if output is not None and output.suffix.lower() != ".gif":
        raise RunError(f"{output}: --output takes a .gif")
    chosen = list(map(in_runs, paths or [runs_folder()]))
    asked = query(None, None, "last", "mean", where).where
    members = [one for one in select(collect(chosen).members, asked) if one.status in ENDED]
    if not members:
        raise RunError(f"{chosen[0]}: none of its runs has ended")
    place = place_for(chosen, output, None, "film.gif")
    if place is None:
        raise RunError("several folders need --output FILE.gif")
    if len(members) > MOST:
        say(f"the first {MOST} of {len(members)} runs are shown: choose with --where")
    replays = Replay.of_runs([one.folder.path for one in members[:MOST]])
    with training_again() as progress:
        found = film(replays, frames, progress, plane)
    panels = [
        Panel(
            Path(reel.name).name,
            colours_of(reel.answers, reel.classes, plane=reel.extent is not None),
            reel.extent,
            reel.points,
            reel.classes,
        )
        for reel in found.reels
    ]
    note = f"{plane[0]} → {plane[1]} ↑, other inputs at their mean" if plane else ""
    write_atomic(place, gif(found.epochs, panels, note))
    print(f"drew {line(place)}", file=sys.stderr)
    write_figure(strip(found.epochs, panels, note), place.with_suffix(".png"))
    if format is Format.json:
        show_json({"figures": [place, place.with_suffix(".png")], "epochs": list(found.epochs)})


def _two(axes: str) -> tuple[str, str]:
    first, comma, second = axes.partition(",")
    if not comma or not first.strip() or not second.strip():
        raise RunError(f"--axes: expected two inputs, such as A,B, but got {axes!r}")
    return first.strip(), second.strip()
