"""The test points that the network gets most wrong, by their rows."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from minidl.report.figures import style
from minidl.report.members.judged import judged
from minidl.report.members.run_view import RunView

_SHOWN = 20
_LEAST = float(np.finfo(float).eps)  # probability, as log_loss clips it


def largest_errors(run: RunView) -> Figure | None:
    """A bar for each, the worst first; None where no point is finite.

    Of a class −ln p of it (or, where outputs aren't probabilities, how far it is behind the class
    decided for); of numbers |true − predicted|.
    """
    found = _of_classes(run) if run.classification else _of_numbers(run)
    if found is None:
        return None
    errors, names, what = found
    figure, (axes,) = style.new_figure(
        "Largest errors",
        f"{style.literal(run.name, style.LONGEST)}  ·  {len(errors)} of "
        f"{len(run.predictions['test_target']):,} test points",
        size=(7.2, 1.3 + 0.24 * len(errors)),
    )
    places = np.arange(len(errors))
    axes.barh(places, errors, 0.75, color=style.PARTS["test"][0], zorder=2)
    axes.set_yticks(places, names, size=8)
    axes.set_ylim(len(errors) - 0.4, -0.6)
    axes.grid(False, axis="y")
    axes.set_xlim(left=0)
    style.label(axes, what, "", 60)
    return figure


def _of_classes(run: RunView) -> tuple[np.ndarray, list[str], str] | None:
    seen = judged(run)
    if seen is None:
        return None
    every = np.arange(len(seen.target))
    own = (seen.scores if seen.probable else seen.ahead)[every, seen.target]
    errors = -np.log(np.maximum(own, _LEAST)) if seen.probable else -own
    order = np.argsort(-errors, kind="stable")[:_SHOWN]
    if not seen.probable:
        order = order[errors[order] > 0]  # of the others no class is ahead
    if not order.size:
        return None
    names = []
    for at in order:
        true, taken = (run.class_name(int(c[at])) for c in (seen.target, seen.predicted))
        said = style.literal(true, 18) + ("" if true == taken else f" → {style.literal(taken, 18)}")
        names.append(f"{_row(run, int(seen.points[at]))}: {said}")
    what = "−ln p of the true class"
    return errors[order], names, what if seen.probable else "how far the true class is behind"


def _of_numbers(run: RunView) -> tuple[np.ndarray, list[str], str] | None:
    _, target, output = run.part("test")
    target = target.reshape(len(target), -1).astype(np.float64)
    with np.errstate(all="ignore"):  # what diverged
        all_errors = np.abs(output.astype(np.float64) - target)
    usable = np.isfinite(all_errors).all(1)
    if not usable.any():
        return None
    worst = np.where(usable[:, None], all_errors, -1.0)
    order = np.argsort(-worst.max(1), kind="stable")[: min(_SHOWN, int(usable.sum()))]
    names = []
    for at in order:
        index = int(worst[at].argmax())
        of = f" {style.literal(run.target(index), 18)}" if target.shape[1] > 1 else ""
        true, taken = style.number(target[at, index]), style.number(float(output[at, index]))
        names.append(f"{_row(run, int(at))}:{of} {true} → {taken}")
    return worst[order].max(1), names, "|true − predicted|"


def _row(run: RunView, point: int) -> str:
    """Its row in the file that it is from, or its place in the test part, counted from 1 and 0."""
    rows = run.predictions.get("test_row")
    if rows is None:
        return f"test {point}"
    files = run.predictions.get("test_file")
    several = f"file {int(files[point]) + 1}, " if files is not None else ""
    return f"{several}row {int(rows[point])}"
