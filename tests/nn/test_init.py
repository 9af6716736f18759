"""Initialisers: their formulas, gains and numbers."""

from __future__ import annotations

import math

import pytest
import torch

from minidl import nn
from minidl.nn.threads import use_threads

FAN_IN, FAN_OUT = 400, 200

# The weights of Linear(2, 2) for seed 5.
HE_5 = [-0.344205976, -0.426966339, -0.394633621, 0.47201097]
UNIFORM_5 = [0.200839549, -0.339753628, -0.196819469, -0.261441976]


@pytest.mark.parametrize(
    ("init", "std", "bound"),
    [
        ("uniform", 1 / math.sqrt(3 * FAN_IN), 1 / math.sqrt(FAN_IN)),
        ("xavier_uniform", math.sqrt(2 / (FAN_IN + FAN_OUT)), math.sqrt(6 / (FAN_IN + FAN_OUT))),
        ("xavier_normal", math.sqrt(2 / (FAN_IN + FAN_OUT)), None),
        ("he_uniform", 1 / math.sqrt(FAN_IN), math.sqrt(3 / FAN_IN)),
        ("he_normal", 1 / math.sqrt(FAN_IN), None),
        ("normal", 0.01, None),
    ],
)
def test_weights_have_the_spread_of_the_formula(init: str, std: float, bound: float | None) -> None:
    weight = nn.Linear(FAN_IN, FAN_OUT).initialize(init, seed=0).weight.data
    # 80,000 draws: the standard deviation is off by 0.3 %.
    assert weight.std().item() == pytest.approx(std, rel=0.02)
    assert weight.mean().item() == pytest.approx(0, abs=0.02 * std)
    if bound:
        assert 0.99 * bound < weight.abs().max().item() <= bound


def test_only_the_uniform_initialiser_draws_biases() -> None:
    layer = nn.Linear(FAN_IN, FAN_OUT)
    assert layer.initialize("uniform", seed=0).bias.data.std() > 0  # type: ignore[union-attr]
    assert (layer.initialize("he", seed=0).bias.data == 0).all()  # type: ignore[union-attr]
    assert (layer.initialize(nn.Constant(0.5)).weight.data == 0.5).all()
    assert (layer.initialize("zeros").weight.data == 0).all()


@pytest.mark.parametrize(
    ("activation", "gain"),
    [
        (nn.ReLU(), math.sqrt(2)),
        (nn.Tanh(), 5 / 3),
        (nn.Sigmoid(), math.sqrt(2)),  # He's own, since sigmoid has none
        (nn.LeakyReLU(0.2), math.sqrt(2 / 1.04)),
    ],
)
def test_the_gain_is_that_of_the_activation_that_follows(
    activation: nn.Activation, gain: float
) -> None:
    layers = [nn.Linear(FAN_IN, FAN_OUT), nn.Dropout(0.1), activation, nn.Linear(FAN_OUT, FAN_OUT)]
    network = nn.Sequential(*layers)
    network.initialize("he_normal", seed=0)
    assert network[0].weight.data.std().item() == pytest.approx(gain / math.sqrt(FAN_IN), rel=0.02)  # type: ignore[attr-defined]
    assert network[3].weight.data.std().item() == pytest.approx(1 / math.sqrt(FAN_OUT), rel=0.02)  # type: ignore[attr-defined]
    network.initialize("xavier_normal", seed=0)
    own = 1.0 if isinstance(activation, nn.Sigmoid) else gain
    expected = own * math.sqrt(2 / (FAN_IN + FAN_OUT))
    assert network[0].weight.data.std().item() == pytest.approx(expected, rel=0.02)  # type: ignore[attr-defined]
    network.initialize("he_normal", seed=0, gain=3.0)
    assert network[0].weight.data.std().item() == pytest.approx(3 / math.sqrt(FAN_IN), rel=0.02)  # type: ignore[attr-defined]


