"""How every figure looks: colours, type, axes, and the words that users wrote.

Figures are made as objects, without pyplot: no display, no window, no global state.
"""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
import sys
import unicodedata
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.transforms import Bbox

from minidl.report.figures.endings import METADATA, SETTINGS
from minidl.report.figures.fonts import use_fonts_that_have_all
from minidl.report.figures.ticks import PlainTicks
from minidl.report.tables.escape import columns
from minidl.report.tables.fold import fold

if TYPE_CHECKING:
    from matplotlib.colorbar import Colorbar
    from matplotlib.legend import Legend
    from matplotlib.text import Text

if "matplotlib.pyplot" not in sys.modules:  # else somebody draws figures of their own here
    mpl.rcdefaults()  # whatever a matplotlibrc says

DPI = 150
LONGEST = 240  # characters of a title: a run's name has at most 200 bytes
MARGIN, HEAD = 0.14, 0.66  # inches: left of the title; what title and subtitle take

_BOXES = (
    "no font here has all letters of the names in the figures: some are drawn as boxes (the font"
    " Noto Sans CJK has most)"
)

# Okabe and Ito's colours, told apart with every kind of colour vision (jfly.uni-koeln.de/color);
# their yellow comes late, as it is faint on white. Four of Paul Tol's follow for more classes.
BLUE, ORANGE, GREEN, VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY, PURPLE, YELLOW = "#56B4E9", "#CC79A7", "#F0E442"
# A colour and a shape for each part.
PARTS = {"train": (BLUE, "o"), "val": (GREEN, "^"), "test": (VERMILLION, "s")}
INK, QUIET, FRAME, GRID = "#222222", "#6B6B6B", "#B5B5B5", "#E9E9E9"

_CLASS_COLOURS = (
    *(BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION, "#7F7F7F", YELLOW),
    *("#882255", "#999933", "#332288", "#44AA99"),
)
# Shapes help a reader without colours, and everybody beyond twelve classes.
_CLASS_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
_MARKER_AREA = {"D": 0.75, "s": 0.85, "^": 1.15, "v": 1.15, "P": 1.35, "X": 1.35, "p": 1.2}

SEQUENTIAL = LinearSegmentedColormap.from_list("minidl", ["#FFFFFF", "#9CCBE6", BLUE, "#003B5C"])
# Cells on white: the lowest is seen, too.
CELLS = LinearSegmentedColormap.from_list("minidl_cells", ["#D9E8F3", "#8FC3E3", BLUE, "#003B5C"])
# Values in an order, all dark enough for a line on white: dark blue, purple, vermillion, orange.
ORDERED = LinearSegmentedColormap.from_list(
    "minidl_ordered", ["#10214F", BLUE, "#7A5AA6", "#C2477F", VERMILLION, ORANGE]
)
TWO_CLASSES = LinearSegmentedColormap.from_list(
    "minidl_two", [BLUE, "#8FC1DE", "#FFFFFF", "#F5D48C", ORANGE]
)


def class_colour(index: int) -> str:
    return _CLASS_COLOURS[index % len(_CLASS_COLOURS)]


