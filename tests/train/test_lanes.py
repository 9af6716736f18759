"""Each network in the lanes trains as if alone."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from trainings import built, distance, parameters, plainly

from minidl.build import Experiment
from minidl.data.batches import Batches
from minidl.engine import PlainEngine
from minidl.errors import MinidlWarning
from minidl.scores import MORE, OF_NUMBERS
from minidl.train.lanes import Lanes
from minidl.train.stop import Stop
from minidl.train.trainer import Epoch, Trainer

IMAGES = (
    "data={type: shapes, train: 40, test: 20, size: 8}",
    "model={sequential: [{conv2d: 3}, batch_norm, relu, {residual: [batch_norm, {dropout: 0.1}]}, "
    "max_pool2d, flatten, linear]}",
    "loss=cross_entropy",
)
# Each: what all share, and what each has for itself.
KINDS = {
    "sgd": (
        [
            "loss=bce_with_logits",
            "training.clip_norm=0.5",
            "optimizer.weight_decay=0.01",
            "optimizer.l1=0.001",
            "optimizer.weight_decay_on=weights",
        ],
        [["optimizer.lr=0.3"], ["optimizer.l1=0.1"], ["seed=7"]],
    ),
    "adam, dropout": (
        ["loss=cross_entropy", "optimizer.type=adam", "optimizer.lr=0.01"],
        [
            ["model.dropout=0.5"],
            ["model.dropout=0.1", "seed=1", "optimizer.betas=[0.8, 0.9]"],
            ["model.dropout=0.5", "training.dropout_seed=3"],
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
    "every metric of two classes": (
        [
            "loss=cross_entropy",
            f"training.metrics=[{', '.join(set(MORE) - set(OF_NUMBERS))}]",
        ],
        [["seed=1"], ["seed=2"], ["optimizer.lr=0.01"]],
    ),
    "every metric of numbers": (
        ["data={type: noisy_sine, train: 40, test: 24}", "training.metrics=[median_error, rmse]"],
        [["seed=1"], ["seed=2"], ["optimizer.lr=0.01"]],
    ),
    "rmsprop, own seeds": (
        ["optimizer={type: rmsprop, lr: 0.003, centered: true}", "model.output_activation=sigmoid"],
        [["data.seed=5"], ["model.seed=5"], ["training.seed=5"]],
    ),
    "adagrad, regression": (
        ["data={type: noisy_sine, train: 40, test: 24}"],
        [
            ["optimizer={type: adagrad, lr: 0.1, lr_decay: 0.1}"],
            ["optimizer={type: adagrad, lr: 0.1, lr_decay: 0.01}", "seed=2"],
            ["optimizer={type: adagrad, lr: 0.1, lr_decay: 0.1, eps: 0.1}", "seed=3"],
        ],
    ),
    "every number of sgd": (
        [],
        [
            ["optimizer={type: sgd, lr: 0.05, momentum: 0.5, dampening: 0.3, weight_decay: 0.01}"],
            ["optimizer={type: sgd, lr: 0.1, momentum: 0.4, dampening: 0.1, weight_decay: 0.1}"],
            ["optimizer={type: sgd, lr: 0.2, momentum: 0.9, dampening: 0.9, weight_decay: 0.1}"],
        ],
    ),
    "a frozen layer, and rates of their own": (
        [
            "model={type: mlp, hidden: [8, 4], freeze: [fc_2]}",
            "optimizer={type: adamw, lr: 0.01, weight_decay: 0.1}",
            "training.clip_norm=0.5",
        ],
        [
            ["optimizer.lr_factors={fc_1: 0.1, fc_3: 0.1}"],
            ["optimizer.lr_factors={fc_1: 0.1, fc_3: 5}", "seed=3"],
            ["optimizer.lr_factors={fc_1: 1, fc_3: 0.1}", "optimizer.lr=0.03"],
        ],
    ),
    "schedules and initialisers": (
        [],
        [
            ["schedule={type: cosine, warmup: 2}", "model.init=he"],
            ["schedule={type: multistep, milestones: [[1, 0.01]]}", "model.init={constant: 0.1}"],
            ["model.init=xavier", "seed=3"],
        ],
    ),
    "unlike lengths, evaluated now and then": (
        ["training.eval_every=2", "training.drop_last=true"],
        [["training.epochs=3"], ["training.epochs=5"], ["training.epochs=4", "seed=2"]],
    ),
    "images": ([*IMAGES, "training.epochs=2"], [["seed=1"], ["seed=2"], ["optimizer.lr=0.01"]]),
    "images, evaluated in training mode": (
        [*IMAGES, "training.epochs=2", "training.evaluate_in=train"],
        [["seed=1"], ["seed=2"], ["optimizer.lr=0.01"]],
    ),
}
every_kind = pytest.mark.parametrize("name", KINDS)
kept_programs = pytest.mark.usefixtures("kept_programs")


def members(name: str, *more: str) -> list[Experiment]:
    shared, own = KINDS[name]
    return [built(*shared, *more, *member) for member in own]


def train_in_lanes(trainers: list[Trainer], width: int) -> list[list[Epoch]]:
    """The epochs of each; a lane goes to the next trainer as soon as one has ended."""
    lanes = Lanes(trainers[0], width=width)
    epochs: dict[int, list[Epoch]] = {id(one): [] for one in trainers}
    waiting = list(trainers)
    while waiting or lanes.free < lanes.width:
        while waiting and lanes.free:
            lanes.put(waiting.pop(0))
        for trainer, epoch in lanes.train_epoch():
            epochs[id(trainer)].append(epoch)
            if trainer.finished == trainer.epochs:
                lanes.remove(trainer)
    return [epochs[id(one)] for one in trainers]


def values(epoch: Epoch) -> list[float]:
    """A row of metrics.csv without the clock."""
    row = epoch.row()
    del row["seconds"]
    return [math.nan if value is None else value for value in row.values()]


@every_kind
@kept_programs
def test_each_network_in_the_lanes_trains_as_if_alone(name: str) -> None:
    check_lanes(name, exact=True)


@every_kind
@plainly
def test_in_the_plain_way_but_for_rounding(name: str) -> None:
    """torch's batched products sum in another order."""
    check_lanes(name, exact=False)


