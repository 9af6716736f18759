"""What a user sets of a classifier or a regressor, and the network and optimizer it stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions

from minidl import nn, optim

ACTIVATIONS: dict[str, type[nn.Module] | None] = {
    "identity": None,
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "softplus": nn.Softplus,
}
SOLVERS: dict[str, type[optim.Optimizer]] = {
    "sgd": optim.SGD,
    "rmsprop": optim.RMSprop,
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "nadam": optim.NAdam,
    "radam": optim.RAdam,
    "adamax": optim.Adamax,
    "adagrad": optim.Adagrad,
}


class Parameters(BaseEstimator):  # type: ignore[misc]
    """The parameters of both, in scikit-learn's words.

    They are those of sklearn.neural_network.MLPClassifier, and mean the same but for this:
    `solver` has more optimizers and no lbfgs; `alpha` shrinks biases, too; `dropout` is new.
    `random_state` decides the first weights, the order of the batches and the dropout.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions({*ACTIVATIONS})],
        "solver": [StrOptions({*SOLVERS})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
    }

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
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.random_state = random_state
        self.tol = tol
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.dropout = dropout

    def _network_of(self, features: int, outputs: int, dtype: torch.dtype) -> nn.Sequential:
        """A network with these hidden layers."""
        layers: list[nn.Module] = []
        for hidden in np.atleast_1d(self.hidden_layer_sizes).tolist():
            layers.append(nn.Linear(features, int(hidden)))
            if activation := ACTIVATIONS[self.activation]:
                layers.append(activation())
            if self.dropout:
                layers.append(nn.Dropout(self.dropout))
            features = int(hidden)
        return nn.Sequential(*layers, nn.Linear(features, outputs)).to(dtype=dtype)

    def _optimizer(self, network: nn.Sequential, weight_decay: float) -> optim.Optimizer:
        """The solver."""
        averaging: Mapping[str, Any] = {"betas": (self.beta_1, self.beta_2), "eps": self.epsilon}
        known: Mapping[str, Any] = {
            "sgd": {
                "momentum": self.momentum,
                "nesterov": self.nesterovs_momentum and self.momentum > 0,
            },
            **dict.fromkeys(("adam", "adamw", "nadam", "radam", "adamax"), averaging),
        }
        own = known.get(self.solver, {})
        made: Any = SOLVERS[self.solver]
        optimizer: optim.Optimizer = made(
            network, lr=float(self.learning_rate_init), weight_decay=weight_decay, **own
        )
        return optimizer
