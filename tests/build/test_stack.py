"""A member of a stack gets what it would get alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from trainings import distance, parameters, spec

from minidl.build import Experiment, build
from minidl.execute import prepare
from minidl.spec import Spec
from minidl.sweep.stacks import stack_key
from minidl.train import Epoch

# Each: what all members share, and what each member has for itself.
STACKS = {
    "sgd": (
        ["loss=bce_with_logits", "training.clip_norm=0.5", "optimizer.weight_decay=0.01"],
        [["optimizer.lr=0.3"], ["optimizer.lr=0.1", "optimizer.momentum=0.9"], ["seed=7"]],
    ),
    "adam, dropout": (
        ["loss=cross_entropy", "optimizer.type=adam", "optimizer.lr=0.01"],
        [
            ["model.dropout=0.5"],
            ["model.dropout=0.1", "seed=1", "optimizer.betas=[0.8, 0.9]"],
            ["model.dropout=0.5", "training.dropout_seed=3", "optimizer.weight_decay=0.1"],
        ],
    ),
    "adamw, plateau": (
        [
            "schedule={type: plateau, patience: 1, factor: 0.5, metric: test_accuracy}",
            "optimizer={type: adamw, lr: 0.03}",
            "training.clip_value=0.01",
            "training.evaluate_in=train",
            "model.dropout=0.2",
        ],
        [["seed=1"], ["seed=2"], ["seed=3", "optimizer.lr=0.003"]],
    ),
    "rmsprop, own seeds": (
        ["optimizer={type: rmsprop, lr: 0.003, centered: true}", "model.output_activation=sigmoid"],
        [["data.seed=5"], ["model.seed=5"], ["training.seed=5"]],
    ),
    "adagrad, regression": (
        ["data={type: noisy_sine, train: 40, test: 24}", "optimizer={type: adagrad, lr: 0.1}"],
        [["seed=1"], ["seed=2", "optimizer.lr_decay=0.01"], ["seed=3", "optimizer.eps=0.1"]],
    ),
    "every number of sgd": (
        ["optimizer.weight_decay=0.001"],
        [
            [],
            ["optimizer={type: sgd, lr: 0.05, momentum: 0.5, dampening: 0.3}"],
            ["optimizer={type: sgd, lr: 0.2, momentum: 0.9, weight_decay: 0.1}"],
        ],
    ),
    "every number of rmsprop": (
        [],
        [
            ["optimizer={type: rmsprop, lr: 0.001}"],
            ["optimizer={type: rmsprop, lr: 0.002, alpha: 0.9, momentum: 0.5}"],
            ["optimizer={type: rmsprop, lr: 0.003, eps: 0.1, weight_decay: 0.1}"],
        ],
    ),
    "schedules and initialisers": (
        [],
        [
            ["schedule={type: cosine, warmup: 2}", "model.init=he"],
            ["schedule={type: cosine, final: 0.5}", "model.init={constant: 0.1}"],
            ["schedule={type: cosine}", "model.init=xavier", "seed=3"],
        ],
    ),
    "layers with initialisers of their own": (
        ["model={sequential: [{linear: 8}, tanh, {residual: [{linear: 8}, relu]}, linear]}"],
        [
            ["model.layers[0].init={he: 0.5}", "model.init=he"],
            ["model.layers[0].init={he: 2}", "model.layers[2].layers[0].init=xavier"],
            ["model.layers[2].layers[0].init={normal: 0.3}", "seed=1"],
        ],
    ),
}
every_stack = pytest.mark.parametrize("name", STACKS)


def specs_of(name: str, *more: str) -> list[Spec]:
    shared, own = STACKS[name]
    return [spec(*shared, *member, *more) for member in own]


def together(specs: Sequence[Spec]) -> Experiment:
    return build(specs, [prepare(one)[0] for one in specs])


def alone(one: Spec) -> Experiment:
    return prepare(one)[1]


@every_stack
def test_data_weights_and_batch_order_are_equal_to_the_bit(name: str) -> None:
    specs = specs_of(name)
    stack = together(specs)
    for i, one in enumerate(specs):
        single = alone(one)
        for part in ("train", "test"):
            for field in ("inputs", "targets", "labels"):
                own, shared = (
                    getattr(experiment.trainer.parts[part], field) for experiment in (single, stack)
                )
                assert torch.equal(own, shared[i]), (part, field)
        assert torch.equal(parameters(single), parameters(stack, i))
    singles = [alone(one).trainer.batches for one in specs]
    batches = together(specs).trainer.batches
    for _ in range(3):
        for (x, target), *own in zip(batches, *singles, strict=True):
            for i, (own_x, own_target) in enumerate(own):
                assert torch.equal(x[i], own_x)
                assert torch.equal(target[i], own_target)


@every_stack
def test_members_of_these_examples_may_share_a_stack(name: str) -> None:
    assert len({stack_key(one) for one in specs_of(name)}) == 1


def test_a_network_without_dropout_goes_on_in_a_stack_with_it_and_back() -> None:
    """Alone, p = 0 leaves the dropout layers out."""
    plain, dropping = spec(), spec("model.dropout=0.5", "seed=1")
    single, stack = alone(plain), together([plain, dropping])
    next(iter(single.trainer))
    stack.trainer.restore(0, *single.trainer.state())
    assert torch.equal(parameters(stack, 0), parameters(single))
    single.trainer.restore(0, *stack.trainer.state(0))


@every_stack
def test_one_step_in_float32_is_equal_to_rounding(name: str) -> None:
    specs = specs_of(name)
    stack = together(specs)
    with torch.inference_mode():
        stack.trainer.step(*next(iter(stack.trainer.batches)))
    for i, one in enumerate(specs):
        single = alone(one)
        with torch.inference_mode():
            single.trainer.step(*next(iter(single.trainer.batches)))
        # An rmsprop or Adam step divides by √g², so that a g of a few bits can turn the whole
        # step's sign; 1e-6 holds since these gradients are far from 0.
        assert distance(parameters(stack, i), parameters(single)) < 1e-6


@every_stack
def test_fifty_epochs_in_float64_are_equal(name: str) -> None:
    specs = specs_of(name, "training.dtype=float64", "training.epochs=50")
    stack = together(specs)
    epochs = list(stack.trainer)
    for i, one in enumerate(specs):
        single = alone(one)
        own = list(single.trainer)
        assert len(own) == len(epochs) == 50
        for mine, shared in zip(own, epochs, strict=True):
            assert mine.steps == shared.steps
            assert values(shared, i) == pytest.approx(values(mine, 0), rel=1e-8, abs=1e-8)
        assert distance(parameters(stack, i), parameters(single)) < 1e-8


def values(epoch: Epoch, network: int) -> list[float]:
    """A row of metrics.csv without the clock."""
    row = epoch.row(network)
    del row["seconds"]
    return [math.nan if value is None else value for value in row.values()]


def test_a_stack_of_one_is_the_network_alone() -> None:
    one = spec("training.dtype=float64")
    stack, single = together([one]), alone(one)
    for mine, shared in zip(single.trainer, stack.trainer, strict=True):
        assert values(shared, 0) == pytest.approx(values(mine, 0), rel=1e-12)


def test_one_that_diverges_leaves_the_others_untouched() -> None:
    common = ["training.dtype=float64", "training.epochs=20", "training.clip_norm=1e300"]
    specs = [spec(*common), spec(*common, "optimizer.lr=1e200"), spec(*common, "seed=2")]
    stack = together(specs)
    epochs = list(stack.trainer)
    assert [epoch.finite for epoch in epochs] == [[True, False, True]] * 20
    for i in (0, 2):
        single = alone(specs[i])
        for mine, shared in zip(single.trainer, epochs, strict=True):
            assert values(shared, i) == pytest.approx(values(mine, 0), rel=1e-8)
        assert distance(parameters(stack, i), parameters(single)) < 1e-8


def test_members_that_differ_have_weights_that_differ() -> None:
    stack = together([spec(f"seed={seed}") for seed in range(3)])
    vectors = [parameters(stack, i) for i in range(3)]
    assert not torch.equal(vectors[0], vectors[1])
    assert not torch.equal(vectors[1], vectors[2])
