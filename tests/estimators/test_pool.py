"""Fits side by side in lanes: the same results, of any fits that scikit-learn asks for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import minidl
from minidl import MinidlClassifier, MinidlRegressor
from minidl.train.lanes import Lanes

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = load_iris(return_X_y=True)


def search() -> Any:
    model = MinidlClassifier(8, max_iter=10, random_state=0)
    grid = {"minidlclassifier__learning_rate_init": [0.003, 0.01, 0.03]}
    return GridSearchCV(make_pipeline(StandardScaler(), model), grid, cv=3)


def test_a_search_in_lanes_finds_the_same_to_the_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = search().fit(X, Y)
    together: list[int] = []
    train = Lanes.train_epoch

    def counted(lanes: Lanes) -> Any:
        together.append(sum(one is not None for one in lanes.trainers))
        return train(lanes)

    monkeypatch.setattr(Lanes, "train_epoch", counted)
    with minidl.lanes():
        side_by_side = search().fit(X, Y)
    assert max(together) > 1
    for key in ("mean_test_score", "std_test_score"):
        assert (side_by_side.cv_results_[key] == alone.cv_results_[key]).all()
    probabilities = side_by_side.predict_proba(X)
    assert (probabilities == alone.predict_proba(X)).all()


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
def test_a_fit_that_fails_fails_alone() -> None:
    grid = {"learning_rate_init": [0.01, 1e30]}
    model = MinidlRegressor(4, solver="sgd", max_iter=3, random_state=0)
    with minidl.lanes(), pytest.warns(FitFailedWarning, match="3 fits failed"):
        found = GridSearchCV(model, grid, cv=3).fit(X, Y)
    scores = found.cv_results_["mean_test_score"]
    assert np.isfinite(scores[0])
    assert np.isnan(scores[1])


def test_without_a_compiler_it_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minidl.estimators.pool.find_compiler", lambda: None)
    model = MinidlClassifier(4, max_iter=2, random_state=0)
    with minidl.lanes():
        found = model.fit(X, Y).predict(X)
    assert (found == model.fit(X, Y).predict(X)).all()
