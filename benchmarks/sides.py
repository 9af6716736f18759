"""The ways in which minidl runs a training step of one network, and what it is compared with.

Every side trains the common network (2-25-25-25-1, ReLU, mean squared error, plain SGD, float32)
on the same points from the same weights, and adds each step's loss to a total that is never read.
None computes the gradient for the network's input.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import cycle, islice, pairwise
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from torch import Tensor

from minidl.build import build
from minidl.data.load import load_dataset
from minidl.engine import compile, prepare
from minidl.nn import Linear, Module, MSELoss, ReLU, Sequential
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


@dataclass
class Ours:
    """minidl's network with its loss and optimizer, in README's words."""

    start: Start

    def __post_init__(self) -> None:
        children: list[Module] = []
        for weight, bias in self.start.weights:
            layer = Linear(weight.shape[1], weight.shape[0])
            layer.weight.data, layer.bias.data = weight, bias  # type: ignore[union-attr]  # both copy
            children += [layer, ReLU()]
        self.network, self.loss = Sequential(*children[:-1]), MSELoss()
        self.optimizer = SGD(self.network, lr=RATE)
        self.total = torch.zeros(())

    def step(self, x: Tensor, target: Tensor) -> None:
        """One step of gradient descent."""
        self.total += self.loss.forward(self.network.forward(x), target)
        self.optimizer.zero_grad()
        self.network.backward(self.loss.backward())
        self.optimizer.step()

    def tensors(self) -> dict[str, Tensor]:
        """All that lasts from step to step."""
        numbers = self.optimizer.number_tensors
        flat = self.optimizer.flat
        return {"parameters": flat.data, "gradients": flat.grad, "total": self.total, **numbers}

    def weights(self) -> Tensor:
        """All weights and biases, in PyTorch's order."""
        return self.optimizer.flat.data.clone()


def ours(start: Start, *, compiled: bool) -> tuple[Step, Weights]:
    """minidl: by `minidl.compile`, or as plain calls."""
    made = Ours(start)
    return compile(made.step) if compiled else made.step, made.weights


class ManySteps:
    """minidl's compiled step, many of them in one call, as a training runs it."""

    def __init__(self, start: Start) -> None:
        self.made, self.inputs = Ours(start), (start.inputs, start.targets)
        tensors = self.made.tensors()
        example = start.batches[0]
        self.engine, programs = prepare(
            lambda chunk: {"step": (self.made.step, example)}, tensors, self._bind, 1
        )
        self.program, self.state = programs["step"], self.engine.state(tensors)
        self.state.put(0, tensors)
        self.rows = np.arange(len(start.inputs)).reshape(1, -1, start.batch_size)

    def run(self, steps: int) -> None:
        """That many steps, epoch by epoch."""
        while steps > 0:
            rows = self.rows[:, :steps]
            self.program.run(self.state, [self.inputs], rows, {})
            steps -= rows.shape[1]

    def weights(self) -> Tensor:
        """All weights and biases, in PyTorch's order."""
        return torch.from_numpy(self.state.read("parameters")[0])

    def microseconds(self, steps: int) -> float:
        """Of a step."""
        started = time.perf_counter()
        self.run(steps)
        return (time.perf_counter() - started) / steps * 1e6

    def _bind(self, tensors: Mapping[str, Tensor]) -> None:
        made = self.made
        made.optimizer.flat.bind(tensors["parameters"], tensors["gradients"])
        made.optimizer.bind({}, {name: tensors[name] for name in made.optimizer.number_tensors})
        made.total = tensors["total"]


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
    """A whole training by `minidl.build`'s Trainer: steps ÷ train_seconds, as `minidl train`."""
    epochs = -(-steps // len(start.batches))
    changes = [f"training.batch_size={start.batch_size}", f"training.epochs={epochs}"]
    spec = parse_spec(CONFIG, overrides=changes)
    data = load_dataset(spec.data, generator(spec.seed, "data"))
    *_, last = build(spec, data).trainer
    return last.train_seconds / last.steps * 1e6


class Jax:
    """JAX: `jit(scan)`, an epoch of steps in one compiled call. Raises ImportError."""

    def __init__(self, start: Start) -> None:
        import jax
        import jax.numpy as jnp

        self._wait = jax.block_until_ready
        self._train = jax.jit(jax_epoch(), donate_argnums=0)
        self.steps = len(start.batches)
        shape = self.steps, start.batch_size, -1
        self.data = [jnp.asarray(a.numpy()).reshape(shape) for a in (start.inputs, start.targets)]
        self.layers = jax.tree.map(lambda a: jnp.array(a.numpy()), start.weights)

    def microseconds(self, epochs: int) -> float:
        """Of a step."""
        started = time.perf_counter()
        for _ in range(epochs):
            self.layers, _ = self._train(self.layers, *self.data)
        self._wait(self.layers)
        return (time.perf_counter() - started) / epochs / self.steps * 1e6


def jax_epoch() -> Callable[..., Any]:
    """A function of (layers, x, target) that trains a network for an epoch, for JAX to compile."""
    import jax
    import jax.numpy as jnp

    def loss(layers: Any, x: Any, target: Any) -> Any:
        for weight, bias in layers[:-1]:
            x = jax.nn.relu(x @ weight.T + bias)
        weight, bias = layers[-1]
        return jnp.mean((x @ weight.T + bias - target) ** 2)

    def step(layers: Any, batch: Any) -> Any:
        value, grads = jax.value_and_grad(loss)(layers, *batch)
        return jax.tree.map(lambda old, grad: old - RATE * grad, layers, grads), value

    def epoch(layers: Any, x: Any, target: Any) -> Any:
        layers, values = jax.lax.scan(step, layers, (x, target))
        return layers, values.sum()

    return epoch


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
    """Every side's clock, by name; that of JAX where it is installed."""
    many, (compiled, _) = ManySteps(start), ours(start, compiled=True)
    plain, _ = ours(start, compiled=False)
    eager, _ = pytorch(start)
    steps = max(len(start.batches), 1000)
    clocks = {
        "minidl, many steps a call": lambda: many.microseconds(steps),
        "minidl train": lambda: time_trainer(start, 5000),  # as configs/relu_mse_sgd.yaml
        "minidl.compile": lambda: time_step(start, compiled, 1000, nullcontext()),
        "minidl, plain calls": lambda: time_step(start, plain, 200, torch.inference_mode()),
        "PyTorch, eager": lambda: time_step(start, eager, 200, nullcontext()),
        "scikit-learn": lambda: time_scikit_learn(start, 1000),
    }
    if find_spec("jax") is not None:
        jax, epochs = Jax(start), max(1, 1000 // len(start.batches))
        clocks["JAX, jit(scan)"] = lambda: jax.microseconds(epochs)
    return clocks


# That they do the same work -----------------------------------------------------------------------


def differences(start: Start, steps: int = 10) -> dict[str, float]:
    """How far the weights lie from PyTorch's, after some steps from the same ones.

    max |difference| / max |change|, the change being what the steps did to PyTorch's weights.
    """
    reference = weights_after(start, steps, pytorch(start))
    change = (reference - weights_after(start, 0, pytorch(start))).abs().max()
    found = {
        "minidl, many steps a call": many_steps_weights(start, steps),
        "minidl.compile": weights_after(start, steps, ours(start, compiled=True)),
        "minidl, plain calls": weights_after(start, steps, ours(start, compiled=False)),
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


def many_steps_weights(start: Start, steps: int) -> Tensor:
    """The same after one call."""
    many = ManySteps(start)
    many.run(steps)
    return many.weights()


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
