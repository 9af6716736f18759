"""How much each key of a search says about how good a trial is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from minidl.report.members.settings import Settings, Value, varying

LEAST = 20  # trials: of fewer a forest knows nothing that holds for others
_FOLDS, _TREES, _SHUFFLES = 5, 100, 10


class Importance(NamedTuple):
    """keys: each with what R² falls by where it is shuffled, in the configs' order."""

    keys: dict[str, float]
    r2: float  # of the ranks of trials that the forest hasn't seen
    trials: int


def importance(settings: Sequence[Settings], values: Sequence[float]) -> Importance | None:
    """Permutation importance in a random forest (Breiman 2001), on trials held out in turn.

    The forest predicts the trials' ranks, so that a loss of 10⁹ counts as worst and no more. None
    of fewer than `LEAST` trials with a value, where all values are equal, or no key differs.
    """
    known = [index for index, value in enumerate(values) if math.isfinite(value)]
    chosen = [settings[index] for index in known]
    keys = varying(chosen) if len(known) >= LEAST else []
    found = np.array([values[index] for index in known])
    if not keys or not np.ptp(found):
        return None
    from scipy.stats import rankdata
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance
    from sklearn.model_selection import KFold

    x = np.column_stack([_numbers([one.get(key) for one in chosen]) for key in keys])
    ranks = rankdata(found)
    predicted, falls = np.empty(len(ranks)), np.zeros(len(keys))
    for seen, held in KFold(_FOLDS, shuffle=True, random_state=0).split(x):
        forest = RandomForestRegressor(_TREES, random_state=0).fit(x[seen], ranks[seen])
        predicted[held] = forest.predict(x[held])
        shuffled = permutation_importance(
            forest, x[held], ranks[held], scoring="neg_mean_squared_error",
            n_repeats=_SHUFFLES, random_state=0,
        )  # fmt: skip
        falls += shuffled.importances_mean * len(held) / len(ranks)
    variance = ranks.var()
    r2 = 1 - float(((predicted - ranks) ** 2).mean() / variance)
    return Importance(dict(zip(keys, (falls / variance).tolist(), strict=True)), r2, len(ranks))


def _numbers(column: Sequence[Value]) -> np.ndarray:
    """Numbers as they are, words by their order, and what a trial lacks below all."""
    there = [value for value in column if value is not None]
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in there):
        least = min(map(float, there), default=0.0)
        below = least - 1 - abs(least)
        return np.array([below if value is None else float(value) for value in column])
    order = {word: place for place, word in enumerate(sorted({str(value) for value in there}))}
    return np.array([-1.0 if value is None else order[str(value)] for value in column])
