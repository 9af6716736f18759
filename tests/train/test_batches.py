"""Mini-batches: every sample once an epoch, in an order that each epoch draws anew."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from minidl.data.batches import Batches


def numbered(
    samples: int, batch_size: int, seeds: list[int], first: int = 0, **options: bool
) -> Batches:
    """Batches of samples that hold their own number, and ten times it as their target.

    Numbers start with `first`, in a stack network i's with 100 i.
    """
    numbers = torch.arange(float(samples)).view(-1, 1) + first
    if options.get("stacked"):
        numbers = torch.stack([numbers + 100 * network for network in range(len(seeds))])
    return Batches(numbers, 10 * numbers, batch_size, seeds, **options)


def epoch(batches: Batches, network: int | None = None) -> list[Tensor]:
    """The samples' numbers, batch by batch; checks that inputs and targets stay together."""
    given = []
    for x, target in batches:
        assert torch.equal(target, 10 * x)
        given.append((x if network is None else x[network]).flatten().clone())
    return given


@pytest.mark.parametrize(
    ("samples", "batch_size", "sizes"), [(10, 4, [4, 4, 2]), (8, 4, [4, 4]), (3, 50, [3])]
)
def test_an_epoch_gives_every_sample_once_and_the_last_batch_may_be_short(
    samples: int, batch_size: int, sizes: list[int]
) -> None:
    batches = numbered(samples, batch_size, [0])
    for _ in range(3):
        given = epoch(batches)
        assert [len(batch) for batch in given] == sizes
        assert torch.equal(torch.cat(given).sort().values, torch.arange(float(samples)))
    assert len(batches) == len(sizes)


def test_drop_last_drops_the_short_batch_but_never_the_same_samples() -> None:
    batches = numbered(10, 4, [0], drop_last=True)
    assert len(batches) == 2
    seen = set()
    for _ in range(20):
        given = torch.cat(epoch(batches)).tolist()
        assert len(set(given)) == 8
        seen |= set(given)
    assert seen == set(range(10))


def test_each_epoch_has_an_order_of_its_own() -> None:
    batches = numbered(50, 50, [0])
    orders = [tuple(epoch(batches)[0].tolist()) for _ in range(10)]
    assert len(set(orders)) == 10
    assert tuple(range(50)) not in orders


def test_the_seed_decides_the_orders() -> None:
    def orders(seed: int) -> list[Tensor]:
        batches = numbered(20, 20, [seed])
        return [epoch(batches)[0] for _ in range(3)]

    assert all(map(torch.equal, orders(1), orders(1)))
    assert not any(map(torch.equal, orders(1), orders(2)))


@pytest.mark.parametrize("drop_last", [False, True])
def test_a_network_of_a_stack_gets_the_batches_that_it_would_get_alone(drop_last: bool) -> None:
    seeds = [3, 1, 3]
    stacks = [numbered(10, 4, seeds, stacked=True, drop_last=drop_last) for _ in seeds]
    for network, seed in enumerate(seeds):
        single = numbered(10, 4, [seed], first=100 * network, drop_last=drop_last)
        for _ in range(3):
            assert all(map(torch.equal, epoch(stacks[network], network), epoch(single)))


def test_samples_of_any_shape() -> None:
    images, labels = torch.arange(24.0).view(6, 2, 2), torch.arange(6)
    for x, target in Batches(images, labels, 4, [0]):
        assert x.shape[1:] == (2, 2)
        assert torch.equal(x[:, 0, 0], 4.0 * target)


def test_the_batches_of_an_epoch_lie_in_the_same_memory_as_those_of_the_next() -> None:
    """So that an epoch allocates nothing but its order."""
    batches = numbered(10, 4, [0])
    first, second = ([x.data_ptr() for x, _ in batches] for _ in range(2))
    assert first == second


def test_restored_batches_go_on_with_the_orders_that_follow() -> None:
    going, other = (numbered(10, 4, [1, 2], stacked=True) for _ in range(2))
    epoch(going, 0)
    states = [going.state(0).clone(), going.state(1).clone()]
    wanted = [[x.clone() for x, _ in going] for _ in range(2)]
    for network, state in enumerate(states):
        other.restore(network, state)
    for one in wanted:
        assert all(map(torch.equal, one, (x.clone() for x, _ in other)))
