"""Every figure that a run folder allows, and those that say how good its predictions are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from minidl.store.run_folder import RunFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from minidl.report.members.run_view import RunView

    Draw = Callable[[RunView], Figure | None]


def draw_run(folder: RunFolder) -> list[Path]:
    """Draws plots/*.png from the folder's records and returns their paths.

    Only the folder is read. What it lacks (predictions of a run that failed, say) is passed over;
    a damaged file is a RunError.
    """
    from minidl.report.figures import style
    from minidl.report.members.run_view import RunView

    run = RunView.read(folder)
    drawn = []
    for name, draw in _figures(run):
        figure = draw(run)
        if figure is not None:
            drawn.append(folder.write_plot(name, style.to_png(figure)))
    return drawn


def draw_quality(folder: RunFolder) -> list[tuple[str, Figure]]:
    """The figures that say how good a run's predictions are, by name.

    `report RUN --plots` has them; a run that ends doesn't take longer for them. Raises RunError
    where a file is damaged.
    """
    from minidl.report.members.run_view import RunView

    run = RunView.read(folder)
    drawn = ((name, draw(run)) for name, draw in _of_quality(run))
    return [(name, figure) for name, figure in drawn if figure is not None]


def _of_quality(run: RunView) -> Iterator[tuple[str, Draw]]:
    from minidl.report.figures.largest_errors import largest_errors
    from minidl.report.figures.ranking import ranking
    from minidl.report.figures.reliability import reliability
    from minidl.report.figures.residuals import residuals

    if run.task == "images" or "test_output" not in run.predictions:
        return
    if run.classification:
        yield "roc_and_precision_recall", ranking
        yield "reliability", reliability
    else:
        yield "residuals", residuals
    yield "largest_errors", largest_errors


def _figures(run: RunView) -> Iterator[tuple[str, Draw]]:
    """The figures that suit the run's task and the number of its inputs."""
    from minidl.report.figures import confusion, curves, dynamics, fit, image_grid, plane

    yield "loss", curves.loss
    yield "dynamics", dynamics.dynamics
    if run.task == "images":
        yield "psnr", curves.psnr
        if "test_image_output" in run.predictions:
            yield "images", image_grid.image_grid
        return
    if run.classification:
        yield "accuracy", curves.accuracy
    else:
        yield "r2", curves.r2
    if "test_output" not in run.predictions:
        return
    grid = "grid_output" in run.predictions
    if run.features == 2:
        yield "data", plane.data
        if grid and run.classification:
            yield "decision_boundary", plane.decision_boundary
        if grid:
            yield "output", plane.output
    if run.classification:
        yield "confusion_matrix", confusion.confusion_matrix
    elif run.features == 1 and grid:
        yield "fit", fit.fit
    else:
        yield "predicted_vs_true", fit.predicted_vs_true
