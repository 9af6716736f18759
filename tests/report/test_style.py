"""Users' words and numbers, as they stand in a figure."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from minidl.report.style import (
    CELLS,
    DPI,
    INK,
    class_colour,
    class_marker,
    head_legend,
    legend,
    legible,
    literal,
    new_figure,
    number,
    percent,
    to_png,
    wrapped,
)


def test_mathtext_is_shown_as_it_is_written() -> None:
    figure, (axes,) = new_figure(literal("$x^2$ costs \\$5"), literal("$\\broken{$"))
    axes.set_xlabel(literal("$\\frac{1$"))
    assert to_png(figure).startswith(b"\x89PNG")
    assert literal("$x$") == r"\$x\$"


def test_control_characters_and_line_ends_become_spaces_and_long_words_lose_their_middle() -> None:
    assert literal("a\nb\u202ec\0") == "a b c"
    assert literal("x" * 30 + "end", 12) == "xxxxxxx…xend"
    assert len(literal("word " * 40, 20)) <= 20
    assert literal("猫" * 20, 9) == "猫猫…猫猫"  # each takes two columns


def test_wrapping_keeps_as_much_as_fits() -> None:
    assert wrapped("short", 16) == "short"
    assert wrapped("two words of text here", 11) == "two words\nof text\nhere"
    assert wrapped("two words of text here", 11, lines=2) == "two words\nof…xt here"
    assert wrapped("a$b=" * 5, 5) == "a\\$b=\na\\$b=\n…a\\$b="
    assert all(len(line) <= 16 for line in wrapped("supercalifragilistic " * 4, 16).split("\n"))


def test_a_name_with_a_leading_underscore_stays_in_the_legend() -> None:
    figure, (axes,) = new_figure("title")
    handles = axes.plot([0, 1])
    assert head_legend(figure, handles, ["_x"]).get_texts()[0].get_text() == "_x"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        *((0, "0"), (0.1, "0.1"), (-0.5, "-0.5"), (0.02334, "0.0233"), (12345, "12,345")),
        *((1e-5, "1e-5"), (2.5e10, "2.5e10")),
    ],
)
def test_numbers_have_three_digits(value: float, words: str) -> None:
    assert number(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(1.0, "100 %"), (0.99999, ">99.9 %"), (0.976, "97.6 %"), (0.0001, "<0.1 %"), (0.0, "0 %")],
)
def test_a_hundred_percent_is_all_of_them(value: float, words: str) -> None:
    assert percent(value) == words


def test_sixty_classes_look_different_from_each_other() -> None:
    looks = {(class_colour(index), class_marker(index)) for index in range(60)}
    assert len(looks) == 60


def test_a_legend_beside_the_axes_is_never_cut_off() -> None:
    figure, (axes,) = new_figure("Spirals", size=(6.1, 4.9))
    axes.set(xlim=(-1.03, 1.17), ylim=(-0.97, 1.08), aspect="equal", anchor="W")
    (point,) = axes.plot([0], [0])
    made = legend(axes, [point], ["wrong on test (4)"])
    width = int.from_bytes(to_png(figure)[16:20], "big")
    assert made.get_window_extent().x1 < width


def light(colour: object) -> float:
    """The relative luminance of WCAG 2."""
    channels = to_rgb(colour)  # type: ignore[arg-type]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot((0.2126, 0.7152, 0.0722), linear))


def contrast(one: object, other: object) -> float:
    low, high = sorted([light(one), light(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("at", np.linspace(0, 1, 21))
def test_a_number_is_legible_on_every_cell_and_every_cell_is_seen_on_white(at: float) -> None:
    colour = CELLS(at)
    chosen = legible(colour)
    assert contrast(colour, chosen) >= 3.9  # middle grey allows no more than 4.2 to INK and white
    assert contrast(colour, chosen) == max(contrast(colour, INK), contrast(colour, "white"))
    assert contrast(colour, "white") > 1.2


def test_long_titles_take_more_lines_and_lose_nothing() -> None:
    name = "a_name_of_many_words_" * 9
    figure, _ = new_figure(name, f"{name}  ·  more", size=(4.0, 3.0))
    short, _ = new_figure("Title", "below", size=(4.0, 3.0))
    title, subtitle = (text for text in figure.texts)
    assert title.get_text().replace("\n", "") == name
    assert subtitle.get_text().replace("\n", "").startswith(name)
    assert figure.get_figheight() > short.get_figheight()
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in (title, subtitle)]
    assert max(box.x1 for box in boxes) <= 4.0 * DPI
    assert boxes[0].y0 > boxes[1].y0
    assert boxes[1].y1 <= boxes[0].y0 + 1
    axes = figure.axes[0].get_window_extent()
    assert boxes[1].y0 > axes.y1
