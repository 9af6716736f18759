"""MinidlClassifier: scikit-learn's MLPClassifier, trained by minidl."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils import compute_sample_weight
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import _check_partial_fit_first_call, check_classification_targets
from sklearn.utils.validation import validate_data

from minidl import nn
from minidl.data.encoding import Encoding
from minidl.estimators.network import BaseNetwork, Samples
from minidl.probabilities import probabilities

Array = NDArray[Any]


class MinidlClassifier(ClassifierMixin, BaseNetwork):  # type: ignore[misc]
    """A multi-layer perceptron for classes, trained on cross-entropy with a softmax.

    Parameters are those of sklearn.neural_network.MLPClassifier, and mean the same but for this:
    `solver` and `activation` may be most of those that configs have, and identity and logistic (but
    no lbfgs); the L2 penalty `alpha` includes biases. New are `dropout`, the probability of a zero
    after each activation, and `class_weight`: weights by class, or "balanced". Inputs had best be
    scaled. They are trained on in float32 if they come so, else in float64.

    After fit: `classes_` (C,), `n_features_in_`, `feature_names_in_` (if X has names), `n_iter_`,
    `loss_`, `loss_curve_` (the training part's after each epoch), `network_`, `coefs_`,
    `intercepts_`; with early_stopping also `validation_scores_` and `best_validation_score_`.

    >>> from sklearn.datasets import load_iris
    >>> from minidl import MinidlClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MinidlClassifier(20, learning_rate_init=0.01, random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.95
    True
    >>> model.predict_proba(X[:2]).shape
    (2, 3)
    """

    _score_metric = "accuracy"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseNetwork._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }
    classes_: Array

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
        dropout: float = 0.0,
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
    ) -> None:
        super().__init__(
            hidden_layer_sizes, activation, solver=solver, alpha=alpha, batch_size=batch_size,
            learning_rate_init=learning_rate_init, max_iter=max_iter, random_state=random_state,
            tol=tol, momentum=momentum, nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping, validation_fraction=validation_fraction, beta_1=beta_1,
            beta_2=beta_2, epsilon=epsilon, n_iter_no_change=n_iter_no_change, dropout=dropout,
        )  # fmt: skip
        self.class_weight = class_weight

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on X (N, features) with classes y (N,), labels of any kind.

        sample_weight (N,): how much each sample counts; None: all alike. Raises ValueError.
        """
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32])
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        return self._fit(X, labels, self._weights(X, y, sample_weight))

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train one epoch more, on these samples; `classes` lists all there are, at the first call.

        Raises ValueError for a class that isn't among them.
        """
        first = _check_partial_fit_first_call(self, classes)
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32], reset=first)
        check_classification_targets(y)
        if unknown := sorted({*y.tolist()} - {*self.classes_.tolist()}):
            raise ValueError(f"y holds {unknown[0]!r}, which isn't among the classes")
        labels = np.searchsorted(self.classes_, y)
        return self._partial_fit(self._as_before(X), labels, self._weights(X, y, sample_weight))

    def predict(self, X: Any) -> Array:
        """The class (N,) of each row of X (N, features)."""
        best = self._outputs(X).argmax(1)
        return np.asarray(self.classes_[best])

    def predict_proba(self, X: Any) -> Array:
        """The probability (N, C) of each class, in the order of `classes_`."""
        found = probabilities(self._outputs(X), "cross_entropy")
        assert found is not None
        return found

    def predict_log_proba(self, X: Any) -> Array:
        """The logarithms of `predict_proba`."""
        return np.log(self.predict_proba(X))

    def _weights(self, X: Array, y: Array, sample_weight: Any) -> Array | None:
        weights = self._checked_weights(sample_weight, X)
        if self.class_weight is None:
            return weights
        known = {*self.classes_.tolist()}
        by_class = self.class_weight
        if isinstance(by_class, Mapping):  # of those that this data doesn't have, no matter
            by_class = {label: weight for label, weight in by_class.items() if label in known}
        own = compute_sample_weight(by_class, y).astype(X.dtype)
        return np.asarray(own if weights is None else own * weights)

    def _encoding(self) -> Encoding:
        return Encoding("one_hot", len(self.classes_))

    def _loss(self, weighted: bool) -> nn.Loss:
        return nn.CrossEntropyLoss()

    def _targets(self, samples: Samples) -> Array:
        """Probabilities (N, C), times the weight: cross-entropy is linear in them."""
        targets = np.eye(len(self.classes_), dtype=samples.inputs.dtype)[samples.labels]
        if samples.weights is None:
            return targets
        return np.asarray(targets * (samples.weights / samples.weights.mean())[:, None])