def check_lanes(name: str, *, exact: bool) -> None:
    """Three trainings in four lanes against each alone."""
    together = [one.trainer for one in members(name, "training.dtype=float64")]
    found = train_in_lanes(together, 4)
    for trainer, own, single in zip(
        together, found, members(name, "training.dtype=float64"), strict=True
    ):
        alone = list(single.trainer)
        assert len(own) == len(alone) == trainer.epochs
        for mine, theirs in zip(own, alone, strict=True):
            # 50 steps of rounding, where a rate of change near 0 is divided by itself.
            tolerance = 0.0 if exact else 1e-8
            wanted = pytest.approx(values(theirs), rel=tolerance, abs=tolerance, nan_ok=True)
            assert values(mine) == wanted
        (tensors, state), (expected, numbers) = trainer.state(), single.trainer.state()
        del state["train_seconds"], numbers["train_seconds"]
        assert tensors.keys() == expected.keys()
        for key in tensors:
            if exact or not tensors[key].is_floating_point():
                assert torch.equal(tensors[key], expected[key]), key
            else:
                torch.testing.assert_close(tensors[key], expected[key], rtol=1e-7, atol=1e-9)
        if state["plateau"]:
            assert state["plateau"].pop("best") == pytest.approx(numbers["plateau"].pop("best"))
        assert state == numbers


