"""Outputs become classes, margins and probabilities as the run's decision says."""

from __future__ import annotations

import numpy as np
import pytest

from minidl.report.members.decision import class_of, margins

HALF = {"kind": "threshold", "at": 0.5}
ARGMAX = {"kind": "argmax"}


def test_a_threshold_gives_class_1_from_there_on() -> None:
    output = np.array([[0.49], [0.5], [2.0], [-1.0]])
    assert class_of(output, HALF).tolist() == [0, 1, 1, 0]


def test_argmax_works_over_a_grid_and_takes_the_first_of_equals() -> None:
    output = np.array([[[1.0, 3.0, 2.0], [0.0, 0.0, -1.0]]])
    assert class_of(output, ARGMAX).tolist() == [[1, 0]]


def test_what_is_no_number_decides_for_no_class_but_the_first() -> None:
    assert class_of(np.array([[np.nan]]), HALF).tolist() == [0]
    assert class_of(np.array([[np.nan, 1.0], [np.nan, np.nan]]), ARGMAX).tolist() == [1, 0]


@pytest.mark.parametrize("decision", [HALF, ARGMAX], ids=["threshold", "argmax"])
def test_a_margin_is_positive_for_the_class_decided_for_alone(decision: dict[str, object]) -> None:
    output = np.random.default_rng(0).normal(0.5, 1, (50, 1 if decision is HALF else 4))
    ahead = margins(output, decision)
    assert np.array_equal(ahead.argmax(axis=-1), class_of(output, decision))
    assert ((ahead > 0).sum(axis=-1) == 1).all()
