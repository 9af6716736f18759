"""Ways to train many networks at once, and PyTorch's one network at a time.

Every side trains the common network (2-25-25-25-1, ReLU, mean squared error, plain SGD, float32),
each from weights of its own on points of its own, and adds each step's loss to a total that is
never read. None shuffles but minidl's `Lanes`, which do all that a sweep does in its epochs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import sides
import torch
from sides import CONFIG, RATE, WIDTHS
from torch import Tensor

from minidl.build import build, read_data
from minidl.data.load import load_dataset
from minidl.seeds import generator
from minidl.spec import Spec, parse_spec
from minidl.train.lanes import Lanes
from minidl.train.programs import Programs
from minidl.train.trainer import Trainer

# As no training ends, and nothing is evaluated, while it is measured.
ENDLESS = ("training.epochs=1000000", "training.eval_every=1000000")


@dataclass
class Side:
    """`run(steps)` trains that many steps; `weights()` is one (T, P) matrix, in PyTorch's order."""

    run: Callable[[int], object]
    weights: Callable[[], Tensor]
    networks: int
    steps: int  # that one measurement takes
    engine: str = ""  # minidl's

    def microseconds(self) -> float:
        """Wall time per network and step."""
        started = time.perf_counter()
        self.run(self.steps)
        return (time.perf_counter() - started) / self.steps / self.networks * 1e6


@dataclass
class Start:
    """Each network's points, (T, 1000, ...), cut into batches, and its first weights."""

    batch_size: int
    networks: int
    weights: list[tuple[Tensor, Tensor]] = field(init=False)  # (T, outputs, inputs), (T, outputs)

    def __post_init__(self) -> None:
        seeds = range(self.networks)
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


# minidl -------------------------------------------------------------------------------------------


def specs(networks: int, *changes: str, config: str = CONFIG) -> list[Spec]:
    """Those of a sweep over seeds, none of which ends."""
    return [
        parse_spec(config, overrides=[*changes, *ENDLESS, f"seed={seed}"])
        for seed in range(networks)
    ]


def trainers(these: Sequence[Spec]) -> list[Trainer]:
    """Each spec's, on its own data."""
    return [build(spec, read_data(spec)).trainer for spec in these]


class Threads:
    """Calls functions on as many threads as there are cores; on one, in this thread."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count) if count > 1 else None

    def each(self, functions: Sequence[Callable[[], object]]) -> None:
        """Call all; they take turns where there are more than threads."""
        if self._pool is None:
            for function in functions:
                function()
        else:
            for future in [self._pool.submit(function) for function in functions]:
                future.result()


def minidl_lanes(start: Start, networks: int, threads: int) -> Side:
    """The compiled step in lanes, an epoch in one call."""
    made = trainers(specs(networks, f"training.batch_size={start.batch_size}"))
    for number, trainer in enumerate(made):
        parts = [layer[kind][number].reshape(-1) for layer in start.weights for kind in (0, 1)]
        trainer.optimizer.flat.data.copy_(torch.cat(parts))
    programs = Programs.of(made[0], networks)
    width, pool = programs.engine.lanes, Threads(threads)
    rows = np.arange(len(start.inputs[0])).reshape(1, -1, start.batch_size)
    rows = np.ascontiguousarray(np.broadcast_to(rows, (width, *rows.shape[1:])))
    groups = []
    for first in range(0, networks, width):
        state = programs.engine.state(made[0].tensors())
        sources: list[tuple[Tensor, ...] | None] = [None] * width
        for lane, trainer in enumerate(made[first : first + width]):
            state.put(lane, trainer.tensors())
            sources[lane] = trainer.batches.inputs, trainer.batches.targets
        groups.append((state, sources))

    def train(state: Any, sources: Any, steps: int) -> None:
        program = programs.by_name["step"]
        while steps > 0:
            program.run(state, sources, rows[:, :steps], {})
            steps -= rows.shape[1]

    def run(steps: int) -> None:
        pool.each([lambda group=group: train(*group, steps) for group in groups])  # type: ignore[call-arg, misc]

    def weights() -> Tensor:
        whole = np.concatenate([state.read("parameters") for state, _ in groups])
        return torch.from_numpy(whole[:networks])

    return Side(run, weights, networks, max(len(start.batches), 200))


def minidl_sweep(these: Sequence[Spec], threads: int) -> Side:
    """Whole epochs in `Lanes`, as `minidl sweep` trains them, but for evaluation and files."""
    made = trainers(these)
    programs, pool = Programs.of(made[0], len(made)), Threads(threads)
    width, groups = programs.engine.lanes, []
    for first in range(0, len(made), width):
        groups.append(Lanes(made[first], width=width, programs=programs))
        for trainer in made[first : first + width]:
            groups[-1].put(trainer)
    epoch = len(made[0].batches)

    def run(steps: int) -> None:
        for _ in range(steps // epoch):
            pool.each([group.train_epoch for group in groups])

    def weights() -> Tensor:
        return torch.stack([trainer.weights()["parameters"] for trainer in made])

    steps = max(1, 200 // epoch) * epoch
    return Side(run, weights, len(made), steps, programs.engine.description)


# The others ---------------------------------------------------------------------------------------


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

    return Side(run, weights, start.networks, min(len(start.batches), 20))


def eager(batch_size: int) -> Side:
    """PyTorch as it is used for one network: autograd, torch.nn, torch.optim."""
    start = sides.Start(batch_size)
    step, weights = sides.pytorch(start)

    def run(steps: int) -> None:
        for x, target in start.take(steps):
            step(x, target)

    return Side(run, weights, 1, 100)


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

    train = jax.jit(jax.vmap(sides.jax_epoch()), donate_argnums=0)
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

    return Side(run, weights, start.networks, len(start.batches))