@pytest.mark.parametrize("width", [1, 4, 8, 16])
@kept_programs
def test_a_lane_is_another_networks_as_soon_as_one_has_ended(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More trainings than lanes, of unlike lengths, to the bit."""
    monkeypatch.setenv("MINIDL_LANES", str(width))
    changes = [
        ["model.dropout=0.2", "optimizer=adam", f"training.epochs={1 + i % 4}", f"seed={i}"]
        for i in range(width + 3)
    ]
    together = [built(*each).trainer for each in changes]
    found = train_in_lanes(together, width)
    for trainer, own, each in zip(together, found, changes, strict=True):
        single = built(*each)
        assert [values(epoch) for epoch in own] == [values(epoch) for epoch in single.trainer]
        assert torch.equal(trainer.weights()["parameters"], parameters(single))


@plainly
def test_one_lane_of_the_plain_way_gives_the_bits_of_the_plain_step() -> None:
    trainer, other = (built("loss=cross_entropy", "optimizer=adam").trainer for _ in range(2))
    assert isinstance(trainer.alone.engine, PlainEngine)
    list(trainer)
    for _ in range(other.epochs):
        for x, target in other.batches:
            other.step(x, target)
    assert torch.equal(trainer.optimizer.flat.data, other.optimizer.flat.data)


def test_one_that_diverges_leaves_the_others_untouched() -> None:
    common = ["training.dtype=float64", "training.epochs=8", "training.clip_norm=1e300"]
    own = [[], ["optimizer.lr=1e200"], ["seed=2"]]
    together = [built(*common, *each).trainer for each in own]
    epochs = train_in_lanes(together, 4)
    assert [[one.finite for one in each] for each in epochs] == [
        [True] * 8,
        [False] * 8,
        [True] * 8,
    ]
    for i in (0, 2):
        single = built(*common, *own[i])
        list(single.trainer)
        assert distance(together[i].weights()["parameters"], parameters(single)) < 1e-8


def test_weights_and_state_are_those_in_the_lane() -> None:
    trainer, lanes = built().trainer, Lanes(built().trainer, width=2)
    before = trainer.weights()["parameters"]
    lanes.put(trainer)
    lanes.train_epoch()
    inside = trainer.state()[0]
    assert not torch.equal(trainer.weights()["parameters"], before)
    assert torch.equal(trainer.optimizer.flat.data, before)  # its own are where they were
    lanes.remove(trainer)
    outside = trainer.state()[0]
    assert all(torch.equal(inside[name], outside[name]) for name in inside)
    assert torch.equal(trainer.optimizer.flat.data, inside["parameters"])


def test_the_trainer_that_the_programs_are_made_of_stays_as_it_was() -> None:
    trainer = built("model.dropout=0.5").trainer
    before, steps = {name: x.clone() for name, x in trainer.tensors().items()}, 0
    Lanes(trainer, width=4)
    assert all(torch.equal(x, before[name]) for name, x in trainer.tensors().items())
    assert trainer.optimizer.steps == steps


def test_lanes_that_are_all_full_take_no_more() -> None:
    lanes = Lanes(built().trainer, width=1)
    lanes.put(built().trainer)
    assert lanes.free == lanes.width - 1
    for _ in range(lanes.free):
        lanes.put(built().trainer)
    with pytest.raises(ValueError, match="no lane is free"):
        lanes.put(built().trainer)


def test_a_trainer_of_other_shapes_takes_no_lane() -> None:
    lanes = Lanes(built().trainer, width=2)
    with pytest.raises(ValueError, match="other shapes"):
        lanes.put(built("model.hidden=[9]").trainer)
    assert lanes.free == lanes.width


def test_slices_of_a_table_are_trained_on_as_copies_are() -> None:
    def losses(x: Tensor, y: Tensor) -> list[float]:
        trainer = built().trainer
        trainer.batches = Batches(x, y, trainer.batches.batch_size, seed=1)
        trainer.parts = {**trainer.parts, "train": replace(part, inputs=x, targets=y)}
        return [epoch.metrics["train_loss"] for epoch in trainer]

    part = built().trainer.parts["train"]
    table = torch.cat([part.inputs, part.targets], 1)
    x, y = table[:, :2], table[:, 2:]
    assert losses(x, y) == losses(x.clone(), y.clone())


def test_a_stop_that_comes_too_late_leaves_the_epoch_unfinished() -> None:
    stop = Stop()
    trainer = built().trainer
    lanes = Lanes(trainer, stop=stop)
    lanes.put(trainer)
    assert len(lanes.train_epoch()) == 1
    stop.patience = -1.0
    stop.request()
    assert lanes.train_epoch() == []
    assert trainer.finished == 1
    assert not trainer.between_epochs


@pytest.mark.usefixtures("no_compiler")
def test_without_a_compiler_it_is_said_in_one_line() -> None:
    trainer = built().trainer
    with pytest.warns(MinidlWarning, match="no C compiler found"):
        assert trainer.alone.engine.description == "plain (no C compiler found)"
    assert len(list(trainer)) == trainer.epochs
