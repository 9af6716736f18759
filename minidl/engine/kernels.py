"""Kernels: the loops of a step, and which operations share one.

Element-wise operations join the loop of the contraction or reduction before them, and a reduction
the element-wise loop whose result it sums, as long as each element needs nothing but what the loop
has at that very place. What nobody reads later is then never written to memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from minidl.engine.graph import Graph, View
from minidl.engine.operations import Contract, Index, Map, Operation, Reduce

# A buffer's number, an offset, and sizes and steps of loops.
Place = tuple[int, int, tuple[int, ...], tuple[int, ...]]


def place(view: View) -> Place:
    """Equal for views of the same elements in the same order, whatever dimensions of size 1."""
    return view.buffer.number, view.offset, view.sizes, view.steps


LOOK_BACK = 12  # kernels


@dataclass
class Kernel:
    """Loops over `shape`: at each place the head's contraction or reduction, then the maps."""

    shape: tuple[int, ...]
    head: Contract | Reduce | None = None
    before: list[Map] = field(default_factory=list)  # computed for each element that is reduced
    maps: list[Map] = field(default_factory=list)
    stored: list[Operation] = field(default_factory=list)  # whose results go to memory

    @property
    def operations(self) -> list[Operation]:
        return [*self.before, *([self.head] if self.head else []), *self.maps]

    def can_take(self, one: Map, along_rows: bool) -> bool:
        """Whether an element-wise operation can join the loop."""
        if one.out.sizes != self.shape:
            return False
        expanded = [view.expanded(one.out.shape) for view in one.reads]
        if along_rows and isinstance(self.head, Contract) and self.head.out.shape[2] != 1:
            # A product's columns go by vectors, and what joins them must lie alike.
            last = max(d for d, n in enumerate(one.out.shape) if n != 1)
            if not {view.strides[last] for view in (one.out, *expanded)} <= {0, 1}:
                return False
        for other in self.operations:
            outer = other is self.head or other in self.before
            for view in expanded:
                if view.overlaps(other.out) and (
                    place(view) != place(other.out) or other in self.before
                ):
                    return False
            if one.out.overlaps(other.out) and (
                place(one.out) != place(other.out) or other in self.before
            ):
                return False
            for read in other.reads:
                if one.out.overlaps(read) and (
                    outer or place(read.expanded(other.out.shape)) != place(one.out)
                ):
                    return False
        return True

    def conflicts(self, one: Map) -> bool:
        """Whether it matters which of both is computed first."""
        return any(
            one.out.overlaps(view)
            or (view is other.out and any(view.overlaps(x) for x in one.reads))
            for other in self.operations
            for view in (other.out, *other.reads)
        )

    def can_reduce(self, one: Reduce) -> bool:
        """Whether a reduction can sum what the loop computes, as it computes it."""
        if self.head is not None or one.source.sizes != self.shape:
            return False
        if place(one.source) not in {place(other.out) for other in self.maps}:
            return False
        views = [view for other in self.maps for view in (other.out, *other.reads)]
        if any(one.out.overlaps(view) for view in views):
            return False
        # Loops that are one for what is summed must be so for all that is computed there.
        summed, extent = one.summed, one.source.sizes
        steps = [
            view.expanded(other.out.shape).steps_like(other.out)
            for other in self.maps
            for view in (other.out, *other.reads)
        ]
        alone = merged(summed, [one.source.steps], extent)
        if merged(summed, [one.source.steps, *steps], extent) != alone:
            return False
        return not any(isinstance(x, Index) for other in self.maps for x in other.operands)


def merged(
    loops: Sequence[int], steps: Sequence[Sequence[int]], extent: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Loops over memory that lies in order, for all views with these steps, as one.

    Returns the loops that are left, and the sizes of all: the inner one takes the size of both.
    """
    sizes = list(extent)
    made: list[int] = []
    for loop in loops:
        if made and all(own[made[-1]] == own[loop] * sizes[loop] for own in steps):
            sizes[loop] *= sizes[made[-1]]
            made[-1] = loop
        else:
            made.append(loop)
    return made, sizes


def kernels(operations: Sequence[Operation], graph: Graph, *, along_rows: bool) -> list[Kernel]:
    """The operations in loops. `along_rows`: a loop over rows stays one, whatever sums it up.

    (Vectors along the last dimension of a result can't be kept where that dimension is summed.)
    """
    made: list[Kernel] = []
    for one in operations:
        if isinstance(one, Map):
            if kernel := _earlier(made, one, along_rows):
                kernel.maps.append(one)
            else:
                made.append(Kernel(one.out.sizes, maps=[one]))
        elif isinstance(one, Reduce):
            last = made[-1] if made else None
            if last and last.can_reduce(one) and not (along_rows and _sums_rows(one)):
                last.before, last.maps, last.head = last.maps, [], one
                last.shape = one.out.sizes
            else:
                made.append(Kernel(one.out.sizes, head=one))
        else:
            made.append(Kernel(one.out.sizes, head=one))
    _store_what_is_read(made, graph)
    return made


def _earlier(made: Sequence[Kernel], one: Map, along_rows: bool) -> Kernel | None:
    """The last kernel that can take an operation, past those that have nothing to do with it."""
    for kernel in reversed(made[-LOOK_BACK:]):
        if kernel.can_take(one, along_rows):
            return kernel
        if kernel.conflicts(one):
            break
    return None


def _sums_rows(one: Reduce) -> bool:
    sizes = [d for d, n in enumerate(one.source.shape) if n != 1]
    return bool(sizes) and sizes[-1] in one.dims


def _store_what_is_read(made: Sequence[Kernel], graph: Graph) -> None:
    """In each kernel, keep in memory what a later kernel reads, or what lasts."""
    read_later: dict[int, list[View]] = {}
    for kernel in reversed(made):
        written: set[object] = set()
        for one in reversed(kernel.operations):
            out = one.out
            lasts = out.buffer.role in ("state", "result")
            later = any(out.overlaps(view) for view in read_later.get(out.buffer.number, ()))
            if (lasts or later) and place(out) not in written:
                kernel.stored.append(one)
                written.add(place(out))
        kernel.stored.reverse()
        for one in kernel.operations:
            for view in one.reads:
                read_later.setdefault(view.buffer.number, []).append(view)
