"""Each call that a step may make, beside PyTorch's: over shapes, strides and broadcasts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest
import torch
from engine.calls import INFINITE, NAN, Calls, product, reductions, unary, values
from engine.helpers import SINGLE, WIDTHS, check, target
from torch import Tensor

from minidl.engine.base import Tensors
from minidl.engine.source import Names, step_source
from minidl.engine.trace import trace
from minidl.errors import CompileError

# Of the largest entry. vectors.h's functions are exact to 3 units in the last place (test_vectors);
# sums and products add up a few roundings more.
TOLERANCE = {torch.float32: 2e-6, torch.float64: 4e-15}
REALS = pytest.mark.parametrize("dtype", TOLERANCE, ids=["float32", "float64"])


def compare(
    calls: Calls,
    operands: Sequence[Tensor],
    dtype: torch.dtype,
    widths: Sequence[int] = WIDTHS,
    tolerance: float | None = None,
) -> None:
    """Calls of some operands give what PyTorch gives, in one network's code and in lanes."""
    with torch.no_grad():
        results = {
            name: torch.zeros(x.shape, dtype=x.dtype) for name, x in calls(*operands).items()
        }
    given = {f"operand {n}": x for n, x in enumerate(operands)}
    tensors = {**given, **{f"result {name}": x for name, x in results.items()}}

    def function() -> None:
        for name, x in calls(*operands).items():
            results[name].copy_(x)

    own = {name: x for name, x in tensors.items() if x.dtype != torch.bool}
    if tolerance is None:
        tolerance = TOLERANCE[dtype]
    check({"calls": (function, own)}, dtype, widths, tolerance)


def whole_numbers(draw: Random, shape: Sequence[int], bits: int = 62) -> Tensor:
    count = math.prod(shape)
    limits = [2 ** draw.randint(0, bits) for _ in range(count)]
    return torch.tensor([draw.randint(-one, one) for one in limits]).reshape(tuple(shape))


def rearranged(draw: Random, x: Tensor) -> Callable[[Tensor], Tensor]:
    """A view of a tensor of x's shape: the same shape for each call, other strides."""
    views: list[Callable[[Tensor], Tensor]] = [
        lambda x: x,
        lambda x: x.transpose(0, -1),
        lambda x: x.movedim(0, -1),
        lambda x: x[..., :1].expand(x.shape),
        lambda x: x[:1].expand(x.shape),
        lambda x: x.reshape(-1)[: x.shape[-1]].expand(x.shape),
        lambda x: x.unsqueeze(1),
        lambda x: x[..., ::2],
    ]
    if x.dim() == 0:
        return views[0]
    return draw.choice(views)


SHAPES = [(5,), (19,), (3, 4), (2, 17), (9, 1), (2, 3, 5), (1, 4, 1), (3, 1, 2, 9), (1,), ()]


# Element by element.


def binary(x: Tensor, y: Tensor) -> dict[str, Tensor]:
    return {
        "add": x + y,
        "sub": x - y,
        "mul": x * y,
        "div": x / y,
        "scaled": torch.add(x, y, alpha=0.5),
        "less": torch.sub(x, y, alpha=-3),
        "maximum": torch.maximum(x, y),
        "minimum": torch.minimum(x, y),
        "clamped": x.clamp(min=y),
        "addcmul": torch.addcmul(x, x, y, value=0.5),
        **{
            name: getattr(torch, name)(x, y).to(x.dtype)
            for name in ("gt", "ge", "lt", "le", "eq", "ne", "logical_and", "logical_or")
        },
        "above": (x > 0.5).to(x.dtype),
        "is": (y == 1).to(x.dtype),
        "where": torch.where(x <= y, x, y),
        "both": ((x > 0) & (y > 0)).to(x.dtype),
        "one": ((x > 0) | ~(y > 0)).to(x.dtype),
    }


