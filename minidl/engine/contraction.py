"""Products of matrices in C: results in tiles, which stay in registers over the sum.

Every result is summed up in order by fused multiply-adds; where there are more than 128 terms, in
blocks of so many, which are added up in their turn.

In lanes, long sums go by strips, a block or a part of it: for one strip after the other all tiles
are summed on, so that what they read stays in the cache. Between two strips a tile's sums wait in
memory, so this changes no bits.
"""

from __future__ import annotations

from collections.abc import Iterator

from minidl.engine.graph import View
from minidl.engine.kernels import place
from minidl.engine.operations import Contract
from minidl.engine.target import Vector
from minidl.engine.writer import Spot, Writer, splat, typed

BLOCK = 128
STRIP_BYTES = 4096  # of a strip in one row of a tile, for all lanes
PACKED = 16  # columns that are copied at once
# Of a tile: from where on each of its vectors' columns are.
Columns = list[tuple[str, Vector]]
UNROLLED = 2  # terms of a sum between two jumps: a tenth faster, one network a quarter


def write_contraction(writer: Writer, head: Contract) -> None:
    """out[i, j, n] = Σₖ left[i, j, k] · right[i, k, n], and what follows it."""
    _Contraction(writer, head).write()


class _Contraction:
    def __init__(self, writer: Writer, head: Contract) -> None:
        self.writer, self.head, self.target = writer, head, writer.target
        self.batch, self.rows, self.columns = head.out.shape
        self.terms = head.left.shape[2]
        # One network's vectors go along the columns, so the right matrix's must lie in order.
        one_by_one = self.columns > 1 and head.right.strides[2] != 1
        self.packed = one_by_one and not self.target.lanes
        # Of a row of the copy: whole vectors, so that nothing is left at its end.
        self.stride = -(-self.columns // self.target.width) * self.target.width
        self.blocked = self.terms > BLOCK
        # In lanes; a divisor of BLOCK, since numbers of lanes are powers of 2.
        number = max(1, self.target.lanes) * (8 if self.target.double else 4)
        self.strip = min(BLOCK, STRIP_BYTES // number)
        long = self.blocked or self.terms > self.strip * 3 // 2
        self.strips = bool(self.target.lanes) and long
        self.result_functions: dict[Vector, tuple[str, list[str]]] = {}

    def write(self) -> None:
        writer = self.writer
        if self.batch > 1:
            writer.loop("i", self.batch)
        if self.packed:
            self.pack()
        if self.target.lanes:
            self.write_lanes()
        else:
            self.write_single()
        writer.close(self.batch > 1)

    def pack(self) -> None:
        """A copy of the right matrix in order: some columns at a time, to stay in the cache."""
        writer, right = self.writer, self.head.right
        writer.scratch = self.terms * self.stride
        self.open_pieces("first", self.columns, PACKED)
        writer.loop("k", self.terms)
        writer.open("for (long n = first; n < end; n++)")
        value = writer.load(right, self.steps(right), Spot({0: "i", 1: "k", 2: "n"}, -1, Vector(1)))
        writer.line(f"scratch[k * {self.stride} + n] = {value};")
        writer.close(3)

    def steps(self, view: View) -> list[int]:
        """A view's steps along batch, rows and columns."""
        return [view.strides[0] if self.batch > 1 else 0, *view.strides[1:]]

    def write_lanes(self) -> None:
        """Strips of terms outside: what all tiles read of a strip stays in the cache."""
        lanes = Vector(self.target.lanes)
        rows, columns = _tile(self.rows, self.columns, self.target.registers)
        if self.strips:
            self.writer.scratch = self.rows * self.columns * (1 + self.blocked)
            self.open_pieces("strip", self.terms, self.strip)
        for j, height in self.tiles("j", self.rows, rows):
            for n, count in self.tiles("n", self.columns, columns):
                self.write_tile(j, height, [(_plus(n, c), lanes) for c in range(count)])
        self.writer.close(self.strips)

    def open_pieces(self, index: str, count: int, size: int) -> None:
        """A loop over pieces of so many, from `index` to `end`; the last may be shorter."""
        self.writer.loop(index, count, size)
        end = f"{index} + {size}"
        self.writer.line(f"long end = {end} < {count} ? {end} : {count};")

    def write_single(self) -> None:
        """Groups of vectors along the columns, for all rows: so they stay in the cache."""
        widest, many = self.target.width, self.target.registers >= 32
        most = 6 if many else 3
        groups = self.columns // (most * widest)
        groups *= groups > 1
        step = most * widest
        if groups:
            self.writer.loop("n", groups * step, step)
            self.write_group([(_plus("n", c * widest), Vector(widest)) for c in range(most)])
            self.writer.close()
        at = groups * step
        rest = [
            (str(at + start + number * vector.width), vector)
            for start, count, vector in self.target.vectors(self.columns - at)
            for number in range(count)
        ]
        for first in range(0, len(rest), most):
            self.write_group(rest[first : first + most])

    def write_group(self, columns: Columns) -> None:
        rows = max(1, (self.target.registers - 4) // len(columns))
        for j, height in self.tiles("j", self.rows, min(rows, 6 if len(columns) > 1 else 8)):
            self.write_tile(j, height, columns)

    def tiles(self, index: str, size: int, tile: int) -> Iterator[tuple[str, int]]:
        """Writes a loop over whole tiles around what the caller writes; then the rest of them."""
        whole, rest = divmod(size, tile)
        if whole > 1:
            self.writer.loop(index, whole * tile, tile)
            yield index, tile
            self.writer.close()
        elif whole:
            yield "0", tile
        if rest:
            yield str(whole * tile), rest

    def write_tile(self, j: str, height: int, columns: Columns) -> None:
        """Some results, from their sums to what follows them."""
        writer = self.writer
        results = [(p, q) for p in range(height) for q in range(len(columns))]
        writer.open()
        if self.strips:
            self.resume(j, results, columns)
            self.write_terms(j, height, columns, "c", "strip", "end")
            self.keep(j, results, columns)
            writer.open(f"if (end == {self.terms})")
        elif self.blocked:
            self.start(results, columns, "c")
            self.open_pieces("block", self.terms, BLOCK)
            self.start(results, columns, "d")
            self.write_terms(j, height, columns, "d", "block", "end")
            for p, q in results:
                writer.line(f"c{p}_{q} = c{p}_{q} + d{p}_{q};")
            writer.close()
        else:
            self.start(results, columns, "c")
            if self.terms > 1:
                self.write_terms(j, height, columns, "c", "0", str(self.terms))
            elif self.terms:
                self.write_term(j, height, columns, "c", "0")
        for p, q in results:
            n, vector = columns[q]
            name, pointers = self.result_function(vector)
            at = ["i"] * (self.batch > 1) + [_plus(j, p), n]
            writer.line(f"{name}({', '.join([*pointers, *at, f'c{p}_{q}'])});")
        writer.close(1 + self.strips)

    def start(self, results: list[tuple[int, int]], columns: Columns, sums: str) -> None:
        for p, q in results:
            width = columns[q][1].width
            zero = splat("real", width, "0")
            self.writer.line(f"{typed('real', width)} {sums}{p}_{q} = {zero};")

    def resume(self, j: str, results: list[tuple[int, int]], columns: Columns) -> None:
        """Begin with what the strips before this one left, in this block of terms."""
        real = typed("real", self.target.lanes)
        zero = splat("real", self.target.lanes, "0")
        first = f"strip % {BLOCK} == 0" if self.blocked else "strip == 0"
        for p, q in results:
            at = self.waiting(j, p, columns[q][0])
            self.writer.line(f"{real} c{p}_{q} = {first} ? {zero} : {at};")

    def keep(self, j: str, results: list[tuple[int, int]], columns: Columns) -> None:
        """Leave the sums to the next strip; at the end of a block add it to those before it."""
        writer = self.writer
        zero = splat("real", self.target.lanes, "0")
        if self.blocked:
            writer.open(f"if (end % {BLOCK} == 0 || end == {self.terms})")
            for p, q in results:
                total = self.waiting(j, p, columns[q][0], self.rows * self.columns)
                so_far = f"(strip < {BLOCK} ? {zero} : {total})"
                writer.line(f"{total} = c{p}_{q} = {so_far} + c{p}_{q};")
            writer.close()
            writer.open("else")
        else:
            writer.open(f"if (end < {self.terms})")
        for p, q in results:
            writer.line(f"{self.waiting(j, p, columns[q][0])} = c{p}_{q};")
        writer.close()

    def waiting(self, j: str, p: int, n: str, offset: int = 0) -> str:
        """Where a sum waits."""
        real = typed("real", self.target.lanes)
        at = f"({_plus(j, p)}) * {self.columns} + {n}"
        return f"(({real} *)scratch)[{at}{f' + {offset}' if offset else ''}]"

    def write_terms(
        self, j: str, height: int, columns: Columns, sums: str, start: str, end: str
    ) -> None:
        """The loop over the terms of a tile's sums."""
        self.writer.line(f'_Pragma("GCC unroll {UNROLLED}")')
        self.writer.open(f"for (long k = {start}; k < {end}; k++)")
        self.write_term(j, height, columns, sums, "k")
        self.writer.close()

    def write_term(self, j: str, height: int, columns: Columns, sums: str, k: str) -> None:
        """One term to each sum of a tile."""
        writer, head, lanes = self.writer, self.head, self.target.lanes
        for q, (n, vector) in enumerate(columns):
            width = vector.width
            if self.packed:
                at = f"scratch + {k} * {self.stride} + {n}"
                value = f"load{width}({at})" if width > 1 else f"*({at})"
            else:
                spot = Spot({0: "i", 1: k, 2: n}, 2, vector)
                value = writer.load(head.right, self.steps(head.right), spot)
            writer.line(f"{typed('real', width)} b{q} = {value};")
        for p in range(height):
            spot = Spot({0: "i", 1: _plus(j, p), 2: k}, -1, Vector(lanes or 1))
            value = writer.load(head.left, self.steps(head.left), spot)
            writer.line(f"{typed('real', lanes or 1)} a{p} = {value};")
            for q, (_, vector) in enumerate(columns):
                width = vector.width
                a = f"a{p}" if lanes or width == 1 else splat("real", width, f"a{p}")
                writer.line(f"{sums}{p}_{q} = fma{width}({a}, b{q}, {sums}{p}_{q});")

    def result_function(self, vector: Vector) -> tuple[str, list[str]]:
        """What stores a result and computes what follows it: its name, and the memory it takes."""
        if vector not in self.result_functions:
            name = f"@_result{vector.width}" + f"_{vector.part}" * bool(vector.part)
            indices = ["i"] * (self.batch > 1) + ["j", "n"]
            value = f"{typed('real', vector.width)} sum"
            with self.writer.inline(name, [*(f"long {x}" for x in indices), value]) as pointers:
                self.write_result(vector)
            self.result_functions[vector] = name, pointers
        return self.result_functions[vector]

    def write_result(self, vector: Vector) -> None:
        writer, head = self.writer, self.head
        sizes = zip("ijn", head.out.shape, strict=True)
        loops = [index for index, size in sizes if size != 1]
        along = len(loops) - 1 if self.columns > 1 else -1
        spot = Spot(dict(enumerate(loops)), along, vector)
        if writer.is_stored(head):
            writer.store(head.out, head.out.steps, spot, "sum")
        writer.maps(writer.kernel.maps, spot, {place(head.out): "sum"})


def _plus(index: str, number: int) -> str:
    """index + number"""
    if not number:
        return index
    return str(int(index) + number) if index.isdigit() else f"{index} + {number}"


def _tile(rows: int, columns: int, registers: int) -> tuple[int, int]:
    """How many rows and columns of results to compute at once: the fewest cycles for all.

    In a cycle a processor does two fused multiply-adds, and loads a vector from its second cache; a
    multiply-add takes four.
    """

    def cycles(height: int, width: int) -> float:
        return max(height * width / 2, height + width, 4)

    def pieces(size: int, tile: int) -> list[tuple[int, int]]:
        """How many tiles of which size there are."""
        return [(n, s) for n, s in ((size // tile, tile), (1, size % tile)) if n and s]

    def total(height: int, width: int) -> float:
        by_rows, by_columns = pieces(rows, height), pieces(columns, width)
        time = sum(n * m * cycles(h, w) for n, h in by_rows for m, w in by_columns)
        return time * (1 + 0.02 * len(by_rows) * len(by_columns))  # the shorter code, if as fast

    fitting = [
        (height, width)
        for height in range(1, min(rows, 6) + 1)
        for width in range(1, min(columns, 6) + 1)
        if height * width + min(height, width) + 1 <= registers
    ]
    return min(fitting, key=lambda tile: total(*tile))
