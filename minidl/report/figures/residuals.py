"""A regression's residuals: over what is predicted, and how they are spread."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from minidl.report.figures import legends, style
from minidl.report.figures.fit import column, scatter
from minidl.report.figures.ticks import few_if_long
from minidl.report.members.run_view import RunView

_MOST_TARGETS = 4
_BINS = 40


def residuals(run: RunView) -> Figure | None:
    """True minus predicted, a row for each target; None where no point is finite."""
    outputs = run.predictions["test_output"].reshape(len(run.predictions["test_output"]), -1)
    rows = min(outputs.shape[1], _MOST_TARGETS)
    of = f"{rows} of {outputs.shape[1]} targets" if rows < outputs.shape[1] else ""
    figure, axes = style.new_figure(
        "Residuals",
        "  ·  ".join(
            filter(None, [style.literal(run.name, style.LONGEST), of, "true − predicted"])
        ),
        size=(7.6, 0.9 + 2.9 * rows if rows > 1 else 4.2),
        shape=(rows, 2),
        width_ratios=(3, 1),
        sharey="row",
    )
    handles, labels = [], []
    for index in range(rows):
        over, beside = axes[2 * index : 2 * index + 2]
        found = {}
        for part in run.parts:
            _, target, output = run.part(part)
            true, predicted = column(target, index), column(output, index)
            known = np.isfinite(true) & np.isfinite(predicted)
            true, predicted = true[known].astype(np.float64), predicted[known].astype(np.float64)
            found[part] = (predicted, true - predicted)
        both = np.concatenate([residual for _, residual in found.values()])
        if not both.size:
            return None
        bins = np.histogram_bin_edges(both, _BINS).tolist()
        for part, (predicted, residual) in found.items():
            handle = scatter(over, part, predicted, residual)
            look: dict[str, Any] = {"color": style.PARTS[part][0], "lw": 1.4, "histtype": "step"}
            beside.hist(residual, bins, density=True, orientation="horizontal", **look)
            if index == 0:
                handles.append(handle)
                labels.append(f"{part} ({len(residual):,})")
        for panel in (over, beside):
            panel.axhline(0, color=style.INK, lw=1, ls=(0, (4, 3)), zorder=2.2)
        beside.set_xticks([])
        name = run.target(index)
        style.label(over, f"predicted {name}", "residual")
        style.label(beside, "density")
        few_if_long(over.xaxis)
    legends.at_head(figure, handles, labels)
    return figure