def elementwise(draw: Random, dtype: torch.dtype) -> None:
    shape = draw.choice(SHAPES)
    other = tuple(1 if draw.random() < 0.3 else n for n in shape)[draw.choice([0, 0, 1]) :]
    x, y = values(draw, shape, dtype), values(draw, other, dtype)
    first, second = rearranged(draw, x), rearranged(draw, y)
    widths = [SINGLE, draw.choice([1, 2, 4, 8])]
    try:
        first(x) + second(y)
    except RuntimeError:  # they can't be broadcast
        second = lambda y: y.reshape(-1)[0]  # noqa: E731

    def calls(x: Tensor, y: Tensor) -> dict[str, Tensor]:
        both = binary(first(x), second(y))
        return {**unary(first(x)), **{f"{name} of both": value for name, value in both.items()}}

    compare(calls, [x, y], dtype, widths, 4 * TOLERANCE[dtype])


@REALS
@pytest.mark.parametrize("seed", range(2))
def test_element_by_element(seed: int, dtype: torch.dtype) -> None:
    elementwise(Random(seed), dtype)


@pytest.mark.slow
@pytest.mark.timeout(600)
@REALS
@pytest.mark.parametrize("seed", range(100, 120))
def test_many_element_by_element(seed: int, dtype: torch.dtype) -> None:
    elementwise(Random(seed), dtype)


def integers(x: Tensor, y: Tensor) -> dict[str, Tensor]:
    return {
        "add": x + y,
        "sub": x - y,
        "mul": x * y,
        "neg": -x,
        "maximum": torch.maximum(x, y),
        "minimum": torch.minimum(x, y),
        "and": x & y,
        "or": x | y,
        "xor": x ^ y,
        "bits": x & 0xFFFFFFFF,
        "right": x >> 7,
        "left": x << 3,
        "high": (x >> 32) & 0xFFFFFFFF,
        "low times": (x & 0xFFFFFFFF) * 0xD2511F53,
        "words": (x & 0xFFFFFFFF) * (y & 0xFFFFFFFF),
        "upper": ((x & 0xFFFFFFFF) * 0xCD9E8D57) >> 32,
        "compared": (x > y).to(torch.float32),
        "equal": (x == 3).to(torch.float32),
        "small": (x & 0xFF).to(torch.float32) / 3,
        "copied": x.clone(),
        "range": x + torch.arange(x.shape[-1]) if x.dim() else x,
        "steps": torch.arange(3, 40, 4),
    }


@pytest.mark.parametrize("seed", range(2))
def test_integers(seed: int) -> None:
    draw = Random(seed)
    shape = [(2, 17), (3, 1, 5), (23,)][seed]
    x, y = whole_numbers(draw, shape), whole_numbers(draw, shape[-1:], 30)
    compare(integers, [x, y], torch.float32, [SINGLE, 1, 8])


def test_what_is_known_of_words_holds_for_words_alone() -> None:
    x = torch.tensor([-64, 100, -(2**40), 7])

    def calls(x: Tensor) -> dict[str, Tensor]:
        shifted = x >> 5
        words = x & 0xFFFFFFFF
        half = words >> 1
        half[:1] = x[:1]
        high = x >> 32
        high[1:3] = x[1:3]
        return {
            "shifted": shifted,
            "masked": shifted & 0xFFFFFFFF,
            "half": half.to(torch.float32),
            "written again": high & 0xFFFFFFFF,
        }

    compare(calls, [x], torch.float32)


def test_from_one_kind_of_number_to_another() -> None:
    draw = Random(0)
    x, n = values(draw, (3, 9), torch.float32, special=False), whole_numbers(draw, (3, 9), 20)

    def calls(x: Tensor, n: Tensor) -> dict[str, Tensor]:
        above = x > 0
        into = torch.zeros_like(x)
        into.copy_(n)
        counts = torch.zeros_like(n)
        counts.copy_(above)
        return {
            "real": n.to(x.dtype),
            "cut off": (x * 3).to(torch.int64),
            "of a condition": above.to(torch.int64) + n,
            "copied": into,
            "counted": counts,
            "is not 0": (x * (x > 0)).to(torch.bool).to(x.dtype) + n.to(torch.bool).to(x.dtype),
            "real times int": x * n,
            "int over int": n / 7,
            "both": (above & (x < 1)).to(x.dtype) * above,
            "chosen": torch.where(above, x, n),
        }

    compare(calls, [x, n], torch.float32)


