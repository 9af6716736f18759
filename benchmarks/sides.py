"""The two ways in which minidl runs a training step, and what it is compared with.

Every side trains the common network (2-25-25-25-1, ReLU, mean squared error, plain SGD, float32)
on the same points from the same weights, and adds each step's loss to a total that is never read.
None computes the gradient for the network's input.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import cycle, islice, pairwise

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from torch import Tensor

from minidl.build import build
from minidl.capture import capture
from minidl.data.load import load_dataset
from minidl.nn import Linear, MSELoss, ReLU, Sequential
from minidl.optim import SGD
from minidl.seeds import generator
from minidl.spec import parse_spec

WIDTHS = (2, 25, 25, 25, 1)
RATE = 0.01
CONFIG = """
device: cpu
data: {type: disk, train: 1000, test: 1000}
model: {type: mlp, hidden: [25, 25, 25], activation: relu}
loss: mse
optimizer: {type: sgd, lr: 0.01}
"""

Step = Callable[[Tensor, Tensor], object]
Weights = Callable[[], Tensor]


@dataclass
class Start:
    """The training points of the disk task, cut into batches, and a network's first weights."""

    batch_size: int
    batches: list[tuple[Tensor, Tensor]] = field(init=False)
    weights: list[tuple[Tensor, Tensor]] = field(init=False)  # (outputs, inputs) and (outputs,)

    def __post_init__(self) -> None:
        split = load_dataset(parse_spec(CONFIG).data, generator(0, "data")).train
        self.inputs = torch.tensor(split.inputs, dtype=torch.float32)
        self.targets = torch.tensor(split.targets, dtype=torch.float32).unsqueeze(1)
        cut = (torch.split(x, self.batch_size) for x in (self.inputs, self.targets))
        self.batches = list(zip(*cut, strict=True))
        torch.manual_seed(0)
        layers = [torch.nn.Linear(*sizes) for sizes in pairwise(WIDTHS)]
        self.weights = [(layer.weight.detach(), layer.bias.detach()) for layer in layers]

    def take(self, steps: int) -> Iterator[tuple[Tensor, Tensor]]:
        """That many batches, in order, from the first again after the last."""
        return islice(cycle(self.batches), steps)


def ours(start: Start, *, captured: bool) -> tuple[Step, Weights]:
    """minidl: recorded once and replayed, or as plain calls."""
    children = []
    for weight, bias in start.weights:
        layer = Linear(weight.shape[1], weight.shape[0])
        layer.weight.data, layer.bias.data = weight, bias  # type: ignore[union-attr]  # both copy
        children += [layer, ReLU()]
    network, loss = Sequential(*children[:-1]), MSELoss()
    network.skip_input_gradient()
    optimizer = SGD(network, lr=RATE)
    total = torch.zeros(())

    def step(x: Tensor, target: Tensor) -> None:
        total.add_(loss.forward(network.forward(x), target))
        optimizer.zero_grad()
        network.backward(loss.backward())
        optimizer.step()

    return capture(step) if captured else step, lambda: optimizer.flat.data.clone()


def pytorch(start: Start) -> tuple[Step, Weights]:
    """PyTorch's eager mode: autograd, torch.nn and torch.optim with their defaults.

    `foreach` or `fused` make no difference here: the network has eight small tensors.
    """
    children: list[torch.nn.Module] = []
    for weight, bias in start.weights:
        layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
        layer.load_state_dict({"weight": weight, "bias": bias})
        children += [layer, torch.nn.ReLU()]
    network, criterion = torch.nn.Sequential(*children[:-1]), torch.nn.MSELoss()
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE)
    total = torch.zeros(())

    def step(x: Tensor, target: Tensor) -> None:
        nonlocal total
        optimizer.zero_grad()
        loss = criterion(network(x), target)
        loss.backward()
        optimizer.step()
        total += loss.detach()

    parameters = list(network.parameters())
    return step, lambda: torch.nn.utils.parameters_to_vector(parameters).detach()


