"""What the classifier and the regressor share: how they are fitted."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from minidl import nn
from minidl.data.batches import Batches
from minidl.data.encoding import Encoding
from minidl.estimators.parameters import Parameters
from minidl.estimators.pool import train_epochs
from minidl.estimators.watch import Watch
from minidl.nn.threads import use_threads
from minidl.seeds import torch_seed
from minidl.train.evaluation import Evaluator, Part, predict
from minidl.train.trainer import Trainer
from minidl.train.weights import set_weights

Array = NDArray[Any]


@dataclass(frozen=True)
class Samples:
    """Samples to learn from, or to validate on: inputs (N, features), labels, weights (N,)."""

    inputs: Array
    labels: Array
    weights: Array | None


class BaseNetwork(Parameters):
    """A multi-layer perceptron that is fitted as scikit-learn's are."""

    _score_metric: ClassVar[str]  # what early stopping watches
    # What a fit leaves, as NumPy arrays: a pickle needs no more.
    _tensors: dict[str, Array]
    _optimizer_steps: int

    # What a subclass says.

    @abstractmethod
    def _encoding(self) -> Encoding:
        """How many outputs there are, and what they are measured by."""

    @abstractmethod
    def _loss(self, weighted: bool) -> nn.Loss:
        """What training makes small."""

    @abstractmethod
    def _targets(self, samples: Samples) -> Array:
        """The samples' targets as the loss takes them."""

    # What all do.

    def _fit(self, X: Array, labels: Array, sample_weight: Array | None) -> Self:
        """Train anew on inputs (N, features)."""
        seed = self._seed()
        samples, validation = Samples(X, labels, sample_weight), None
        if self.early_stopping:
            samples, validation = self._split(samples, seed)
        trainer = self._trainer(samples, validation, seed, epochs=self.max_iter)
        watch = Watch(
            trainer,
            f"val_{self._score_metric}" if self.early_stopping else "train_loss",
            patience=self.n_iter_no_change,
            min_delta=self.tol,
            keep_best=self.early_stopping,
        )
        train_epochs(trainer, watch)
        if watch.diverged:
            raise ValueError(
                "the loss or the weights turned to NaN or infinity: scale the inputs, or choose a"
                f" smaller learning_rate_init than {self.learning_rate_init}"
            )
        if not watch.stopped:
            message = f"max_iter={self.max_iter} iterations are done, and the loss still falls"
            warnings.warn(message, ConvergenceWarning, stacklevel=3)
        watch.restore_best()
        self.n_iter_ = trainer.finished
        self.loss_curve_ = watch.curve("train_loss")
        self.loss_ = self.loss_curve_[-1]
        if self.early_stopping:
            self.validation_scores_ = watch.curve(watch.metric)
            self.best_validation_score_ = watch.best.value
        self._keep(trainer)
        return self

    def _partial_fit(self, X: Array, labels: Array, sample_weight: Array | None) -> Self:
        """Train one epoch more."""
        if self.early_stopping:
            raise ValueError("partial_fit doesn't go with early_stopping=True")
        begun = hasattr(self, "_tensors")
        trainer = self._trainer(Samples(X, labels, sample_weight), None, self._seed(), epochs=1)
        if begun:
            tensors = {name: torch.tensor(values) for name, values in self._tensors.items()}
            state = {"finished": 0, "train_seconds": 0.0, "optimizer_steps": self._optimizer_steps}
            trainer.restore(tensors, state)
        watch = Watch(trainer, "train_loss", patience=1)
        train_epochs(trainer, watch)
        self.n_iter_ = 1 + (self.n_iter_ if begun else 0)
        self.loss_curve_ = [*(self.loss_curve_ if begun else ()), *watch.curve("train_loss")]
        self.loss_ = self.loss_curve_[-1]
        self._keep(trainer)
        return self

    def _as_before(self, X: Array) -> Array:
        """Inputs in the precision of the network that there is, if there is one."""
        return X.astype(self._tensors["parameters"].dtype) if hasattr(self, "_tensors") else X

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _checked_weights(self, sample_weight: Any, X: Array) -> Array | None:
        if sample_weight is None:
            return None
        checked: Array = _check_sample_weight(
            sample_weight, X, dtype=X.dtype, ensure_non_negative=True
        )
        return checked

    def _split(self, samples: Samples, seed: int) -> tuple[Samples, Samples]:
        """The samples to learn from, and those to validate on."""
        given = [samples.inputs, samples.labels]
        given += [] if samples.weights is None else [samples.weights]
        stratify = samples.labels if self._encoding().form == "one_hot" else None
        split = train_test_split(
            *given, test_size=self.validation_fraction, random_state=seed, stratify=stratify
        )
        weights = split[4:] or (None, None)
        return Samples(split[0], split[2], weights[0]), Samples(split[1], split[3], weights[1])

    def _trainer(
        self, samples: Samples, validation: Samples | None, seed: int, epochs: int
    ) -> Trainer:
        X, weights = samples.inputs, samples.weights
        network = self._network(X.shape[1], torch.from_numpy(np.zeros(0, X.dtype)).dtype)
        network.initialize("xavier_uniform", seed=torch_seed(seed, "init"))
        network.seed_dropout(torch_seed(seed, "dropout"))
        parts = {"train": self._part(samples)}
        if validation is not None:
            parts["val"] = self._part(validation)
        batch_size = min(200, len(X)) if self.batch_size == "auto" else int(self.batch_size)
        batches = Batches(
            parts["train"].inputs, parts["train"].targets, batch_size, torch_seed(seed, "order")
        )
        counted = batches.batch_size * (1.0 if weights is None else float(weights.mean()))
        loss = self._loss(weighted=weights is not None)
        return Trainer(
            network,
            loss,
            self._optimizer(network, self.alpha / counted),
            batches,
            parts=parts,
            evaluator=Evaluator(network, loss, self._encoding()),
            epochs=epochs,
        )

    def _part(self, samples: Samples) -> Part:
        # Copies: what is given may be read-only, or be changed later. Row by row, which a table's
        # columns often aren't.
        inputs, targets, labels = (
            torch.from_numpy(np.array(x, order="C"))
            for x in (samples.inputs, self._targets(samples), samples.labels)
        )
        return Part(inputs, targets, labels)

    def _network(self, features: int, dtype: torch.dtype) -> nn.Sequential:
        return self._network_of(features, self._encoding().outputs, dtype)

    def _keep(self, trainer: Trainer) -> None:
        tensors, state = trainer.state()
        self._tensors = {name: x.numpy().copy() for name, x in tensors.items()}
        self._optimizer_steps = state["optimizer_steps"]

    @property
    def network_(self) -> nn.Sequential:
        """The fitted network, in evaluation mode; a new one each time."""
        check_is_fitted(self)
        parameters = torch.tensor(self._tensors["parameters"])
        network = self._network(self.n_features_in_, parameters.dtype).eval()
        tensors = {name: torch.tensor(values) for name, values in self._tensors.items()}
        set_weights(network, network.flatten(), tensors)
        return network

    @property
    def coefs_(self) -> list[Array]:
        """The weights of each layer (inputs, outputs), as scikit-learn has them."""
        linears = [layer for layer in self.network_ if isinstance(layer, nn.Linear)]
        return [layer.weight.data.T.numpy() for layer in linears]

    @property
    def intercepts_(self) -> list[Array]:
        """The biases of each layer (outputs,)."""
        linears = [layer for layer in self.network_ if isinstance(layer, nn.Linear)]
        return [layer.bias.data.numpy() for layer in linears if layer.bias is not None]

    def _outputs(self, X: Any) -> Array:
        """The network's outputs (N, outputs)."""
        network = self.network_
        dtype = self._tensors["parameters"].dtype
        checked = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        with use_threads(1):
            return predict(network, torch.tensor(checked.astype(dtype, copy=False))).numpy()

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_tensors")
