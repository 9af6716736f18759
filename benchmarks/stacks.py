"""Ways to train a stack of networks at once, and PyTorch's one network at a time.

Every side trains the common network (2-25-25-25-1, ReLU, mean squared error, plain SGD, float32),
each of the T networks from weights of its own on points of its own, and adds each step's losses to
totals that are never read. None computes the gradient for the network's input, none shuffles.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from multiprocessing import get_context
from typing import Any

import sides
import torch
from sides import CONFIG, RATE, WIDTHS
from torch import Tensor

from minidl.build import build
from minidl.capture import capture
from minidl.data.load import load_dataset
from minidl.execute import read_data
from minidl.nn import Linear, MSELoss, ReLU, Sequential
from minidl.optim import SGD
from minidl.seeds import generator
from minidl.spec import parse_spec
from minidl.sweep.stacks import fastest_size
from minidl.sweep.work import work_of


@dataclass
class Side:
    """`run(steps)` trains that many steps; `weights()` is one (T, P) matrix, in PyTorch's order."""

    run: Callable[[int], object]
    weights: Callable[[], Tensor]

    def microseconds(self, networks: int, steps: int) -> float:
        """Wall time per network and step."""
        started = time.perf_counter()
        self.run(steps)
        return (time.perf_counter() - started) / steps / networks * 1e6


@dataclass
class Start:
    """Each network's points, (T, 1000, ...), cut into batches, and its first weights."""

    batch_size: int
    networks: int
    first: int = 0  # the first network's seed
    weights: list[tuple[Tensor, Tensor]] = field(init=False)  # (T, outputs, inputs), (T, outputs)

    def __post_init__(self) -> None:
        seeds = range(self.first, self.first + self.networks)
        data = parse_spec(CONFIG).data
        splits = [load_dataset(data, generator(seed, "data")).train for seed in seeds]
        self.inputs = torch.stack([torch.tensor(s.inputs, dtype=torch.float32) for s in splits])
        targets = [torch.tensor(s.targets, dtype=torch.float32) for s in splits]
        self.targets = torch.stack(targets).unsqueeze(2)
        cut = (torch.split(x, self.batch_size, 1) for x in (self.inputs, self.targets))
        self.batches = list(zip(*cut, strict=True))
        drawn = [_layers(seed) for seed in seeds]
        self.weights = [
            (torch.stack([w for w, _ in layer]), torch.stack([b for _, b in layer]))
            for layer in zip(*drawn, strict=True)
        ]

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """The first again after the last."""
        return self.batches[step % len(self.batches)]


def _layers(seed: int) -> list[tuple[Tensor, Tensor]]:
    torch.manual_seed(seed)
    layers = [torch.nn.Linear(*sizes) for sizes in pairwise(WIDTHS)]
    return [(layer.weight.detach(), layer.bias.detach()) for layer in layers]


# The sides ----------------------------------------------------------------------------------------


def minidl_stack(start: Start) -> Side:
    """One captured step over the stack."""
    layers = [Linear(*sizes) for sizes in pairwise(WIDTHS)]
    network = Sequential(*[one for layer in layers for one in (layer, ReLU())][:-1])
    network.stack(start.networks)
    for layer, (weight, bias) in zip(layers, start.weights, strict=True):
        layer.weight.data, layer.bias.data = weight, bias  # type: ignore[union-attr]  # both copy
    network.skip_input_gradient()
    loss, optimizer = MSELoss().stack(start.networks), SGD(network, lr=RATE)
    totals = torch.zeros(start.networks)

    @capture
    def step(x: Tensor, target: Tensor) -> None:
        totals.add_(loss.forward(network.forward(x), target))
        optimizer.zero_grad()
        network.backward(loss.backward())
        optimizer.step()

    def run(steps: int) -> None:
        with torch.inference_mode():
            for number in range(steps):
                step(*start.batch(number))

    flat = optimizer.flat
    return Side(run, lambda: torch.stack([flat.member(i) for i in range(start.networks)]))


def minidl_stacks(start: Start) -> Side:
    """The stacks that `minidl sweep` cuts the networks into, one after the other."""
    size = fastest(start.batch_size)
    firsts = range(0, start.networks, size)
    cut = [
        minidl_stack(
            Start(start.batch_size, min(size, start.networks - first), start.first + first)
        )
        for first in firsts
    ]

    def run(steps: int) -> None:
        for one in cut:
            one.run(steps)

    return Side(run, lambda: torch.cat([one.weights() for one in cut]))