# Sums and the like.


def all_dims(rank: int) -> list[tuple[int, ...]]:
    return [
        tuple(d for d in range(rank) if chosen >> d & 1) for chosen in range(1, 2**rank)
    ]  # fmt: skip


REDUCED = [(7,), (40,), (3, 5), (17, 16), (4, 33), (35, 2), (2, 18, 3), (3, 2, 20), (1, 19, 1)]


def reduction(draw: Random, dtype: torch.dtype, shape: tuple[int, ...], special: bool) -> None:
    """Over every choice of dimensions at once."""
    x = values(draw, shape, dtype, special)
    views: list[Callable[[Tensor], Tensor]]
    views = [lambda x: x, lambda x: x.transpose(0, -1), lambda x: x[..., ::2]]
    view = draw.choice(views)

    def calls(x: Tensor) -> dict[str, Tensor]:
        made: dict[str, Tensor] = {"all": x.sum() + x.max() - x.min()}
        for dims in all_dims(x.dim()):
            own = reductions(dims, keepdim=draw_keep[dims])(view(x))
            made |= {f"{name} over {dims}": result for name, result in own.items()}
        for dim in range(x.dim()):
            made[f"argmax {dim}"] = view(x).argmax(dim)
            made[f"argmax kept {dim}"] = view(x).argmax(dim, keepdim=True)
            made[f"tied {dim}"] = (view(x) > 0).to(x.dtype).argmax(dim)
        return made

    draw_keep = {dims: draw.random() < 0.5 for dims in all_dims(len(shape))}
    compare(calls, [x], dtype, tolerance=5 * TOLERANCE[dtype])


@pytest.mark.parametrize("number", range(0, len(REDUCED), 2))
def test_reductions_over_any_dimensions(number: int) -> None:
    reduction(Random(number), torch.float32, REDUCED[number], special=False)


@pytest.mark.slow
@pytest.mark.timeout(600)
@REALS
@pytest.mark.parametrize("special", [False, True])
@pytest.mark.parametrize("number", range(len(REDUCED)))
def test_many_reductions(number: int, special: bool, dtype: torch.dtype) -> None:
    reduction(Random(100 + number), dtype, REDUCED[number], special)


def test_not_a_number_and_infinity_in_sums_and_maxima() -> None:
    x = torch.tensor(
        [[1.0, NAN, 3.0], [INFINITE, 2.0, 5.0], [-INFINITE] * 3, [INFINITE, -INFINITE, 0]]
    )

    def calls(x: Tensor) -> dict[str, Tensor]:
        return {
            "sum": x.sum(1),
            "mean": x.mean(0),
            "amax": x.amax(1),
            "amin": x.amin(1),
            "largest": x.argmax(1),
            "product": x @ x[:3],
        }

    compare(calls, [x], torch.float32)


def test_a_product_of_no_terms_is_zero() -> None:
    x, y = torch.ones(3, 0), torch.ones(0, 20)
    compare(lambda x, y: {"product": x @ y + 1, "other": y.T @ x.T}, [x, y], torch.float32)


# Products of matrices.


SIZES = [1, 2, 3, 17, 25, 40]
TERMS = [1, 2, 5, 16, 40, 300, 512, 513, 768, 1100]


@pytest.mark.parametrize("dims", [(3, 5, 17), (25, 2, 3), (1, 40, 1), (2, 600, 9)], ids=str)
def test_products(dims: tuple[int, int, int]) -> None:
    calls, operands = product(Random(sum(dims)), *dims, torch.float32)
    # The roundings of a sum over k terms grow like √k.
    compare(calls, operands, torch.float32, tolerance=2e-6 * math.sqrt(dims[1]))