def class_marker(index: int) -> str:
    """Shapes shift by one after each round of colours, so that pairs return late."""
    return _CLASS_MARKERS[(index + index // len(_CLASS_COLOURS)) % len(_CLASS_MARKERS)]


def marker_area(index: int) -> float:
    """What to multiply a point's area with so that all shapes weigh the same."""
    return _MARKER_AREA.get(class_marker(index), 1.0)


def tint(colour: str, strength: float = 0.3) -> tuple[float, float, float]:
    """The colour on white paper, `strength` of it."""
    from matplotlib.colors import to_rgb

    red, green, blue = (1 - strength * (1 - channel) for channel in to_rgb(colour))
    return red, green, blue


def legible(colour: Any) -> str:
    """Ink or white, whichever stands out more from a colour (WCAG's contrast)."""
    from matplotlib.colors import to_rgb

    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    red, green, blue = linear
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "white" if 1.05 / (light + 0.05) > (light + 0.05) / 0.066 else INK


def literal(text: object, width: int = 40) -> str:
    """A user's words as they are: no mathtext, no control characters, the middle cut when long."""
    return _cut(_clean(text), width).replace("$", r"\$")


def _clean(text: object) -> str:
    return "".join(
        " " if unicodedata.category(character).startswith(("C", "Z")) else character
        for character in str(text)
    ).strip()


def _cut(words: str, width: int) -> str:
    if columns(words) > width:
        head = _take(words, (width - 1) * 2 // 3)
        tail = _take(words[::-1], width - 1 - columns(head))[::-1]
        words = f"{head.rstrip()}…{tail.lstrip()}"
    return words


def wrapped(text: object, width: int, lines: int = 3) -> str:
    """A user's words on up to `lines` lines of `width` columns; the middle cut if they are more."""
    words = _clean(text)
    limit = columns(words)
    while (rows := fold(_cut(words, limit), width)).count("\n") >= lines:
        limit = min(limit - 1, lines * width)
    return rows.replace("$", r"\$")


def _take(words: str, width: int) -> str:
    """The beginning that fills at most `width` columns."""
    taken = itertools.accumulate(map(columns, words))
    return words[: sum(1 for end in taken if end <= width)]


def new_figure(
    title: str,
    subtitle: str = "",
    size: tuple[float, float] = (6.4, 4.2),
    shape: tuple[int, int] = (1, 1),
    **grid: Any,
) -> tuple[Figure, list[Axes]]:
    """A figure with a title, a quieter line below it, and `shape` axes (sizes in inches).

    Long words take more lines, for which the figure grows.
    """
    width, height = size
    layout = ConstrainedLayoutEngine(rect=(0.01, 0.01, 0.98, 0.99 - HEAD / height))
    figure = Figure(figsize=size, dpi=DPI, facecolor="white", layout=layout)
    FigureCanvasAgg(figure)
    left = MARGIN / width
    head = figure.text(left, 1 - 0.12 / height, "", size=13, weight="bold", color=INK)
    below = figure.text(left, 1 - 0.38 / height, "", size=9, color=QUIET)
    for text in (head, below):
        text.set_verticalalignment("top")
        text.set_in_layout(False)
    above = 0.225 * _fit(head, title, width - 2 * MARGIN)
    more = 0.16 * _fit(below, subtitle, width - 2 * MARGIN)
    grow(figure, above + more)
    below.set_y(below.get_position()[1] - above / figure.get_figheight())
    axes: list[Axes] = list(figure.subplots(*shape, squeeze=False, **grid).flat)
    for each in axes:
        dress(each)
    return figure, axes


def _fit(text: Text, words: str, inches: float) -> int:
    """Break the words over the fewest lines that are no wider, as even as can be; one less."""

    def lines(most: int) -> int | None:
        text.set_text(fold(words, most))
        too_wide = extent(text).width > inches * DPI
        return None if too_wide else text.get_text().count("\n")

    most = wide = columns(words)
    if (fewest := lines(most)) is not None:
        return fewest
    text.set_text(words)
    most = int(1.1 * wide * inches * DPI / extent(text).width)
    while (fewest := lines(most)) is None and most > 1:
        most -= 1
    while most > 1 and lines(most - 1) == fewest:
        most -= 1
    text.set_text(fold(words, most))
    return text.get_text().count("\n")


def extent(artist: Text | Legend) -> Bbox:
    """Where it lies on the paper, in dots."""
    use_fonts_that_have_all(artist)
    with _few_warnings():
        return artist.get_window_extent()


def grow(figure: Figure, more: float) -> None:
    """Make room, in inches, between the words at a figure's head and its axes."""
    width, before = figure.get_size_inches()
    now = before + more
    figure.set_size_inches(width, now)
    for text in figure.texts:
        text.set_y(1 - (1 - text.get_position()[1]) * before / now)
    layout = figure.get_layout_engine()
    assert isinstance(layout, ConstrainedLayoutEngine)
    head = (0.99 - layout.get()["rect"][3]) * before + more
    layout.set(rect=(0.01, 0.01, 0.98, 0.99 - head / now))


def dress(axes: Axes, grid: bool = True) -> None:
    """Quiet frame, light grid behind the data."""
    for side, spine in axes.spines.items():
        spine.set_color(FRAME)
        spine.set_visible(side in ("left", "bottom"))
    axes.tick_params(which="both", color=FRAME, labelcolor=INK, labelsize=9, length=3)
    axes.tick_params(which="minor", length=0)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PlainTicks())
    axes.set_axisbelow(True)
    axes.grid(grid, color=GRID, linewidth=0.8)


def label(axes: Axes, x: object = "", y: object = "", width: int = 40) -> None:
    axes.set_xlabel(literal(x, width), size=10, color=INK)
    axes.set_ylabel(literal(y, width), size=10, color=INK)


def dress_bar(bar: Colorbar, words: object) -> None:
    bar.outline.set_visible(False)
    bar.ax.tick_params(color=FRAME, labelcolor=INK, labelsize=9, length=3)
    bar.ax.minorticks_off()
    bar.ax.yaxis.set_major_formatter(PlainTicks())
    bar.set_label(literal(words), size=10, color=INK)


def to_png(figure: Figure) -> bytes:
    return to_bytes(figure, "png")


def to_bytes(figure: Figure, format: str) -> bytes:
    """The figure in one of FORMATS."""
    if not use_fonts_that_have_all(figure):
        warn_of_boxes()
    content = io.BytesIO()
    with _few_warnings(), mpl.rc_context(SETTINGS):
        paper = _paper(figure)
        figure.savefig(content, format=format, metadata=METADATA[format], bbox_inches=paper)
    return content.getvalue()


@functools.cache
def warn_of_boxes() -> None:
    """Once, not for each figure."""
    warnings.warn(_BOXES, stacklevel=2)


@contextlib.contextmanager
def _few_warnings() -> Iterator[None]:
    """Without matplotlib's warning for each letter that no font has: one says it for all."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def _paper(figure: Figure) -> Bbox | None:
    """The figure, wider where a legend reaches over its right edge; None: as it is.

    The layout leaves too little room for a legend beside axes that have equal units.
    """
    legends = [legend for axes in figure.axes if (legend := axes.get_legend())]
    if not legends:
        return None
    figure.draw_without_rendering()
    width, height = figure.get_size_inches()
    ends = [extent(legend).x1 / DPI for legend in legends]
    return Bbox.from_extents(0, 0, max(width, max(ends) + MARGIN), height)


def number(value: float) -> str:
    """Three significant digits, the way people write them."""
    if value and not 1e-3 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def percent(value: float) -> str:
    """One decimal; 100 % and 0 % are all and none, never nearly."""
    if value in (0, 1):
        return f"{100 * value:.0f} %"
    rounded = f"{100 * value:.1f}"
    return f"{ {'100.0': '>99.9', '0.0': '<0.1'}.get(rounded, rounded) } %"