def fastest(batch_size: int) -> int:
    """How many of these networks `minidl sweep` trains side by side."""
    spec = parse_spec(CONFIG, overrides=[f"training.batch_size={batch_size}"])
    data = read_data(spec)
    return fastest_size(work_of(spec, data, build([spec], [data])), memory=2**62)


def torch_func(start: Start) -> Side:
    """PyTorch's model ensembling: `vmap` over `grad` of a functional call."""
    from torch.func import functional_call, grad_and_value, stack_module_state, vmap

    models = [_module(start, network) for network in range(start.networks)]
    stacked, buffers = stack_module_state(models)
    parameters = {name: values.detach() for name, values in stacked.items()}
    skeleton = _module(start, 0).to("meta")
    totals = torch.zeros(start.networks)

    def loss(own: Any, other: Any, x: Tensor, target: Tensor) -> Tensor:
        output = functional_call(skeleton, (own, other), (x,))
        return torch.nn.functional.mse_loss(output, target)

    gradients = vmap(grad_and_value(loss))

    def run(steps: int) -> None:
        with torch.no_grad():
            for number in range(steps):
                grads, values = gradients(parameters, buffers, *start.batch(number))
                for name, parameter in parameters.items():
                    parameter.sub_(grads[name], alpha=RATE)
                totals.add_(values)

    def weights() -> Tensor:
        return torch.cat([values.flatten(1) for values in parameters.values()], 1)

    return Side(run, weights)


def eager(batch_size: int) -> Side:
    """PyTorch as it is used for one network: autograd, torch.nn, torch.optim."""
    start = sides.Start(batch_size)
    step, weights = sides.pytorch(start)

    def run(steps: int) -> None:
        for x, target in start.take(steps):
            step(x, target)

    return Side(run, weights)


def _module(start: Start, network: int) -> torch.nn.Sequential:
    children: list[torch.nn.Module] = []
    for weight, bias in start.weights:
        layer = torch.nn.Linear(weight.shape[2], weight.shape[1])
        layer.load_state_dict({"weight": weight[network], "bias": bias[network]})
        children += [layer, torch.nn.ReLU()]
    return torch.nn.Sequential(*children[:-1])


def jax_scan(start: Start) -> Side:
    """JAX: `jit(vmap(scan))`, an epoch of steps in one compiled call. Raises ImportError."""
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

    train = jax.jit(jax.vmap(epoch), donate_argnums=0)
    shape = start.networks, len(start.batches), start.batch_size, -1
    x, target = (jnp.asarray(a.numpy()).reshape(shape) for a in (start.inputs, start.targets))
    layers = jax.tree.map(lambda a: jnp.array(a.numpy()), start.weights)
    totals = jnp.zeros(start.networks)

    def run(steps: int) -> None:
        nonlocal layers, totals
        assert steps % len(start.batches) == 0
        for _ in range(steps // len(start.batches)):
            layers, values = train(layers, x, target)
            totals = totals + values
        jax.block_until_ready(layers)

    def weights() -> Tensor:
        parts = [torch.tensor(jax.device_get(a)).flatten(1) for a in jax.tree.leaves(layers)]
        return torch.cat(parts, 1)

    return Side(run, weights)


# Two processes ------------------------------------------------------------------------------------


class Processes:
    """`minidl_stacks` in processes of one thread each, which share the networks evenly."""

    def __init__(self, count: int, batch_size: int, networks: int) -> None:
        context, share = get_context("spawn"), networks // count
        self._pipes, self._processes = [], []
        for number in range(count):
            ours, theirs = context.Pipe()
            arguments = theirs, batch_size, share, number * share
            process = context.Process(target=_work, args=arguments, daemon=True)
            process.start()
            self._pipes.append(ours)
            self._processes.append(process)
        self.run(1)

    def run(self, steps: int) -> None:
        """That many steps of all networks."""
        for pipe in self._pipes:
            pipe.send(steps)
        for pipe in self._pipes:
            pipe.recv()

    def end(self) -> None:
        """Let the processes go."""
        for pipe, process in zip(self._pipes, self._processes, strict=True):
            pipe.send(0)
            process.join()


def _work(pipe: Any, batch_size: int, networks: int, first: int) -> None:
    torch.set_num_threads(1)
    side = minidl_stacks(Start(batch_size, networks, first))
    while steps := pipe.recv():
        side.run(steps)
        pipe.send(None)
