"""What need not be computed, and what must be."""

from __future__ import annotations

from collections.abc import Callable

import torch
from engine.helpers import SINGLE, Training, check, programs

from minidl import nn, optim
from minidl.engine.base import Tensors
from minidl.engine.graph import Buffer, View
from minidl.engine.lowering import operations
from minidl.engine.operations import Contract, Map, Operation
from minidl.engine.simplify import Spans, simplified
from minidl.engine.trace import trace


def kept(function: Callable[[], object], tensors: Tensors) -> list[Operation]:
    graph = trace(function, (), tensors).graph
    return simplified(operations(graph), graph)


def names(made: list[Operation]) -> list[str]:
    return [one.call.name for one in made]


def test_what_nobody_reads_is_not_computed() -> None:
    a, b = torch.ones(3), torch.ones(3)

    def function() -> None:
        unused = a * 2
        unused += b
        a.add_(b)
        b.exp()

    assert names(kept(function, {"a": a})) == ["add"]


def test_the_gradient_of_the_networks_input_is_not_computed() -> None:
    network = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    own = Training(network, nn.MSELoss(), optim.SGD(network, lr=0.1), torch.float32)
    graph = trace(own.step, [torch.rand(4, 3), torch.rand(4, 2)], own.tensors).graph
    made = simplified(operations(graph), graph)
    # Two products forward, two for the weights' gradients, and one through the second layer.
    assert len([one for one in made if isinstance(one, Contract)]) == 5
    assert not [one for one in made if one.out.shape[-2:] == (4, 3)]
    (program,) = programs({"step": graph}, torch.float32, [SINGLE]).values()
    assert program.step.text.count("product_") == 5


def test_an_evaluation_needs_no_gradients() -> None:
    network = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    own = Training(network, nn.MSELoss(), optim.SGD(network, lr=0.1), torch.float32)
    graph = trace(own.evaluate, [torch.rand(4, 3), torch.rand(4, 2)], own.tensors).graph
    made = simplified(operations(graph), graph)
    assert len([one for one in made if isinstance(one, Contract)]) == 2
    assert {one.out.buffer.name for one in made if one.out.buffer.role == "state"} == {"loss_sum"}


def test_what_is_overwritten_before_it_is_read_is_not_computed() -> None:
    a, b = torch.ones(6), torch.ones(6)

    def function() -> None:
        a.exp_()
        a.copy_(b)
        a[:3].mul_(2)
        a[:3].fill_(1)

    assert names(kept(function, {"a": a})) == ["copy", "fill"]


def test_what_is_overwritten_in_part_is_computed() -> None:
    a, b = torch.ones(6), torch.arange(6.0)

    def function() -> None:
        a.add_(b)
        a[::2].fill_(1)
        a[1:3].zero_()

    assert names(kept(function, {"a": a})) == ["add", "fill", "zero"]
    check({"part": (function, {"a": a})}, torch.float32)


def test_what_is_added_to_zeros_is_written_there() -> None:
    grad, x = torch.ones(6), torch.rand(6)

    def function() -> None:
        grad.zero_()
        grad[:2].add_(x[:2])
        grad[2:].add_(x[2:])

    made = kept(function, {"grad": grad})
    assert [one.template for one in made if isinstance(one, Map)] == ["{0}", "{0}"]
    check({"grad": (function, {"grad": grad, "x": x})}, torch.float32)


def test_a_second_addition_stays_one() -> None:
    grad, x = torch.ones(6), torch.arange(6.0)

    def function() -> None:
        grad.zero_()
        grad.add_(x)
        grad.add_(x)
        grad[2:5].zero_()
        grad.add_(x)

    assert names(kept(function, {"grad": grad})) == ["add", "add", "zero", "add"]
    check({"grad": (function, {"grad": grad, "x": x})}, torch.float32)


def test_a_copy_onto_itself_is_nothing() -> None:
    a = torch.ones(3)
    assert kept(lambda: a.copy_(a), {"a": a}) == []


def test_a_result_is_computed_though_nothing_lasts() -> None:
    x = torch.ones(3)
    graph = trace(lambda: (x + 1, x * 2), ()).graph
    assert names(simplified(operations(graph), graph)) == ["add", "mul"]


# Spans.


def view(buffer: Buffer, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> View:
    return View(buffer, offset, shape, strides)


def test_spans_hold_what_was_added_and_not_removed() -> None:
    buffer, other = (Buffer(n, 100, torch.float32) for n in (1, 2))
    spans = Spans()
    spans.add(buffer, 10, 19)
    spans.add(buffer, 20, 29)
    assert spans.covers(view(buffer, 12, (10,), (1,)))
    assert not spans.covers(view(buffer, 12, (20,), (1,)))
    assert not spans.covers(view(buffer, 9, (3,), (1,)))
    assert spans.touches(view(buffer, 0, (2,), (29,)))
    assert not spans.touches(view(buffer, 30, (2,), (1,)))
    assert not spans.touches(view(other, 12, (2,), (1,)))
    spans.remove(buffer, 15, 24)
    assert not spans.touches(view(buffer, 15, (10,), (1,)))
    assert spans.covers(view(buffer, 10, (5,), (1,)))
    assert spans.covers(view(buffer, 25, (5,), (1,)))
    spans.remove(other, 0, 99)
    assert spans.covers(view(buffer, 25, (5,), (1,)))


def test_overlaps_are_never_missed() -> None:
    buffer = Buffer(1, 40, torch.float32)
    some = [
        view(buffer, offset, shape, strides)
        for offset in (0, 1, 5, 12)
        for shape, strides in [
            ((3,), (1,)),
            ((3,), (4,)),
            ((2, 3), (6, 1)),
            ((3, 2), (1, 6)),
            ((), ()),
            ((2, 0), (1, 1)),
        ]
    ]
    memory = torch.arange(40)
    for a in some:
        for b in some:
            shared = set(memory.as_strided(a.shape, a.strides, a.offset).flatten().tolist())
            shared &= set(memory.as_strided(b.shape, b.strides, b.offset).flatten().tolist())
            assert a.overlaps(b) or not shared
    assert view(buffer, 0, (3, 2), (1, 3)).is_dense()
    assert view(buffer, 4, (1, 5), (17, 1)).is_dense()
    assert not view(buffer, 0, (3, 2), (1, 4)).is_dense()
    assert not view(buffer, 0, (3, 2), (1, 1)).is_dense()
    assert not view(buffer, 0, (3, 2), (1, 0)).is_dense()