@pytest.mark.slow
@pytest.mark.timeout(600)
@REALS
@pytest.mark.parametrize("seed", range(30))
def test_many_products(seed: int, dtype: torch.dtype) -> None:
    draw = Random(seed)
    rows, terms, columns = draw.choice(SIZES), draw.choice(TERMS), draw.choice(SIZES)
    calls, operands = product(draw, rows, terms, columns, dtype)
    widths = [SINGLE, 1, 8] if seed % 2 else [SINGLE, 16]
    compare(calls, operands, dtype, widths, TOLERANCE[dtype] * math.sqrt(terms))


# Rearrangement.


def test_joined_cut_and_written_into() -> None:
    draw = Random(1)
    x, y = values(draw, (3, 4), torch.float32), values(draw, (2, 4), torch.float32)

    def calls(x: Tensor, y: Tensor) -> dict[str, Tensor]:
        padded = x.new_zeros(5, 8)
        padded[1:4, 2:6] = x
        padded[:, 0] += y.sum()
        shifted = x.new_ones(x.shape)
        shifted[1:] -= x[:-1]
        windows = x.unfold(1, 2, 1)
        return {
            "cat": torch.cat([x, y, x * 2]),
            "cat columns": torch.cat([x.T, y.T], 1),
            "cat nothing": torch.cat([x[:0], x]),
            "stack": torch.stack([x[:2], y, -y], 1),
            "stack last": torch.stack([x, x + 1], -1),
            "padded": padded,
            "shifted": shifted,
            "windows": windows.amax(-1),
            "flat": x.T.reshape(-1),
            "permuted": x.view(3, 2, 2).permute(2, 0, 1).contiguous(),
            "selected": x.select(1, 2) * y.select(0, 1)[:3],
            "diagonal": x.as_strided((3,), (5,)) + 1,
            "many": x.expand(2, 3, 4).sum(0),
        }

    compare(calls, [x, y], torch.float32)


# What isn't known.


REFUSED: dict[str, Callable[[Tensor], Tensor]] = {
    "cumsum": lambda x: x.cumsum(0),
    "sin": lambda x: x.sin(),
    "gather": lambda x: x.gather(0, torch.zeros(1, 3, dtype=torch.int64)),
    "rand_like": lambda x: torch.rand_like(x),
    "pow by 2.5": lambda x: x**2.5,
    "addmm": lambda x: torch.addmm(x, x, x, beta=2),
    "div": lambda x: torch.div(x, 2, rounding_mode="floor"),
    "any": lambda x: x.any(0).to(x.dtype),
    "sum": lambda x: torch.ones(3, 3, dtype=torch.int64).sum(0).to(x.dtype),
    "mean": lambda x: x[:0].mean(0),
    "argmax": lambda x: x.argmax().to(x.dtype),
    "max": lambda x: x.max(0).values,
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_unknown_call_is_refused_by_its_name(name: str) -> None:
    x, out = torch.rand(3, 3), torch.zeros(3, 3)
    with pytest.raises(CompileError, match=name.split()[0]):
        lowered(lambda: out.copy_(REFUSED[name](x)), {"x": x, "out": out})


def lowered(function: Callable[[], Any], tensors: Tensors) -> None:
    step_source("step", trace(function, (), tensors).graph, target(SINGLE, torch.float32), Names())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int32, torch.uint8])
def test_memory_of_another_type_is_refused(dtype: torch.dtype) -> None:
    x = torch.ones(40, dtype=dtype)
    with pytest.raises(CompileError):
        lowered(lambda: x.mul_(2), {"x": x})


def test_lasting_booleans_are_refused() -> None:
    """In the code they are reals, as large as four of PyTorch's."""
    x, y = torch.ones(40, dtype=torch.bool), torch.rand(40)
    with pytest.raises(CompileError):
        lowered(lambda: x.copy_(y > 0.5), {"x": x, "y": y})
