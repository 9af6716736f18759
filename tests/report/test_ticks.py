"""The words at an axis' ticks."""

from __future__ import annotations

import math

import pytest
from matplotlib.figure import Figure

from minidl.report.figures.ticks import PlainTicks, few_if_long, tick_words


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([0.0, 0.25, 0.5], ["0.00", "0.25", "0.50"]),
        ([-1.0, 0.0, 1.0], ["−1", "0", "1"]),
        ([1990.0, 2000.0], ["1990", "2000"]),
        ([5000.0, 10_000.0], ["5,000", "10,000"]),
        ([0.0, 1e8, 1.5e8], ["0", "1e8", "1.5e8"]),
        ([0.0, 1e-6, 2e-6], ["0", "1e−6", "2e−6"]),
        ([1.75e9 - 200, 1.75e9], ["1,749,999,800", "1,750,000,000"]),
        ([0.69312, 0.693125], ["0.693120", "0.693125"]),
        ([1e300, 1e308], ["0", "1e308"]),
        ([math.nan, 1.0], ["nan", "1"]),
        ([0.0], ["0"]),
        ([], []),
    ],
)
def test_each_is_a_whole_number(values: list[float], words: list[str]) -> None:
    assert tick_words(values) == words


def test_long_words_leave_room_for_few() -> None:
    axis = Figure().subplots().xaxis
    axis.set_major_formatter(PlainTicks())
    axis.axes.set_xlim(1.75e9 - 300, 1.75e9 + 300)
    before = len(axis.get_majorticklocs())
    few_if_long(axis)
    assert len(axis.get_majorticklocs()) < before
