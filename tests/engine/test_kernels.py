"""What shares a loop, and what must not: in-place writes to views that overlap.

Numbers are small and whole, so that the right order gives the very same result.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from operator import mul
from random import Random

import pytest
import torch
from engine.helpers import SINGLE, check, programs
from torch import Tensor

from minidl.engine.base import Tensors
from minidl.engine.kernels import Kernel, kernels
from minidl.engine.lowering import operations
from minidl.engine.simplify import simplified
from minidl.engine.trace import trace

ROWS, COLUMNS = 4, 6
SHAPES = [(3,), (2, 3), (3, 2), (6,), (1, 3), ()]
OPERATIONS = ("zero", "fill", "copy", "add", "sub", "mul", "max", "above", "sum", "row", "product")


@dataclass(frozen=True)
class Place:
    """A view of one of the two pieces of memory."""

    memory: int
    shape: tuple[int, ...]
    offset: int
    strides: tuple[int, ...]

    def of(self, memories: list[Tensor]) -> Tensor:
        return memories[self.memory].as_strided(self.shape, self.strides, self.offset)

    def meets(self, other: Place) -> bool:
        return self.memory == other.memory and bool(self.elements() & other.elements())

    def elements(self) -> set[int]:
        places = product(*map(range, self.shape))
        return {self.offset + sum(map(mul, place, self.strides)) for place in places}


def place(draw: Random, shape: tuple[int, ...]) -> Place:
    """Rows, columns, blocks, transposed blocks, and every second or third element."""
    steps: list[list[tuple[int, ...]]] = [
        [()],
        [(1,), (1,), (2,), (3,)],
        [(COLUMNS, 1), (COLUMNS, 1), (1, COLUMNS), (3, 1), (1, 3), (1, 2), (2, 6)],
    ]
    strides = draw.choice(steps[len(shape)])
    last = sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    offset = draw.randint(0, ROWS * COLUMNS - 1 - last)
    if draw.random() < 0.5:
        offset = min(offset, draw.randint(0, 3))  # so that they meet
    own = Place(draw.randint(0, 1), shape, offset, strides)
    distinct = len(own.elements()) == math.prod(shape)
    return own if distinct else Place(own.memory, shape, 0, torch.empty(shape).stride())


@dataclass(frozen=True)
class Line:
    """target ← target ∘ source, where the source may be what an earlier line kept."""

    name: str
    target: Place
    source: Place
    factor: int
    late: bool  # the source is multiplied now, and read at the end of the function
    kept: int  # which of the earlier results is added too; -1 for none


def line(draw: Random) -> Line:
    shape = draw.choice(SHAPES)
    own = place(draw, shape)
    source = own if draw.random() < 0.25 else place(draw, shape)
    return Line(
        draw.choice(OPERATIONS),
        own,
        source,
        draw.randint(-2, 2),
        draw.random() < 0.2,
        draw.randint(-3, 3),
    )


def program(given: list[Line], memories: list[Tensor], seen: Tensor) -> Callable[[], None]:
    """The lines as a function; what was computed on the way is added to `seen`, too."""

    def run() -> None:
        kept: list[Tensor] = []
        late: list[Tensor] = []
        for line in given:
            target, source = line.target.of(memories), line.source.of(memories)
            if line.target.meets(line.source) and line.target != line.source:
                source = source * line.factor  # PyTorch refuses a call on views that meet in part
            if 0 <= line.kept < len(kept) and kept[line.kept].shape == source.shape:
                source = source + kept[line.kept]
            _apply(line, target, source)
            if line.late:
                late.append(line.source.of(memories) * 2)
            kept.append(source)
            # Numbers stay small enough to be exact in float32.
            target.clamp_(-512, 512)
        for one in late:
            seen.add_(one.sum())

    return run


def _apply(line: Line, target: Tensor, source: Tensor) -> None:
    if line.name == "zero":
        target.zero_()
    elif line.name == "fill":
        target.fill_(line.factor)
    elif line.name == "copy":
        target.copy_(source)
    elif line.name == "add":
        target.add_(source)
    elif line.name == "sub":
        target.copy_(target - source * line.factor)
    elif line.name == "mul":
        target.mul_(line.factor).add_(source)
    elif line.name == "max":
        target.copy_(torch.maximum(target, source * line.factor))
    elif line.name == "above":
        target.mul_((source > line.factor).to(target.dtype))
    elif line.name == "sum":
        target.add_(source.sum())
    elif line.name == "row" and source.dim() == 2:
        target.sub_(source.sum(0))
    elif line.name == "product" and source.dim() == 2:
        square = (source.T @ target).clamp(-9, 9)
        target.sub_(target @ square)


def check_many(seed: int, count: int, dtype: torch.dtype) -> None:
    draw, functions = Random(seed), {}
    for number in range(count):
        given = [line(draw) for _ in range(draw.randint(3, 9))]
        values = (torch.arange(ROWS * COLUMNS) * 7 % 11 - 5).to(dtype)
        memories = [values, values.flip(0) * 2]
        seen = torch.zeros((), dtype=dtype)
        tensors: Tensors = {"a": memories[0], "b": memories[1], "seen": seen}
        functions[f"f{number}"] = (program(given, memories, seen), tensors)
    check(functions, dtype)


@pytest.mark.parametrize("seed", range(3))
def test_updates_of_overlapping_views_come_in_their_order(seed: int) -> None:
    check_many(seed, 8, torch.float32)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(100, 140))
def test_many_updates_of_overlapping_views_come_in_their_order(seed: int) -> None:
    check_many(seed, 25, torch.float64 if seed % 2 else torch.float32)


# Single hazards, by hand.


def vectors() -> tuple[Tensor, Tensor]:
    a = torch.arange(12.0)
    return a, a.flip(0).clone()


def an_earlier_read(a: Tensor, b: Tensor) -> None:
    doubled = a * 2
    a.zero_()
    b += doubled


def a_later_read(a: Tensor, b: Tensor) -> None:
    a += b
    b.copy_(a * 3)
    a.sub_(b)


def a_shift(a: Tensor, b: Tensor) -> None:
    moved = a[:-1].clone()
    a[1:].copy_(moved)
    b[:11] += moved


def a_read_through_a_wider_view(a: Tensor, b: Tensor) -> None:
    a[2:5] = 7
    b += a


def a_write_through_a_wider_view(a: Tensor, b: Tensor) -> None:
    part = a[2:5] * 1
    a += b
    b[0:3] += part


def a_transposed_update(a: Tensor, b: Tensor) -> None:
    square = a[:9].view(3, 3)
    other = square * 2
    square.T.add_(b[:9].view(3, 3))
    b[:9].view(3, 3).add_(other + square)


def half_zeroed(a: Tensor, b: Tensor) -> None:
    a[:6].zero_()
    a += b


def zeroed_and_written_between(a: Tensor, b: Tensor) -> None:
    a.zero_()
    a[3] = 5
    a += b


def zeroed_and_read_between(a: Tensor, b: Tensor) -> None:
    a.zero_()
    b += a[4]
    a += b
    a[::2].zero_()
    a[::2] += b[1::2]


def zeroed_and_added_to_itself(a: Tensor, b: Tensor) -> None:
    a.zero_()
    a.add_(a)
    b.add_(a)


def a_sum_into_what_it_sums(a: Tensor, b: Tensor) -> None:
    a *= 2
    a[0] = a.sum()
    b[3] = (b * a).sum()
    b += b[3] * 1


def rows_less_their_sum(a: Tensor, b: Tensor) -> None:
    m = a.view(3, 4)
    m -= m.sum(1, keepdim=True)
    n = b.view(3, 4)
    n += (n * 2).sum(0)
    m.T.sub_(n.sum(1))


def a_product_of_what_it_changes(a: Tensor, b: Tensor) -> None:
    m, n = a[:9].view(3, 3), b[:9].view(3, 3)
    product = m @ n
    m += product
    n.copy_(product * 2 - n.T)
    m.sub_(m @ n)


def a_result_in_place_of_its_row(a: Tensor, b: Tensor) -> None:
    m = a[:9].view(3, 3)
    m[1] = (m @ b[:3].view(3, 1)).view(3)
    b[:3] = m[1] - m[2]


def one_place_by_many_names(a: Tensor, b: Tensor) -> None:
    m = a.view(3, 4)
    m[1, 2] = 100
    a[6] += 1
    m.T[2, 1] *= 2
    b += m.reshape(12)[6]


def two_writes_that_meet(a: Tensor, b: Tensor) -> None:
    a[0:3] = b[0:3] * 2
    a[1:4] = b[5:8] * 3
    b.view(3, 4)[:, :3] = 1
    b.view(3, 4)[:, 1:] = 2


def sums_into_their_last_row(a: Tensor, b: Tensor) -> None:
    m = a[:9].view(3, 3)
    m[2].add_(m.sum(1))
    b[9:].sub_(b[1:10].view(3, 3).sum(0))


def a_copy_of_itself(a: Tensor, b: Tensor) -> None:
    a.copy_(a)
    b.copy_(b * 1)
    a.add_(b).copy_(a)


HAZARDS = [
    an_earlier_read,
    a_later_read,
    a_shift,
    a_read_through_a_wider_view,
    a_write_through_a_wider_view,
    a_transposed_update,
    half_zeroed,
    zeroed_and_written_between,
    zeroed_and_read_between,
    zeroed_and_added_to_itself,
    a_sum_into_what_it_sums,
    rows_less_their_sum,
    a_product_of_what_it_changes,
    a_result_in_place_of_its_row,
    one_place_by_many_names,
    two_writes_that_meet,
    sums_into_their_last_row,
    a_copy_of_itself,
]


def test_each_hazard_is_seen() -> None:
    functions = {}
    for hazard in HAZARDS:
        a, b = vectors()
        run = lambda a=a, b=b, hazard=hazard: hazard(a, b)  # noqa: E731
        functions[hazard.__name__] = (run, {"a": a, "b": b})
    check(functions, torch.float32)


def a_large_product_over_its_own_matrix(a: Tensor, b: Tensor) -> None:
    m, n = a.view(20, 20), b.view(20, 20)
    m.sub_(m @ n)
    n.copy_(n @ m.clamp(-9, 9))


def a_large_product_over_part_of_its_matrix(a: Tensor, b: Tensor) -> None:
    m, n = a.view(20, 20), b.view(20, 20)
    m[:, 10:] = m[:, :10] @ n[:10, 10:]
    n[7:] += n[:13] @ m.T.clamp(-9, 9)
    m[1:19, 1:19] *= (n[:18] @ n[:, 2:]).clamp(-3, 3)


def test_each_hazard_of_products_in_tiles_is_seen() -> None:
    functions = {}
    for hazard in (a_large_product_over_its_own_matrix, a_large_product_over_part_of_its_matrix):
        a = torch.arange(400.0) * 7 % 11 - 5
        b = a.flip(0) % 3 - 1
        run = lambda a=a, b=b, hazard=hazard: hazard(a, b)  # noqa: E731
        functions[hazard.__name__] = (run, {"a": a, "b": b})
    check(functions, torch.float32, [SINGLE, 4, 8])


# What is fused.


def loops(function: Callable[[], None], tensors: Tensors, lanes: int) -> list[Kernel]:
    graph = trace(function, (), tensors).graph
    made = simplified(operations(graph), graph)
    return kernels(made, graph, along_rows=lanes == SINGLE)


def test_what_follows_a_product_joins_its_loop_and_only_the_last_result_is_stored() -> None:
    x, w, b, y = torch.rand(5, 4), torch.rand(3, 4), torch.rand(3), torch.zeros(5, 3)

    def layer() -> None:
        y.copy_((x @ w.T + b).tanh().clamp(min=0))

    for lanes in (SINGLE, 4):
        (kernel,) = loops(layer, {"y": y}, lanes)
        assert kernel.head is not None
        assert [one.out.buffer.name for one in kernel.stored] == ["y"]


def test_what_is_summed_is_computed_in_the_loop_of_its_sum() -> None:
    x, y, total = torch.rand(5, 4), torch.rand(5, 4), torch.zeros(4)

    def loss() -> None:
        total.copy_(((x - y) * (x - y)).sum(0) * 2)

    for lanes in (SINGLE, 4):
        (kernel,) = loops(loss, {"total": total}, lanes)
        assert len(kernel.before) == 3
        assert [one.out.buffer.name for one in kernel.stored] == ["total"]


def test_a_row_that_is_summed_keeps_its_vectors() -> None:
    """In one network's code; in lanes every loop goes by vectors."""
    x, total = torch.rand(5, 40), torch.zeros(5)

    def sums() -> None:
        total.copy_((x * x).sum(1))

    assert len(loops(sums, {"total": total}, SINGLE)) == 2
    assert len(loops(sums, {"total": total}, 4)) == 1


def test_kernels_with_the_same_text_are_one_function() -> None:
    x = torch.rand(3, 5)
    weights = [torch.rand(5, 5) for _ in range(6)]

    def deep() -> None:
        value = x
        for w in weights:
            value = (value @ w).tanh()
        x.copy_(value)

    graph = trace(deep, (), {"x": x}).graph
    (made,) = programs({"deep": graph}, torch.float32, [SINGLE]).values()
    assert made.step.text.count("product_") == 6
    assert len({word for word in made.step.text.split() if word.startswith("product_")}) <= 2
