"""Counts with their nouns."""

from __future__ import annotations

import pytest

from minidl.plural import plural


@pytest.mark.parametrize(
    ("count", "noun", "said"),
    [
        (0, "run", "0 runs"),
        (1, "run", "1 run"),
        (1200, "run", "1,200 runs"),
        (1, "class", "1 class"),
        (2, "class", "2 classes"),
    ],
)
def test_one_is_no_plural(count: int, noun: str, said: str) -> None:
    assert plural(count, noun) == said
