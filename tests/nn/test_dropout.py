"""Dropout: its random numbers and its masks."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from minidl import nn
from minidl.nn.dropout import uniform
from minidl.nn.philox import philox

ONES = 0xFFFFFFFF


# The known answers of Random123, the authors' own library (kat_vectors, philox4x32 10).
@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((ONES,) * 4, (ONES,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_the_known_answers(
    counter: tuple[int, ...], key: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    words = philox(tuple(map(torch.tensor, counter)), tuple(map(torch.tensor, key)))  # type: ignore[arg-type]
    assert tuple(word.item() for word in words) == expected


def test_uniform_numbers_are_the_words_of_philox_in_order() -> None:
    seed, step = 0x299F31D0_A4093822, 0x13198A2E_85A308D3
    numbers = uniform(7, torch.tensor(seed), torch.tensor(step), torch.float64)
    words: list[int] = []
    for block in (0, 1):
        counter = block, 0x85A308D3, 0x13198A2E, 0
        key = 0xA4093822, 0x299F31D0
        made = philox(tuple(map(torch.tensor, counter)), tuple(map(torch.tensor, key)))  # type: ignore[arg-type]
        words += [int(word) for word in made]
    assert numbers.tolist() == [(word >> 8) / 2**24 for word in words[:7]]


def test_uniform_numbers_are_spread_evenly() -> None:
    numbers = uniform(160_000, torch.tensor(3), torch.tensor(0), torch.float32)
    counts = torch.histc(numbers, 16, 0, 1)
    # 10,000 expected in each; their standard deviation is 97.
    assert (counts - 10_000).abs().max() < 400
    pairs = numbers.view(-1, 2) - 0.5
    assert abs((pairs[:, 0] * pairs[:, 1]).mean().item()) < 1.5e-3  # deviates by 3e-4


def test_dropout_keeps_the_expectation_and_is_off_in_evaluation() -> None:
    layer = nn.Dropout(0.25).seed_dropout(0)
    x = torch.ones(200, 101)
    y = layer(x)
    assert y.unique().tolist() == pytest.approx([0, 1 / 0.75])  # type: ignore[no-untyped-call]
    # 20,200 draws: the mean is off by 0.004 (one standard deviation).
    assert y.mean().item() == pytest.approx(1, abs=0.02)
    # The gradient passes where the input did.
    assert torch.equal(layer.backward(x), y)
    layer.eval()
    assert torch.equal(layer(x), x)
    assert torch.equal(layer.backward(x), x)


def masks(layer: nn.Dropout, count: int = 3) -> list[Tensor]:
    return [layer(torch.ones(50, 25)) for _ in range(count)]


def test_masks_follow_from_seed_and_step() -> None:
    first, second = masks(nn.Dropout().seed_dropout(1)), masks(nn.Dropout().seed_dropout(1))
    assert all(map(torch.equal, first, second))
    others = masks(nn.Dropout().seed_dropout(2))
    different = [*first, *others]
    for i, one in enumerate(different):
        for other in different[i + 1 :]:
            # Two independent masks agree in half of the 1,250 places, give or take 18.
            assert 500 < (one == other).sum().item() < 750


def test_each_layer_of_a_network_has_masks_of_its_own() -> None:
    network = nn.Sequential(nn.Dropout(), nn.Residual(nn.Dropout())).seed_dropout(9)
    seeds = [values.item() for name, values in network.named_settings().items() if "seed" in name]
    assert seeds[0] != seeds[1] == 34580184003183094


def test_draws_go_on_from_their_step() -> None:
    layer, other = nn.Dropout().seed_dropout(1), nn.Dropout().seed_dropout(1)
    masks(layer, 5)
    other.named_statistics()["step"].copy_(layer.named_statistics()["step"])
    assert layer.named_statistics()["step"].item() == 5
    assert all(map(torch.equal, masks(layer), masks(other)))
    layer.eval()(torch.ones(3, 3))
    assert layer.named_statistics()["step"].item() == 8  # evaluation draws nothing
    layer.seed_dropout(1)
    assert layer.named_statistics()["step"].item() == 0


def test_masks_are_the_same_in_every_dtype() -> None:
    single = nn.Dropout(0.3).seed_dropout(1)
    double = nn.Dropout(0.3).seed_dropout(1).to(dtype=torch.float64)
    assert double.named_settings()["p"].item() == 0.3
    x = torch.ones(100, 100)
    assert torch.equal(single(x) > 0, double(x.double()) > 0)


def test_p_is_read_by_the_step() -> None:
    layer = nn.Dropout(0.5)
    layer.bind({"p": torch.tensor(0.0), "seed": torch.tensor(3), "step": torch.tensor(0)})
    x = torch.randn(5, 4)
    assert torch.equal(layer(x), x)


def test_seeding_a_network_without_dropout_draws_nothing_from_torchs_generator() -> None:
    before = torch.get_rng_state()
    nn.Sequential(nn.ReLU()).seed_dropout()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("p", [1.0, -0.1, float("nan")])
def test_an_impossible_p_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="p must be at least 0 and below 1"):
        nn.Dropout(p)
