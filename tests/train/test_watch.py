"""A watched training: what it notes is what its steps show, and it trains as one that isn't."""

from __future__ import annotations

import math
from unittest import mock

import pytest
import torch
from torch import Tensor
from trainings import built, parameters, plainly

from minidl.nn import ReLU
from minidl.nn.sequential import named_layers
from minidl.train.lanes import Lanes
from minidl.train.trainer import Epoch, Trainer
from minidl.train.watch import WatchedTrainer

ALL = "training.watch=[gradients, weights, updates, activations]"
IMAGES = (
    "data={type: shapes, train: 40, test: 20, size: 8}",
    "model={sequential: [{conv2d: 3}, batch_norm, relu, {residual: [batch_norm, {dropout: 0.1}, "
    "tanh]}, max_pool2d, flatten, linear]}",
    "loss=cross_entropy",
)
KINDS = {
    "sgd, clipped": ["training.clip_norm=0.1", "optimizer.momentum=0.9"],
    "adam, dropout": ["optimizer=adam", "model.dropout=0.3", "model.activation=sigmoid"],
    "images": [*IMAGES, "training.epochs=2"],
}
every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
@pytest.mark.usefixtures("kept_programs")
def test_the_weights_are_to_the_bit_those_of_a_training_that_nobody_watches(kind: str) -> None:
    watched, other = built(*KINDS[kind], ALL), built(*KINDS[kind])
    rows, others = list(watched.trainer), list(other.trainer)
    assert [one.metrics for one in rows] == [one.metrics for one in others]
    assert torch.equal(parameters(watched), parameters(other))


@every_kind
@pytest.mark.usefixtures("kept_programs")
def test_networks_in_lanes_note_what_each_would_note_alone(kind: str) -> None:
    changes = [[], ["seed=1"], ["seed=2", "optimizer.lr=0.3"]]
    together = [built(*KINDS[kind], *own, ALL).trainer for own in changes]
    lanes = Lanes(together[0], width=4)
    for trainer in together:
        lanes.put(trainer)
    noted: dict[int, list[Epoch]] = {id(one): [] for one in together}
    while together[0].finished < together[0].epochs:
        for one, epoch in lanes.train_epoch():
            noted[id(one)].append(epoch)
    for trainer, own in zip(together, changes, strict=True):
        alone = list(built(*KINDS[kind], *own, ALL).trainer)
        assert [e.dynamics for e in noted[id(trainer)]] == [e.dynamics for e in alone]
        assert len(alone[0].dynamics) > 10


@every_kind
@plainly
def test_the_plain_way_notes_the_same_but_for_rounding(kind: str) -> None:
    trainer = built(*KINDS[kind], "training.dtype=float64", ALL).trainer
    for epoch, step_by_step in zip(trainer, _by_hand(*KINDS[kind]), strict=True):
        assert epoch.dynamics == pytest.approx(step_by_step, rel=1e-9, abs=1e-12)


@every_kind
@pytest.mark.usefixtures("kept_programs")
def test_what_is_noted_is_what_the_steps_show(kind: str) -> None:
    trainer = built(*KINDS[kind], "training.dtype=float64", ALL).trainer
    assert isinstance(trainer, WatchedTrainer)
    for epoch, step_by_step in zip(trainer, _by_hand(*KINDS[kind]), strict=True):
        assert epoch.dynamics == pytest.approx(step_by_step, rel=1e-9, abs=1e-12)


