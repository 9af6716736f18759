"""Sums, maxima and the like over some dimensions, in C.

A sum stands in one order for lanes and for one network: along its last loop, where that is of 16 or
more, in eight parts, which are added in the end. So no addition waits for the one before it, and
rounding errors stay small.
"""

from __future__ import annotations

from minidl.engine.kernels import Place, merged, place
from minidl.engine.operations import Map, Reduce
from minidl.engine.writer import INFINITY, Spot, Writer, address, converted, splat, typed

PARTS, PARTS_FROM = 8, 16


def write_reduction(writer: Writer, head: Reduce) -> None:
    """Loops over what is kept, and inside over what is summed."""
    _Reduction(writer, head).write()


class _Reduction:
    def __init__(self, writer: Writer, head: Reduce) -> None:
        self.writer, self.head, self.kernel = writer, head, writer.kernel
        self.steps = head.source.steps
        self.summed, self.sizes = merged(head.summed, [self.steps], head.source.sizes)
        self.kept = [i for i in range(len(self.steps)) if i not in head.summed]
        # Loops of the result, as the maps behind the sum count them.
        self.loop_of = {loop: number for number, loop in enumerate(self.kept)}
        inner = self.sizes[self.summed[-1]] if self.summed else 1
        self.parts = PARTS if head.how == "sum" and inner >= PARTS_FROM else 1
        self.whole, self.inner = inner // self.parts * self.parts, inner

    def write(self) -> None:
        writer = self.writer
        along = self.loop_by_vectors()
        outer = [loop for loop in self.kept if loop != along]
        for loop in outer:
            writer.loop(f"i{loop}", self.sizes[loop])
        at = {loop: f"i{loop}" for loop in outer}
        for spot in writer.pieces(along, self.sizes[along] if along >= 0 else 1):
            self.result(Spot({**at, **spot.at}, spot.along, spot.vector))
        writer.close(len(outer))

    def loop_by_vectors(self) -> int:
        """One that is kept, and along which all memory lies in order; -1 for none."""
        if self.writer.target.lanes:
            return self.kept[-1] if self.kept else -1
        fitting = [loop for loop in self.kept if self.fits(loop)]
        return max(fitting, key=lambda loop: (self.sizes[loop], loop), default=-1)

    def fits(self, loop: int) -> bool:
        def along(one: Map | Reduce, number: int) -> set[int]:
            views = [one.out, *(one.reads if isinstance(one, Map) else ())]
            return {view.expanded(one.out.shape).steps_like(one.out)[number] for view in views}

        results: list[Map | Reduce] = [self.head, *self.kernel.maps]
        of_result = [along(one, self.loop_of[loop]) for one in results]
        of_source = [along(one, loop) for one in self.kernel.before]
        return set().union({self.steps[loop]}, *of_result, *of_source) <= {0, 1}

    def result(self, spot: Spot) -> None:
        """One result, or a vector of results, and what follows it."""
        writer, head, width = self.writer, self.head, spot.width
        # One network's row of memory is summed by vectors, whose elements are the parts.
        by_row = (
            self.parts in writer.target.widths
            and not writer.target.lanes
            and width == 1
            and self.parts > 1
            and not self.kernel.before
            and self.steps[self.summed[-1]] == 1
        )
        sums = [f"v[{part}]" if by_row else f"s{part}" for part in range(self.parts)]
        start = {"sum": "0", "min": INFINITY}.get(head.how, f"-{INFINITY}")
        if by_row:
            writer.line(f"{typed('real', self.parts)} v = {splat('real', self.parts, start)};")
        else:
            for one in sums:
                writer.line(f"{typed('real', width)} {one} = {splat('real', width, start)};")
        if head.how == "argmax":
            writer.line(f"{typed('real', width)} found = {splat('real', width, '0')};")
        self.add_all(spot, sums, by_row)
        parts = self.parts
        while parts > 1:
            parts //= 2
            for part in range(parts):
                writer.line(f"{sums[part]} = {sums[part]} + {sums[part + parts]};")
        value = "found" if head.how == "argmax" else sums[0]
        if head.out.buffer.kind == "int":
            value = converted("int", width, value)
        at = {self.loop_of[loop]: index for loop, index in spot.at.items()}
        here = Spot(at, self.loop_of.get(spot.along, -1), spot.vector)
        if writer.is_stored(head):
            writer.store(head.out, head.out.steps, here, value)
        writer.maps(self.kernel.maps, here, {place(head.out): value})

    def add_all(self, spot: Spot, sums: list[str], by_row: bool) -> None:
        """The loops over what is summed."""
        writer = self.writer
        if not self.summed:
            self.add(sums[0], spot, "0", "")
            return
        last, outer = self.summed[-1], self.summed[:-1]
        for loop in outer:
            writer.loop(f"k{loop}", self.sizes[loop])
        spot = spot.moved({loop: f"k{loop}" for loop in outer})
        writer.loop(f"k{last}", self.whole, self.parts)
        if by_row:
            row = address(spot.moved({last: f"k{last}"}).at, self.steps)
            writer.line(f"v = v + load{self.parts}({writer.pointer(self.head.source)} + {row});")
        else:
            for part, one in enumerate(sums):
                index = f"k{last} + {part}" if part else f"k{last}"
                self.add(one, spot.moved({last: index}), index, f"_{part}")
        writer.close()
        for part, rest in enumerate(range(self.whole, self.inner)):
            self.add(sums[part], spot.moved({last: str(rest)}), str(rest), f"_{part}")
        writer.close(len(outer))

    def add(self, total: str, spot: Spot, index: str, tag: str) -> None:
        """One element to a sum."""
        writer, head, width = self.writer, self.head, spot.width
        writer.open()
        known: dict[Place, str] = {}
        writer.maps(self.kernel.before, spot, known, tag)
        value = known.get(place(head.source)) or writer.load(head.source, self.steps, spot)
        if head.how == "sum":
            writer.line(f"{total} = {total} + {value};")
        elif head.how == "argmax":
            # The first NaN counts as the largest.
            better = (
                f"and{width}(eq{width}({total}, {total}), not{width}(le{width}({value}, {total})))"
            )
            now = splat("real", width, index)
            writer.line(f"found = where{width}({better}, {now}, found);")
            writer.line(f"{total} = max{width}({total}, {value});")
        else:
            writer.line(f"{total} = {head.how}{width}({total}, {value});")
        writer.close()
