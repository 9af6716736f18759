"""Mini-batches: every sample once an epoch, in an order that each epoch draws anew."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from minidl.data.batches import Batches


def numbered(samples: int, batch_size: int, seed: int = 0, **options: bool) -> Batches:
    """Batches of samples that hold their own number, and ten times it as their target."""
    numbers = torch.arange(float(samples)).view(-1, 1)
    return Batches(numbers, 10 * numbers, batch_size, seed, **options)


def epoch(batches: Batches) -> list[Tensor]:
    """The samples' numbers, batch by batch; checks that inputs and targets stay together."""
    given = []
    for x, target in batches:
        assert torch.equal(target, 10 * x)
        given.append(x.flatten())
    return given


@pytest.mark.parametrize(
    ("samples", "batch_size", "sizes"), [(10, 4, [4, 4, 2]), (8, 4, [4, 4]), (3, 50, [3])]
)
def test_an_epoch_gives_every_sample_once_and_the_last_batch_may_be_short(
    samples: int, batch_size: int, sizes: list[int]
) -> None:
    batches = numbered(samples, batch_size)
    for _ in range(3):
        given = epoch(batches)
        assert [len(batch) for batch in given] == sizes
        assert torch.equal(torch.cat(given).sort().values, torch.arange(float(samples)))
    assert len(batches) == len(sizes)


def test_drop_last_drops_the_short_batch_but_never_the_same_samples() -> None:
    batches = numbered(10, 4, drop_last=True)
    assert len(batches) == 2
    seen = set()
    for _ in range(20):
        given = torch.cat(epoch(batches)).tolist()
        assert len(set(given)) == 8
        seen |= set(given)
    assert seen == set(range(10))


def test_each_epoch_has_an_order_of_its_own() -> None:
    batches = numbered(50, 50)
    orders = [tuple(epoch(batches)[0].tolist()) for _ in range(10)]
    assert len(set(orders)) == 10
    assert tuple(range(50)) not in orders


def test_the_seed_decides_the_orders() -> None:
    def orders(seed: int) -> list[Tensor]:
        batches = numbered(20, 20, seed)
        return [epoch(batches)[0] for _ in range(3)]

    assert all(map(torch.equal, orders(1), orders(1)))
    assert not any(map(torch.equal, orders(1), orders(2)))


@pytest.mark.parametrize("drop_last", [False, True])
def test_an_order_says_which_samples_the_batches_have(drop_last: bool) -> None:
    batches, orders = (numbered(10, 4, 3, drop_last=drop_last) for _ in range(2))
    assert (orders.full, orders.rest) == (2, 0 if drop_last else 2)
    out = torch.zeros(10, dtype=torch.int64)
    for _ in range(3):
        given = torch.cat(epoch(batches)).long()
        assert torch.equal(orders.order(out)[: len(given)], given)
        assert sorted(out.tolist()) == list(range(10))


def test_samples_of_any_shape() -> None:
    images, labels = torch.arange(24.0).view(6, 2, 2), torch.arange(6)
    for x, target in Batches(images, labels, 4, 0):
        assert x.shape[1:] == (2, 2)
        assert torch.equal(x[:, 0, 0], 4.0 * target)


def test_restored_batches_go_on_with_the_orders_that_follow() -> None:
    going, other = numbered(10, 4, 1), numbered(10, 4, 2)
    epoch(going)
    state = going.state()
    wanted = [epoch(going) for _ in range(2)]
    other.restore(state)
    for one in wanted:
        assert all(map(torch.equal, one, epoch(other)))
