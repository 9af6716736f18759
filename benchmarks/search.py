"""A grid search of 60 candidates × 5 folds on breast_cancer: in lanes, and scikit-learn's own MLP.

    python benchmarks/search.py [ROUNDS [BATCH_SIZE]]

Both search the same grid on the same standardized float32 data with scikit-learn's GridSearchCV, in
turns: MinidlClassifier inside `minidl.lanes()`, MLPClassifier with n_jobs=2. BATCH_SIZE is 200, as
scikit-learn chooses, if left out. The first of minidl's compiles its steps, unless they are in the
cache; it is shown by itself. Prints seconds, the ratio of each round, and both best scores.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

import minidl

GRID = {
    "hidden_layer_sizes": [(25,), (50,), (25, 25)],
    "alpha": [1e-5, 1e-4, 1e-3, 1e-2],
    "learning_rate_init": [0.001, 0.003, 0.01, 0.03, 0.1],
}


def ours(X: Any, y: Any, batch_size: int) -> Any:
    model = minidl.MinidlClassifier(batch_size=batch_size, random_state=0)
    with minidl.lanes(2):
        return GridSearchCV(model, GRID, cv=5).fit(X, y)


def theirs(X: Any, y: Any, batch_size: int) -> Any:
    model = MLPClassifier(batch_size=batch_size, random_state=0)
    return GridSearchCV(model, GRID, cv=5, n_jobs=2).fit(X, y)


def timed(search: Callable[[], Any]) -> tuple[float, float]:
    """Seconds, and the best score."""
    start = time.perf_counter()
    found = search()
    return time.perf_counter() - start, float(found.best_score_)


def main() -> None:
    given = [int(word) for word in sys.argv[1:]]
    rounds, batch_size = given + [3, 200][len(given) :]
    warnings.simplefilter("ignore")  # of candidates that haven't converged
    os.environ["PYTHONWARNINGS"] = "ignore"  # in scikit-learn's processes
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X).astype(np.float32)
    own_search, other_search = partial(ours, X, y, batch_size), partial(theirs, X, y, batch_size)
    print(f"minidl, the first time: {timed(own_search)[0]:.2f} s")
    ratios = []
    for _ in range(rounds):
        (own, score), (other, other_score) = timed(own_search), timed(other_search)
        ratios.append(other / own)
        print(
            f"minidl {own:.2f} s (best {score:.4f}), scikit-learn {other:.2f} s"
            f" (best {other_score:.4f}): {ratios[-1]:.1f} times as fast"
        )
    print(f"median: {statistics.median(ratios):.1f} times as fast")


if __name__ == "__main__":
    main()
