"""MinidlClassifier and MinidlRegressor: what a fit leaves, weights, stopping, going on."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.inspection import DecisionBoundaryDisplay

from minidl import MinidlClassifier, MinidlRegressor
from minidl.estimators.parameters import SOLVERS

Array = NDArray[Any]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = load_iris(return_X_y=True)
LETTERS = np.array(["c", "a", "b"])[Y]


@pytest.fixture(scope="module")
def classifier() -> MinidlClassifier:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        made = MinidlClassifier(16, learning_rate_init=0.03, max_iter=60, random_state=0)
        made.fit(pd.DataFrame(X, columns=list("pqrs")), LETTERS)
        return made


def test_a_classifier_learns_labels_of_any_kind(classifier: MinidlClassifier) -> None:
    frame = pd.DataFrame(X, columns=list("pqrs"))
    assert classifier.classes_.tolist() == ["a", "b", "c"]
    assert classifier.feature_names_in_.tolist() == list("pqrs")
    assert classifier.score(frame, LETTERS) > 0.9
    probabilities = classifier.predict_proba(frame)
    np.testing.assert_allclose(probabilities.sum(1), 1)
    assert (classifier.classes_[probabilities.argmax(1)] == classifier.predict(frame)).all()


def test_the_loss_of_each_epoch_is_kept(classifier: MinidlClassifier) -> None:
    assert len(classifier.loss_curve_) == classifier.n_iter_ <= 60
    assert classifier.loss_curve_[-1] == classifier.loss_ < classifier.loss_curve_[0]


def test_coefs_are_the_networks_as_scikit_learn_has_them(classifier: MinidlClassifier) -> None:
    hidden = np.maximum(X @ classifier.coefs_[0] + classifier.intercepts_[0], 0)
    outputs = hidden @ classifier.coefs_[1] + classifier.intercepts_[1]
    frame = pd.DataFrame(X, columns=list("pqrs"))
    assert (classifier.classes_[outputs.argmax(1)] == classifier.predict(frame)).all()


def test_a_pickle_predicts_the_same(classifier: MinidlClassifier) -> None:
    frame = pd.DataFrame(X, columns=list("pqrs"))
    again = pickle.loads(pickle.dumps(classifier))
    assert (again.predict_proba(frame) == classifier.predict_proba(frame)).all()


def test_the_same_random_state_gives_the_same_network() -> None:
    first, second, other = (
        MinidlRegressor(4, max_iter=3, random_state=seed, dropout=0.2).fit(X, Y).predict(X)
        for seed in (1, 1, 2)
    )
    assert (first == second).all()
    assert (first != other).any()


def test_a_sample_that_weighs_nothing_changes_nothing() -> None:
    weights = np.where(np.arange(150) % 3, 1.0, 0.0)
    wrong = np.where(weights > 0, Y, 2 - Y)
    kinds: list[Any] = [MinidlClassifier, MinidlRegressor]
    for kind in kinds:
        model = kind(4, max_iter=5, random_state=0)
        expected = model.fit(X, Y, sample_weight=weights).predict(X)
        assert (model.fit(X, wrong, sample_weight=weights).predict(X) == expected).all()


def test_balanced_classes_weigh_the_same() -> None:
    few = np.r_[0:50, 50:55]
    balanced = MinidlClassifier(class_weight="balanced", max_iter=2, random_state=0)
    each = np.where(Y[few] == 0, 55 / 2 / 50, 55 / 2 / 5)
    plain = MinidlClassifier(max_iter=2, random_state=0).fit(X[few], Y[few], sample_weight=each)
    found = balanced.fit(X[few], Y[few]).predict_proba(X)
    np.testing.assert_allclose(found, plain.predict_proba(X), rtol=1e-9)


def test_partial_fit_goes_on_as_one_fit_does() -> None:
    # Batches of all samples: an epoch is a step, whatever their order.
    options: dict[str, Any] = {"learning_rate_init": 0.01, "random_state": 3, "batch_size": 150}
    whole = MinidlClassifier(8, max_iter=4, **options).fit(X, Y)
    parts = MinidlClassifier(8, **options)
    for _ in range(4):
        parts.partial_fit(X, Y, classes=[0, 1, 2])
    np.testing.assert_allclose(parts.predict_proba(X), whole.predict_proba(X), rtol=1e-9)
    assert parts.n_iter_ == len(parts.loss_curve_) == 4


def test_partial_fit_of_numbers_goes_on_and_keeps_to_their_outputs() -> None:
    options: dict[str, Any] = {"random_state": 3, "batch_size": 150}
    whole = MinidlRegressor(8, max_iter=3, **options).fit(X, Y)
    parts = MinidlRegressor(8, **options)
    for _ in range(3):
        parts.partial_fit(X, Y)
    np.testing.assert_allclose(parts.predict(X), whole.predict(X), rtol=1e-9)
    with pytest.raises(ValueError, match="y has 2 outputs, but had 1 before"):
        parts.partial_fit(X, np.stack([Y, Y], axis=1))


def test_a_class_that_was_not_listed_is_refused() -> None:
    model = MinidlClassifier(2, random_state=0).partial_fit(X, Y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="y holds 7, which isn't among the classes"):
        model.partial_fit(X[:3], [0, 7, 1])


def test_early_stopping_ends_with_the_best_weights() -> None:
    model = MinidlClassifier(
        8, early_stopping=True, validation_fraction=0.3, n_iter_no_change=3, random_state=0
    ).fit(X, Y)
    scores = model.validation_scores_
    assert model.best_validation_score_ == max(scores)
    assert len(scores) == model.n_iter_ < 200


def test_a_regressor_takes_several_outputs() -> None:
    values = np.stack([Y, 1 - Y], axis=1)
    model = MinidlRegressor(16, learning_rate_init=0.03, n_iter_no_change=50, random_state=0)
    model.fit(X, values)
    assert model.predict(X).shape == (150, 2)
    assert model.score(X, values) > 0.8


@pytest.mark.parametrize("solver", [*SOLVERS])
def test_each_solver_learns(solver: str) -> None:
    model = MinidlClassifier(4, solver=solver, learning_rate_init=0.01, max_iter=8, random_state=0)
    curve = model.fit(X, Y).loss_curve_
    assert curve[-1] < curve[0]


def test_inputs_may_lie_column_by_column() -> None:
    model = MinidlClassifier(4, max_iter=2, random_state=0)
    expected = model.fit(X, Y).predict_proba(X)
    assert (model.fit(np.asfortranarray(X), Y).predict_proba(X) == expected).all()


def test_inputs_in_float32_train_in_float32() -> None:
    model = MinidlClassifier(4, max_iter=2, random_state=0).fit(X.astype(np.float32), Y)
    assert model.coefs_[0].dtype == np.float32


def test_a_training_that_diverges_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="choose a smaller learning_rate_init than 1e"):
        MinidlRegressor(4, solver="sgd", learning_rate_init=1e30, random_state=0).fit(X, Y)


def test_an_end_before_convergence_is_a_warning() -> None:
    with pytest.warns(ConvergenceWarning, match="max_iter=1 iterations are done"):
        MinidlClassifier(2, max_iter=1, random_state=0).fit(X, Y)


def test_it_can_be_drawn_as_any_estimator() -> None:
    model = MinidlClassifier(4, max_iter=2, random_state=0).fit(X[:, :2], Y)
    display = DecisionBoundaryDisplay.from_estimator(
        model, X[:, :2], grid_resolution=5, response_method="predict"
    )
    assert display.response.shape == (5, 5)


def test_nothing_is_predicted_before_a_fit() -> None:
    with pytest.raises(NotFittedError):
        MinidlClassifier().predict(X)