def scikit_learn(start: Start, epochs: int, *, shuffle: bool = True) -> MLPRegressor:
    """scikit-learn's MLP: its loss is half of ours, so that its rate is double."""
    return MLPRegressor(
        hidden_layer_sizes=WIDTHS[1:-1],
        solver="sgd",
        momentum=0.0,
        alpha=0.0,
        learning_rate_init=2 * RATE,
        batch_size=start.batch_size,
        max_iter=epochs,
        n_iter_no_change=epochs + 1,  # don't stop early
        shuffle=shuffle,
        random_state=0,
    )


# How long a step takes, in µs ---------------------------------------------------------------------


def time_step(start: Start, step: Step, steps: int, mode: AbstractContextManager[object]) -> float:
    """The step over batches that lie ready."""
    with mode:
        started = time.perf_counter()
        for x, target in start.take(steps):
            step(x, target)
        return (time.perf_counter() - started) / steps * 1e6


def time_trainer(start: Start, steps: int) -> float:
    """A whole training by `minidl.build`'s Trainer: recording, shuffling and batches included."""
    epochs = -(-steps // len(start.batches))
    changes = [f"training.batch_size={start.batch_size}", f"training.epochs={epochs}"]
    spec = parse_spec(CONFIG, overrides=changes)
    data = load_dataset(spec.data, generator(spec.seed, "data"))
    *_, last = build(spec, data).trainer
    return last.train_seconds / last.steps * 1e6


def time_scikit_learn(start: Start, steps: int) -> float:
    """A fit, which shuffles each epoch; its set-up is less than 1 % of 1,000 steps."""
    epochs = -(-steps // len(start.batches))
    model = scikit_learn(start, epochs)
    inputs, targets = start.inputs.numpy(), start.targets.numpy().ravel()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        started = time.perf_counter()
        model.fit(inputs, targets)
        seconds = time.perf_counter() - started
    return seconds / (epochs * len(start.batches)) * 1e6


def sides(start: Start) -> dict[str, Callable[[], float]]:
    """Every side's clock, by name."""
    captured, _ = ours(start, captured=True)
    plain, _ = ours(start, captured=False)
    eager, _ = pytorch(start)
    inference = torch.inference_mode
    return {
        "minidl, captured": lambda: time_step(start, captured, 400, inference()),
        "minidl, plain calls": lambda: time_step(start, plain, 400, inference()),
        "minidl, in a Trainer": lambda: time_trainer(start, 5000),  # as configs/relu_mse_sgd.yaml
        "PyTorch, eager": lambda: time_step(start, eager, 400, nullcontext()),
        "scikit-learn": lambda: time_scikit_learn(start, 1000),
    }


# That they do the same work -----------------------------------------------------------------------


def differences(start: Start, steps: int = 10) -> dict[str, float]:
    """How far the weights lie from PyTorch's, after some steps from the same ones.

    max |difference| / max |change|, the change being what the steps did to PyTorch's weights.
    """
    reference = weights_after(start, steps, pytorch(start))
    change = (reference - weights_after(start, 0, pytorch(start))).abs().max()
    found = {
        "minidl, captured": weights_after(start, steps, ours(start, captured=True)),
        "minidl, plain calls": weights_after(start, steps, ours(start, captured=False)),
        "scikit-learn": scikit_learn_weights(start, steps),
    }
    return {
        name: float((weights - reference).abs().max() / change) for name, weights in found.items()
    }


def weights_after(start: Start, steps: int, side: tuple[Step, Weights]) -> Tensor:
    """All weights and biases, in PyTorch's order."""
    step, weights = side
    for x, target in start.take(steps):
        step(x, target)
    return weights()


def scikit_learn_weights(start: Start, steps: int) -> Tensor:
    """The same of scikit-learn, by the method that `fit` uses too, one batch at a time."""
    model = scikit_learn(start, 1, shuffle=False)
    x, target = start.batches[0]
    model.partial_fit(x.numpy(), target.numpy().ravel())  # makes the weights; now set them
    for i, (weight, bias) in enumerate(start.weights):
        model.coefs_[i][:], model.intercepts_[i][:] = weight.T.numpy(), bias.numpy()
    for x, target in start.take(steps):
        model.partial_fit(x.numpy(), target.numpy().ravel())
    pairs = zip(model.coefs_, model.intercepts_, strict=True)
    assert all(coefs.dtype == np.float32 for coefs in model.coefs_)
    return torch.cat([torch.from_numpy(a.copy()).view(-1) for w, b in pairs for a in (w.T, b)])
