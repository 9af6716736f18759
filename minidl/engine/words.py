"""Integers that are known to be small: Philox computes with words, from 0 to 2³² − 1.

It takes twenty products of words for each four random numbers, and processors multiply words faster
than integers of 64 bits.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from minidl.engine.graph import View
from minidl.engine.kernels import Place, place
from minidl.engine.operations import Index, Map, Number, Operand, Operation

WORD = 0xFFFFFFFF
INT_MAX = 2**31 - 1
UNSIGNED_MAX = 2**64 - 1


def take_words(made: Sequence[Operation], results: Iterable[View]) -> None:
    """Choose the faster instructions for operations on words."""
    limits: dict[int, float] = {}  # a temporary's integers are from 0 to this
    shifts: dict[Place, Map] = {}
    reads = Counter(view.buffer.number for one in made for view in one.reads)
    reads.update(view.buffer.number for view in results)
    writes = Counter(one.out.buffer.number for one in made)
    for one in made:
        limit = math.inf
        if isinstance(one, Map):
            if shift := _masked_shift(one, shifts):
                # The sign that a shift draws in is masked away again: it may be left out.
                number, by = shift.out.buffer.number, shift.operands[1]
                if reads[number] == writes[number] == 1 and isinstance(by, Number):
                    shift.template = "shr_words({0}, {1})"
                    limits[number] = UNSIGNED_MAX >> int(by.value)
            given = [_limit(x, one, limits) for x in one.operands]
            _choose(one, given)
            limit = _result(one, given)
            if one.template == "shr({0}, {1})" and given[1] <= 32:
                shifts[place(one.out)] = one
        if one.out.buffer.role == "temporary":
            number = one.out.buffer.number
            limits[number] = max(limits.get(number, 0), limit)
    _drop_masks(made)


def _masked_shift(one: Map, shifts: dict[Place, Map]) -> Map | None:
    """The shift whose result an operation masks to a word."""
    if one.template != "and({0}, {1})" or Number(WORD) not in one.operands:
        return None
    places = [place(x) for x in one.operands if isinstance(x, View)]
    return next((shifts[at] for at in places if at in shifts), None)


def _drop_masks(made: Sequence[Operation]) -> None:
    """Leave out masks of numbers of which nobody reads more than the lower 32 bits."""
    lower: dict[int, bool] = {}  # whether all who read a temporary read no more
    for one in reversed(made):
        few = False
        if isinstance(one, Map) and one.kind == "int":
            only = one.out.buffer.role == "temporary" and lower.get(one.out.buffer.number, True)
            few = one.template == "multiply_words({0}, {1})"
            few |= only and one.template in ("xor({0}, {1})", "or({0}, {1})", "{0}")
            if one.template == "and({0}, {1})" and Number(WORD) in one.operands:
                few = True
                if only:
                    one.template, one.operands = "{0}", list(one.reads[:1])
        for view in one.reads:
            number = view.buffer.number
            lower[number] = lower.get(number, True) and few


def _limit(x: Operand, one: Map, limits: dict[int, float]) -> float:
    """What an operand's integers are at most, where it has some and none is negative; else ∞."""
    if one.kind == "real" and not isinstance(x, View):
        return math.inf
    if isinstance(x, View):
        return limits.get(x.buffer.number, math.inf) if x.buffer.kind == "int" else math.inf
    if isinstance(x, Index):
        low, high = x.start, x.start + x.step * (one.out.shape[x.dim] - 1)
        return max(low, high) if min(low, high) >= 0 else math.inf
    return x.value if x.value >= 0 else math.inf


def _choose(one: Map, given: Sequence[float]) -> None:
    """The faster instruction for what an operation computes, if there is one."""
    if one.template == "mul({0}, {1})" and max(given) <= WORD:
        one.template = "multiply_words({0}, {1})"
    elif one.template == "shr({0}, {1})" and given[0] < math.inf:
        one.template = "shr_words({0}, {1})"
    elif one.kind == "int" and one.template == "and({0}, {1})" and given[1] == WORD >= given[0]:
        one.template, one.operands = "{0}", one.operands[:1]
    elif one.template == "{0}" and one.kind == "real" and given[0] <= INT_MAX:
        one.template, one.kind = "words_to_reals({0})", "int"


def _result(one: Map, given: Sequence[float]) -> float:
    """What an operation's integers are at most, if none is negative; else infinity."""
    if one.kind == "int" and one.template == "and({0}, {1})":
        return min(given)
    if one.template in ("xor({0}, {1})", "or({0}, {1})") and max(given) < math.inf:
        return float(2 ** int(max(given)).bit_length() - 1)
    if one.template == "shr_words({0}, {1})" and max(given) < math.inf:
        return int(given[0]) >> int(given[1])
    return given[0] if one.template == "{0}" and one.result == "int" else math.inf
