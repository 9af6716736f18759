"""scikit-learn's own checks of an estimator: all pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from minidl import MinidlClassifier, MinidlRegressor

# Checks give what they warn of; each compiles steps of its own.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]


@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [
        MinidlClassifier(20, learning_rate_init=0.02, max_iter=60),
        MinidlRegressor(20, learning_rate_init=0.02, max_iter=60),
    ]
)
def test_an_estimator_is_as_scikit_learn_wants_it(
    estimator: Any, check: Callable[[Any], None]
) -> None:
    check(estimator)
