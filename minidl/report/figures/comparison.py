"""The curves of what is compared, laid over each other."""

from __future__ import annotations

from matplotlib.figure import Figure

from minidl.report.figures import style
from minidl.report.figures.lines import Line, legend
from minidl.report.figures.lines import draw as draw_lines
from minidl.report.figures.picture import MOST_LINES, looks, panels, tall
from minidl.report.members.measures import words
from minidl.report.members.series import series, single
from minidl.report.tables.compare import Comparison

LOSSES = ("train_loss", "val_loss", "test_loss")


def draw(comparison: Comparison, notes: list[str]) -> Figure | None:
    """The sides' curves laid over each other: loss, and accuracy, R² or PSNR; bands for groups."""
    shown = comparison.sides[:MOST_LINES]
    drawn: dict[str, list[Line]] = {}
    scored = [f"{part}_{name}" for name in ("accuracy", "r2", "psnr") for part in ("val", "test")]
    for metric in (*LOSSES, *scored):
        for side, look in zip(shown, looks([side.name for side in shown]), strict=True):
            members = side.group.members
            if len(members) == 1:
                made = single(members[0], metric, notes)
            else:
                made = series(members, metric, "std", notes)
            if made is not None:
                drawn.setdefault(metric, []).append(Line(side.name, look, made))
    drawn = {m: ls for m, ls in drawn.items() if any(line.series.epochs.size for line in ls)}
    if not drawn:
        return None
    losses = [line for metric in LOSSES for line in drawn.get(metric, [])]
    groups = any(len(side.group.members) > 1 for side in shown)
    below = ["mean ± std" if groups else "single runs"]
    if any(metric in comparison.metrics and not comparison.like(metric) for metric in drawn):
        below.append("losses or data differ")
    if len(shown) < len(comparison.sides):
        below.append(f"{len(shown)} of {len(comparison.sides)} lines")
    size = tall((3.9, 3.3), [f"{side.name}: diverged" for side in shown])
    figure, (row,) = panels("Comparison", below, 1, len(drawn), size, 1.8)
    for axes, (metric, lines) in zip(row, drawn.items(), strict=True):
        draw_lines(axes, metric, lines, "auto", losses if metric in LOSSES else lines)
        style.label(axes, comparison.over, words(metric))
    legend(row[-1], "run", [line for lines in drawn.values() for line in lines][: len(shown)])
    return figure
