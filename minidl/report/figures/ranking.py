"""How well the outputs rank the test points: the ROC and the precision–recall curve."""

from __future__ import annotations

from typing import Any, NamedTuple

from matplotlib.figure import Figure
from sklearn.metrics import (
    average_precision_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from minidl.plural import plural
from minidl.report.figures import legends, style
from minidl.report.members.judged import Judged, judged
from minidl.report.members.run_view import RunView

_MOST_NAMED = 8  # of more classes the worst are named, and the others are grey


class _Ranked(NamedTuple):
    """A class against the rest."""

    number: int
    area: float  # under the ROC curve
    precision: float  # the average over recall


def ranking(run: RunView) -> Figure | None:
    """A curve for the second of two classes, or for each of more against the rest.

    Classes that no test point or every test point has can't be ranked, and are left out. The
    legend has the area under the ROC curve, and the average precision (AP).
    """
    seen = judged(run)
    if seen is None:
        return None
    ranked = _ranked(seen)
    if not ranked:
        return None
    of = f"{plural(len(seen.target), 'test point')}"
    if len(ranked) > 1:
        of += f"  ·  each of {len(ranked)} classes against the rest"
    figure, (roc, pr) = style.new_figure(
        "ROC and precision–recall",
        f"{style.literal(run.name, style.LONGEST)}  ·  {of}",
        size=(9.6, 4.4),
        shape=(1, 2),
    )
    named = sorted(ranked, key=lambda one: one.area)[:_MOST_NAMED]
    named = sorted(named, key=lambda one: one.number)
    handles, labels = [], []
    roc.plot([0, 1], [0, 1], color=style.QUIET, lw=1, ls=(0, (4, 3)), zorder=2)
    for one in ranked:
        grey = one not in named
        look: dict[str, Any] = {"color": style.FRAME, "lw": 0.7, "zorder": 2.5}
        if not grey:
            colour = style.class_colour(named.index(one) if len(ranked) > 1 else 0)
            look = {"color": colour, "lw": 1.6, "zorder": 3}
        positive, scores = seen.target == one.number, seen.scores[:, one.number]
        false, true, _ = roc_curve(positive, scores)
        precision, recall, _ = precision_recall_curve(positive, scores, drop_intermediate=True)
        line = roc.plot(false, true, **look)
        pr.plot(recall, precision, drawstyle="steps-post", **look)
        if not grey:
            handles += line
            figures = f"{one.area:.3f}, {one.precision:.3f}"
            labels.append(f"{style.literal(run.class_name(one.number), 26)}  {figures}")
    if len(ranked) > len(named):
        handles += roc.plot([], [], color=style.FRAME, lw=0.7)
        labels.append(f"{len(ranked) - len(named)} that are ranked better")
    if len(ranked) == 1:  # as good as guessing
        share = float((seen.target == ranked[0].number).mean())
        pr.axhline(share, color=style.QUIET, lw=1, ls=(0, (4, 3)), zorder=2)
    for axes in (roc, pr):
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02), aspect="equal", anchor="W")
    style.label(roc, "false positive rate", "true positive rate")
    style.label(pr, "recall", "precision")
    legends.named(pr, "ROC AUC, AP", handles, labels)
    return figure


def _ranked(seen: Judged) -> list[_Ranked]:
    classes = seen.scores.shape[1]
    found = []
    for index in (1,) if classes == 2 else range(classes):
        positive, scores = seen.target == index, seen.scores[:, index]
        if positive.any() and not positive.all():
            area = float(roc_auc_score(positive, scores))
            average = float(average_precision_score(positive, scores))
            found.append(_Ranked(index, area, average))
    return found