def _by_hand(*overrides: str) -> list[dict[str, float]]:
    """The same training, an epoch's steps kept one by one and looked at afterwards."""
    trainer = built(*overrides, "training.dtype=float64").trainer
    spans = _spans(trainer.network.named_children(), "")
    flat, batches = trainer.optimizer.flat, trainer.batches
    found = []
    for number in range(1, trainer.epochs + 1):
        trainer.begin_epoch()
        trainer.network.train()
        steps = [_step(trainer, rows) for rows in torch.split(batches.order(), batches.batch_size)]
        trainer.finished += 1
        row: dict[str, float] = {"epoch": number}
        for name, _, span in spans:
            if span is not None:
                gradients = torch.stack([step["gradient"][span] for step in steps])
                changes = torch.stack([(s["after"] - s["before"])[span] for s in steps])
                mean = gradients.mean(0)
                norm = flat.data[span].norm()
                spread = (gradients - mean).square().sum(1).mean().sqrt()
                row[f"{name}.weight_norm"] = float(norm)
                row[f"{name}.gradient_norm"] = float(gradients.square().sum(1).mean().sqrt())
                row[f"{name}.gradient_noise"] = float(spread / mean.norm())
                row[f"{name}.update_ratio"] = float(changes.square().sum(1).mean().sqrt() / norm)
        for name, module, _ in spans:
            if module.activates:
                # Batches weigh the same, also the last one, which is short.
                means = torch.stack([_by_unit(s[name]) for s in steps]).mean(0)
                squares = torch.stack([_by_unit(s[name].square()) for s in steps]).mean(0)
                row[f"{name}.activation_mean"] = float(means.mean())
                row[f"{name}.activation_std"] = math.sqrt(squares.mean() - means.mean() ** 2)
                if isinstance(module, ReLU):
                    row[f"{name}.dead"] = float((means == 0).double().mean())
                elif type(module).__name__ == "Tanh":
                    row[f"{name}.saturated"] = float((1 - squares < 0.04).double().mean())
                elif type(module).__name__ == "Sigmoid":
                    slopes = 4 * (means - squares)
                    row[f"{name}.saturated"] = float((slopes < 0.04).double().mean())
        found.append(row)
    return found


def _step(trainer: Trainer, rows: Tensor) -> dict[str, Tensor]:
    """A step: the parameters before and after it, the gradient, and the activations."""
    flat, batches, gradients = trainer.optimizer.flat, trainer.batches, []
    before = flat.data.clone()

    def clip() -> None:
        gradients.append(flat.grad.clone())
        type(trainer).clip(trainer)

    with mock.patch.object(trainer, "clip", clip):
        trainer.step(batches.inputs[rows], batches.targets[rows])
    outputs = {
        name: _output(module) for name, module in named_layers(trainer.network) if module.activates
    }
    return {"before": before, "after": flat.data.clone(), "gradient": gradients[0], **outputs}


def _output(module: object) -> Tensor:
    y: Tensor = vars(module)["y"]
    return y.clone()


def _by_unit(y: Tensor) -> Tensor:
    return y.transpose(0, 1).flatten(1).mean(1)


def _spans(children: list, prefix: str, start: int = 0) -> list:  # type: ignore[type-arg]
    """Name, module and place in the flat vector (None without parameters) of each layer."""
    found = []
    for name, module in children:
        if module.children():
            inside = _spans(module.named_children(), f"{prefix}{name}.", start)
            found += inside
            start = max([start, *(span.stop for _, _, span in inside if span)])
            continue
        size = sum(p.data.numel() for p in module.parameters())
        found.append((f"{prefix}{name}", module, slice(start, start + size) if size else None))
        start += size
    return found


def test_only_what_is_asked_for_is_noted() -> None:
    (epoch, *_) = built("training.watch=[weights]").trainer
    assert {*epoch.dynamics} == {"epoch", "fc_1.weight_norm", "fc_2.weight_norm"}
    (epoch, *_) = built().trainer
    assert not epoch.dynamics


def test_a_training_of_one_batch_an_epoch_has_no_noise_between_batches() -> None:
    (epoch, *_) = built("training.watch=[gradients]", "training.batch_size=40").trainer
    assert {name.split(".")[-1] for name in epoch.dynamics} == {"epoch", "gradient_norm"}


def test_relus_that_a_bias_keeps_below_0_are_dead() -> None:
    experiment = built("training.watch=[activations]")
    experiment.network["fc_1"].bias.data -= 100  # type: ignore[attr-defined]
    (epoch, *_) = experiment.trainer
    assert epoch.dynamics["act_1.dead"] == 1


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_units_at_the_flat_ends_of_their_function_are_saturated(activation: str) -> None:
    experiment = built("training.watch=[activations]", f"model.activation={activation}")
    experiment.network["fc_1"].bias.data += torch.tensor([9.0] * 4 + [0.0] * 4)  # type: ignore[attr-defined]
    (epoch, *_) = experiment.trainer
    assert epoch.dynamics["act_1.saturated"] == 0.5


def test_what_is_0_by_0_is_left_empty() -> None:
    (epoch, *_) = built(ALL, "model.init=zeros", "data={type: disk, train: 40, test: 24}").trainer
    assert epoch.dynamics["fc_1.update_ratio"] is None
    assert epoch.dynamics["fc_1.weight_norm"] == 0
