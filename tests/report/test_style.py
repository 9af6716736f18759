"""Users' words and numbers, as they stand in a figure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from minidl.errors import RunError
from minidl.report.figures import legends
from minidl.report.figures.endings import format_of
from minidl.report.figures.fonts import use_fonts_that_have_all
from minidl.report.figures.style import (
    CELLS,
    DPI,
    INK,
    class_colour,
    class_marker,
    legible,
    literal,
    new_figure,
    number,
    percent,
    to_bytes,
    to_png,
    warn_of_boxes,
    wrapped,
)


def test_mathtext_is_shown_as_it_is_written() -> None:
    figure, (axes,) = new_figure(literal("$x^2$ costs \\$5"), literal("$\\broken{$"))
    axes.set_xlabel(literal("$\\frac{1$"))
    assert to_png(figure).startswith(b"\x89PNG")
    assert literal("$x$") == r"\$x\$"


@pytest.mark.parametrize(("format", "start"), [("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_a_figure_for_print_has_the_same_bytes_each_time(format: str, start: bytes) -> None:
    made = []
    for _ in range(2):
        figure, (axes,) = new_figure("a title", "猫 and $x$")
        axes.plot([1, 2], label="a line")
        axes.legend()
        made.append(to_bytes(figure, format))
    assert made[0] == made[1]
    assert made[0].startswith(start)


def test_a_file_says_by_its_ending_how_it_is_written() -> None:
    endings = ("a.svg", "a.PDF", "a.b.png", "a")
    assert [format_of(Path(name)) for name in endings] == ["svg", "pdf", "png", "png"]
    with pytest.raises(RunError, match=r"a\.jpg: a figure's name ends with \.png, \.svg or \.pdf"):
        format_of(Path("a.jpg"))


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
    assert legends.at_head(figure, handles, ["_x"]).get_texts()[0].get_text() == "_x"


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
    made = legends.beside(axes, [point], ["wrong on test (4)"])
    width = int.from_bytes(to_png(figure)[16:20], "big")
    assert made.get_window_extent().x1 < width


def test_a_legend_of_many_takes_columns_and_says_how_many_are_left_out() -> None:
    for count, shown in ((60, 60), (200, None)):
        figure, (axes,) = new_figure("Blobs", size=(6.1, 4.9))
        handles = axes.plot([0, 1], np.zeros((2, count)))
        made = legends.beside(axes, handles, [f"c{index}" for index in range(count)], last=2)
        said = [text.get_text() for text in made.get_texts()]
        assert said[-2:] == [f"c{count - 2}", f"c{count - 1}"]
        assert shown is None or len(said) == shown
        if shown is None:
            assert f"and {count - len(said) + 1} more" in said
        width, height = (int.from_bytes(to_png(figure)[at : at + 4], "big") for at in (16, 20))
        box = made.get_window_extent()
        assert box.y0 >= 0
        assert box.y1 <= height
        assert box.x1 <= width
        assert axes.get_window_extent().width > 3 * DPI


@pytest.mark.parametrize(("title", "below"), [("Fit", False), ("Predicted against true", True)])
def test_a_head_s_legend_is_never_over_the_title(title: str, below: bool) -> None:
    figure, (axes,) = new_figure(title, "a run", size=(5.6, 5.4))
    handles = [*axes.plot([0, 1]), *axes.plot([1, 0]), *axes.plot([1, 1])]
    made = legends.at_head(figure, handles, ["train (40,000)", "test (10,000)", "equal"])
    figure.draw_without_rendering()
    words = [text.get_window_extent() for text in figure.texts]
    box = made.get_window_extent()
    assert not any(box.overlaps(other) for other in words)
    assert (box.y1 < words[1].y0) == below
    assert axes.get_tightbbox().y1 < min(box.y0, words[1].y0) + 1


def test_a_title_that_fits_is_in_one_line_and_another_in_even_ones() -> None:
    said = "diverged_denoiser  ·  diverged in epoch 4  ·  best on test 23.42 dB (epoch 3)"
    figure, _ = new_figure("PSNR", said)
    assert figure.texts[1].get_text() == said
    title = "Train loss, test loss, train accuracy and test accuracy over the epochs"
    figure, _ = new_figure(title)
    lines = figure.texts[0].get_text().split("\n")
    assert len(lines) == 2
    assert min(map(len, lines)) > 0.6 * max(map(len, lines))


def test_a_letter_that_the_font_lacks_comes_from_another_one() -> None:
    letter = "ℊ"  # in STIX, which comes with matplotlib, but not in its usual font
    figure, _ = new_figure(letter)
    assert use_fonts_that_have_all(figure)
    assert len(figure.texts[0].get_fontfamily()) > len(figure.texts[1].get_fontfamily())


def test_letters_that_no_font_has_are_said_in_one_line() -> None:
    figure, (axes,) = new_figure(chr(0x10FFFD))  # private use
    axes.set_xlabel(chr(0x10FFFC))
    warn_of_boxes.cache_clear()
    with pytest.warns(UserWarning, match="no font here has all letters") as warned:
        pictures = [to_png(figure) for _ in range(2)]
    assert len(warned) == 1
    assert pictures[0] == pictures[1]


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
