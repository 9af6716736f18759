"""Layers that a config freezes, or gives rates of their own."""

from __future__ import annotations

import pytest
import torch
from trainings import built, parameters, plainly, spec

from minidl.build import Experiment, prepare
from minidl.errors import ConfigError
from minidl.optim.optimizer import Optimizer

DEEP = "model={type: mlp, hidden: [6, 5], freeze: [fc_2]}"
RESIDUAL = "{residual: [{linear: 4}, tanh]}"
BLOCKS = f"model={{type: sequential, layers: [{{linear: 4}}, {RESIDUAL}, linear], freeze: [res_1]}}"


def weights(experiment: Experiment, layer: str) -> torch.Tensor:
    network = experiment.network
    return torch.cat([p.data.reshape(-1) for p in network[layer].parameters()]).clone()


def trained(experiment: Experiment) -> Experiment:
    assert all(epoch.finite for epoch in experiment.trainer)
    return experiment


DECAYING = "optimizer={type: adamw, lr: 0.1, weight_decay: 0.5}"


def frozen_stay(model: str, layer: str, other: str) -> None:
    before, after = built(model, DECAYING), trained(built(model, DECAYING))
    assert torch.equal(weights(before, layer), weights(after, layer))
    assert not torch.equal(weights(before, other), weights(after, other))


@pytest.mark.parametrize(("model", "layer"), [(DEEP, "fc_2"), (BLOCKS, "res_1")])
def test_a_frozen_layer_stays_as_it_starts_without_weight_decay_too(model: str, layer: str) -> None:
    frozen_stay(model, layer, "fc_1")


@plainly
def test_it_does_in_plain_calls() -> None:
    frozen_stay(DEEP, "fc_2", "fc_1")


def test_a_layer_with_a_factor_takes_shorter_steps() -> None:
    one_epoch = "training={epochs: 1, batch_size: 40}"
    start, slow = built(one_epoch), built(one_epoch, "optimizer.lr_factors={fc_1: 0.1}")
    usual = trained(built(one_epoch))
    trained(slow)
    for layer, factor in {"fc_1": 0.1, "fc_2": 1.0}.items():
        step = weights(usual, layer) - weights(start, layer)
        own = weights(slow, layer) - weights(start, layer)
        # One step of gradient descent from the same weights; float32 rounds θ to 1e-8.
        assert torch.allclose(own, factor * step, rtol=0, atol=1e-7), layer


def test_a_factor_of_one_changes_no_bit() -> None:
    usual, same = built(), built("optimizer.lr_factors={fc_2: 1}")
    assert torch.equal(parameters(trained(usual)), parameters(trained(same)))


def test_a_penalty_on_weights_leaves_biases_as_they_would_be_without_it() -> None:
    one_epoch = "training={epochs: 1, batch_size: 40}"
    without, everywhere, weights_alone = (
        trained(built(one_epoch, f"optimizer={{type: sgd, lr: 0.5, {penalty}}}")).network
        for penalty in ("l1: 0", "l1: 0.1", "l1: 0.1, weight_decay_on: weights")
    )
    for name in ("fc_1", "fc_2"):
        (w1, b1), (w2, b2), (w3, b3) = (
            [parameter.data for parameter in network[name].parameters()]
            for network in (without, everywhere, weights_alone)
        )
        assert torch.equal(w3, w2)
        assert torch.equal(b3, b1)
        assert not torch.equal(w3, w1)
        assert not torch.equal(b3, b2)


def test_a_schedule_moves_all_rates() -> None:
    experiment = built("optimizer.lr_factors={fc_2: 0.5}", "schedule={exponential: 0.5}")
    optimizer: Optimizer = trained(experiment).trainer.optimizer
    assert optimizer.numbers(1.0)["lr_1"] == 0.5 * optimizer.numbers(1.0)["lr"] == 0.0125


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            ["model.freeze=[fc_3]"],
            "model.freeze[0]: the network has no layer 'fc_3'; did you mean 'fc_2'?; those with "
            "weights are fc_1, fc_2",
        ),
        (["model.freeze=[act_1]"], "model.freeze[0]: act_1 has no weights"),
        (
            ["model.freeze=[fc_1, fc_2]"],
            "model.freeze: leaves nothing to train: it names every layer",
        ),
        (
            ["optimizer.lr_factors={fc1: 0.1}"],
            "optimizer.lr_factors.fc1: the network has no layer 'fc1'; did you mean 'fc_1'?",
        ),
        (
            ["model.freeze=[fc_1]", "optimizer.lr_factors={fc_1: 0.1}"],
            "optimizer.lr_factors.fc_1: fc_1 is frozen (model.freeze): it has no rate",
        ),
        (["optimizer.lr_factors={fc_1: 0}"], "optimizer.lr_factors.fc_1: expected a number > 0"),
        (
            ["model.freeze=fc_1"],
            "model.freeze: expected a list of names of layers, but got the text 'fc_1'",
        ),
    ],
)
def test_what_can_not_be_is_said_with_its_place(changes: list[str], problem: str) -> None:
    with pytest.raises(ConfigError) as raised:
        prepare(spec(*changes))
    assert problem in str(raised.value)
