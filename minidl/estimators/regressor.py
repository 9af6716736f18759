"""MinidlRegressor: scikit-learn's MLPRegressor, trained by minidl."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils.validation import validate_data

from minidl import nn
from minidl.data.encoding import Encoding
from minidl.estimators.loss import WeightedMSELoss
from minidl.estimators.network import BaseNetwork, Samples

Array = NDArray[Any]


class MinidlRegressor(RegressorMixin, BaseNetwork):  # type: ignore[misc]
    """A multi-layer perceptron for numbers, trained on the mean squared error.

    Parameters are those of sklearn.neural_network.MLPRegressor, and mean the same but for this:
    `solver` and `activation` may be most of those that configs have, and identity and logistic (but
    no lbfgs); the L2 penalty `alpha` includes biases; the loss isn't halved. New is `dropout`, the
    probability of a zero after each activation. Inputs and targets had best be scaled
    (sklearn.compose.TransformedTargetRegressor). They are trained on in float32 if the inputs come
    so, else in float64.

    After fit: `n_features_in_`, `feature_names_in_` (if X has names), `n_iter_`, `loss_`,
    `loss_curve_` (the training part's after each epoch), `network_`, `coefs_`, `intercepts_`; with
    early_stopping also `validation_scores_` (R²) and `best_validation_score_`.

    >>> import numpy as np
    >>> from minidl import MinidlRegressor
    >>> X = np.linspace(-1, 1, 100)[:, None]
    >>> model = MinidlRegressor(20, learning_rate_init=0.03, random_state=0).fit(X, X[:, 0] ** 2)
    >>> model.score(X, X[:, 0] ** 2) > 0.9
    True
    """

    _score_metric = "r2"

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on X (N, features) with numbers y (N,) or (N, outputs).

        sample_weight (N,): how much each sample counts; None: all alike. Raises ValueError.
        """
        X, y = self._validated(X, y, reset=True)
        self._flat, values = y.ndim == 1, y.reshape(len(y), -1)
        self.n_outputs_ = values.shape[1]
        return self._fit(X, values, self._checked_weights(sample_weight, X))

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train one epoch more, on these samples. Raises ValueError."""
        begun = hasattr(self, "_tensors")
        X, y = self._validated(X, y, reset=not begun)
        values = y.reshape(len(y), -1)
        if not begun:
            self._flat, self.n_outputs_ = y.ndim == 1, values.shape[1]
        elif values.shape[1] != self.n_outputs_:
            raise ValueError(f"y has {values.shape[1]} outputs, but had {self.n_outputs_} before")
        weights = self._checked_weights(sample_weight, X)
        return self._partial_fit(self._as_before(X), values, weights)

    def predict(self, X: Any) -> Array:
        """The values (N,) or (N, outputs), as y had it, for X (N, features)."""
        outputs = self._outputs(X)
        return outputs[:, 0] if self._flat else outputs

    def _validated(self, X: Any, y: Any, reset: bool) -> tuple[Array, Array]:
        X, y = validate_data(
            self,
            X,
            y,
            dtype=[np.float64, np.float32],
            multi_output=True,
            y_numeric=True,
            reset=reset,
        )
        return X, y.astype(X.dtype)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _encoding(self) -> Encoding:
        return Encoding("values", self.n_outputs_)

    def _loss(self, weighted: bool) -> nn.Loss:
        return WeightedMSELoss() if weighted else nn.MSELoss()

    def _targets(self, samples: Samples) -> Array:
        if samples.weights is None:
            return samples.labels
        weights = (samples.weights / samples.weights.mean())[:, None]
        return np.stack([samples.labels, np.broadcast_to(weights, samples.labels.shape)], axis=1)
