"""What need not be computed: results that nobody reads, sums that begin with a zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from minidl.engine.graph import Buffer, Graph, View
from minidl.engine.operations import Map, Number, Operation


class Spans:
    """Places in buffers, as disjoint spans from a first to a last element."""

    def __init__(self) -> None:
        self._spans: dict[int, list[tuple[int, int]]] = {}

    def add(self, buffer: Buffer, first: int, last: int) -> None:
        self.remove(buffer, first, last)
        self._spans.setdefault(buffer.number, []).append((first, last))

    def add_view(self, view: View) -> None:
        self.add(view.buffer, view.offset, view.last)

    def remove(self, buffer: Buffer, first: int, last: int) -> None:
        left = []
        for low, high in self._spans.get(buffer.number, ()):
            if high < first or last < low:
                left.append((low, high))
                continue
            if low < first:
                left.append((low, first - 1))
            if last < high:
                left.append((last + 1, high))
        self._spans[buffer.number] = left

    def touches(self, view: View) -> bool:
        """Whether one of the spans reaches into the view's."""
        spans = self._spans.get(view.buffer.number, ())
        return any(low <= view.last and view.offset <= high for low, high in spans)

    def covers(self, view: View) -> bool:
        """Whether the spans together hold all of the view's."""
        at = view.offset
        for low, high in sorted(self._spans.get(view.buffer.number, ())):
            if low <= at <= high:
                at = high + 1
        return at > view.last


def simplified(operations: Sequence[Operation], graph: Graph) -> list[Operation]:
    """The operations that matter."""
    return _live(_without_zeros(operations), graph)


def _without_zeros(operations: Sequence[Operation]) -> list[Operation]:
    """0 + x is x: what is added to memory that was just zeroed is written there instead."""
    zeros = Spans()
    made: list[Operation] = []
    for one in operations:
        out = one.out
        if isinstance(one, Map):
            if one.template == "{0}" and one.operands == [out]:
                continue  # a copy onto itself
            if _adds_to_itself(one) and zeros.covers(out) and out.is_dense():
                one = replace(one, template="{0}", operands=[one.operands[1]])
            elif one.template == "{0}" and one.operands == [Number(0)] and out.is_dense():
                zeros.add_view(out)
                made.append(one)
                continue
        made.append(one)
        zeros.remove(out.buffer, out.offset, out.last)
    return made


def _adds_to_itself(one: Map) -> bool:
    return one.template == "{0} + {1}" and one.operands[0] == one.out and one.kind == "real"


def _live(operations: Sequence[Operation], graph: Graph) -> list[Operation]:
    """Those whose result lasts, or is read before it is overwritten."""
    needed = Spans()
    for view in graph.results:
        needed.add_view(view)
    for buffer in graph.named("state"):
        needed.add(buffer, 0, buffer.size - 1)
    kept: list[Operation] = []
    for one in reversed(operations):
        out = one.out
        if not out.numel or not needed.touches(out):
            continue
        if out.is_dense():
            needed.remove(out.buffer, out.offset, out.last)
        for view in one.reads:
            if view.numel:
                needed.add_view(view)
        kept.append(one)
    return kept[::-1]