def test_an_activation_widens_only_the_layer_before_it() -> None:
    network = nn.Sequential(nn.Linear(FAN_IN, FAN_IN), nn.Linear(FAN_IN, FAN_IN), nn.Tanh())
    network.initialize("he_normal", seed=0)
    for layer, gain in zip(network, (1, 5 / 3), strict=False):
        std = layer.weight.data.std().item()  # type: ignore[attr-defined]
        assert std == pytest.approx(gain / math.sqrt(FAN_IN), rel=0.02)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Linear(9, 5),
        nn.Linear(5, 9),
        nn.Linear(6, 6),
        nn.Linear(4, 1),
        nn.Conv2d(3, 4, 2),
        nn.ConvTranspose2d(3, 20, 2),
    ],
    ids=repr,
)
def test_orthogonal_weights_are_those_of_pytorch(layer: nn.Linear | nn.Conv2d) -> None:
    layer.to(dtype=torch.float64).initialize("orthogonal", seed=3, gain=1.5)
    got = layer.weight.data
    generator = torch.Generator().manual_seed(3)
    expected = torch.nn.init.orthogonal_(torch.empty_like(got), 1.5, generator)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-14)
    rows = got.flatten(1)
    small = rows @ rows.T if rows.shape[0] <= rows.shape[1] else rows.T @ rows
    torch.testing.assert_close(small, 1.5**2 * torch.eye(len(small), dtype=torch.float64))


def test_orthogonal_weights_take_the_gain_of_the_activation_that_follows() -> None:
    network = nn.Sequential(nn.Linear(8, 4), nn.Tanh(), nn.Linear(4, 4))
    network.initialize("orthogonal", seed=0)
    for layer, gain in ((network[0], 5 / 3), (network[2], 1.0)):
        assert torch.linalg.matrix_norm(layer.weight.data, 2).item() == pytest.approx(gain)  # type: ignore[attr-defined]


def test_orthogonal_weights_are_the_same_bits_on_any_number_of_threads() -> None:
    def drawn() -> torch.Tensor:
        return nn.Orthogonal().weight((64, 64), (64, 64), None, nn.init.seeded(1))

    with use_threads(2):
        two = drawn()
    assert torch.equal(two, drawn())


def test_a_layers_own_initialiser_goes_first() -> None:
    network = nn.Sequential(nn.Linear(2, 2, init=nn.Constant(0.25)), nn.Linear(2, 2))
    network.initialize("zeros")
    assert (network[0].weight.data == 0.25).all()  # type: ignore[attr-defined]
    assert (network[1].weight.data == 0).all()  # type: ignore[attr-defined]


def test_a_seed_says_all_numbers_and_another_seed_others() -> None:
    def drawn(seed: int) -> torch.Tensor:
        network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)).initialize("he", seed=seed)
        return torch.cat([p.data.view(-1) for p in network.parameters()])

    assert torch.equal(drawn(5), drawn(5))
    assert not torch.equal(drawn(5), drawn(6))


def test_the_numbers_of_a_seed_stay_what_they_are() -> None:
    """As minidl has drawn them from the start: a config's results don't change."""
    weight = nn.Linear(2, 2).initialize("he", seed=5).weight.data
    assert weight.view(-1).tolist() == pytest.approx(HE_5, rel=1e-6)
    weight = nn.Linear(2, 2).initialize("uniform", seed=5).weight.data
    assert weight.view(-1).tolist() == pytest.approx(UNIFORM_5, rel=1e-6)


def test_float64_starts_from_the_same_numbers_as_float32() -> None:
    single = nn.Linear(3, 4).initialize(seed=0).weight.data
    double = nn.Linear(3, 4).to(dtype=torch.float64).initialize(seed=0).weight.data
    assert torch.equal(double.float(), single)


def test_new_layers_follow_torchs_global_seed() -> None:
    torch.manual_seed(1)
    first = nn.Linear(3, 4).weight.data
    torch.manual_seed(1)
    assert torch.equal(nn.Linear(3, 4).weight.data, first)
    assert not torch.equal(nn.Linear(3, 4).weight.data, first)


def test_unknown_names_and_impossible_gains_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown initialiser 'hee'; known are he, he_normal"):
        nn.Linear(2, 2).initialize("hee")
    with pytest.raises(ValueError, match="gain must be > 0, but got -1"):
        nn.HeNormal(gain=-1)
