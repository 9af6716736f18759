"""The C source of a step: its kernels, once each, and the calls in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from minidl.engine.graph import Buffer, Graph, View
from minidl.engine.kernels import Kernel, kernels
from minidl.engine.loops import function_of
from minidl.engine.lowering import operations
from minidl.engine.operations import Contract
from minidl.engine.simplify import simplified
from minidl.engine.target import Target
from minidl.engine.writer import Function

ALIGN = 64  # bytes


@dataclass(frozen=True)
class Step:
    """A step as C code: `void NAME(…)` runs it many times; see `RUN`."""

    name: str
    double: bool  # its reals: of 64 bits, or of 32
    text: str  # of its own functions, without the kernels
    scratch: int  # bytes that one run needs
    state: tuple[Buffer, ...]  # in the order of the pointers that it takes
    constants: tuple[Buffer, ...]
    inputs: tuple[Buffer, ...]
    results: tuple[tuple[View, int | None], ...]  # and where each lies in the scratch memory


# What a program calls: `steps` steps on the state of all lanes. Step s of lane v takes the samples
# rows[v][s·batch …] of its own sources; numbers that change from step to step stand one after the
# other, `strides` apart.
RUN = """\
void {name}(long steps, char *scratch, void *const *state, const long *strides,
            const void *const *constants, const void *const *sources, const int64_t *const *rows)
{{
  uint64_t before = flush_denormals();
  void *now[{states}];
  for (int i = 0; i < {count}; i++) now[i] = state[i];
  for (long step = 0; step < steps; step++) {{
{gather}
    {name}_step(scratch, now, constants);
    for (int i = 0; i < {count}; i++) now[i] = (char *)now[i] + strides[i];
  }}
  restore_denormals(before);
}}
"""
GATHER = """\
    for (int lane = 0; lane < {lanes}; lane++) {{
      const {type} *from = sources[{number} * {lanes} + lane];
      if (!from) continue;
      {type} *to = ({type} *)(scratch + {offset}) + lane;
      for (long sample = 0; sample < {batch}; sample++) {{
        const {type} *row = from + rows[lane][step * {batch} + sample] * {width};
        for (long i = 0; i < {width}; i++) to[(sample * {width} + i) * {lanes}] = row[i];
      }}
    }}"""


class Names:
    """The kernels' functions; those with the same text are one."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, str]] = {}  # by text: the name, and whose it is first

    def of(self, function: Function, what: str, where: str) -> str:
        """A function's name; `what` it does and `where` are for the reader."""
        if function.text not in self._known:
            self._known[function.text] = f"{what}_{len(self._known) + 1}", where
        return self._known[function.text][0]

    def texts(self) -> list[str]:
        """All functions."""
        return [
            f"/* {where} */\n{text.replace('@', name)}"
            for text, (name, where) in self._known.items()
        ]


def step_source(name: str, graph: Graph, target: Target, names: Names) -> Step:
    """One traced step in C, its kernels in `names`. Raises LoweringError."""
    made = simplified(operations(graph), graph)
    loops = kernels(made, graph, along_rows=not target.lanes)
    functions = [function_of(kernel, target) for kernel in loops]
    plan = _Memory(functions, target)
    used = {view.buffer.number for function in functions for view in function.parameters}
    state = tuple(buffer for buffer in graph.named("state") if buffer.number in used)
    constants = tuple(buffer for buffer in graph.named("constant") if buffer.number in used)
    lines: list[str] = []
    said = ""
    for kernel, function in zip(loops, functions, strict=True):
        call = kernel.operations[0].call
        where = _comment(f"{call.where}: {call.formula}" if call.formula else call.where)
        if where != said:
            lines.append(f"  /* {where} */")
            said = where
        arguments = [plan.pointer(view, state, constants) for view in function.parameters]
        if function.scratch:
            arguments.append(f"(REAL *)(scratch + {plan.own})")
        arguments += map(str, function.sizes)
        lines.append(f"  {names.of(function, _what(kernel), where)}({', '.join(arguments)});")
    head = (
        f"static void {name}_step(char *scratch, void *const *state, const void *const *constants)"
    )
    body = "\n".join([head, "{", *lines, "}"])
    lanes = target.lanes or 1
    gather = "\n".join(
        GATHER.format(
            number=number,
            lanes=lanes,
            type=_scalar(buffer),
            offset=plan.offsets[buffer.number],
            batch=batch_of(buffer),
            width=buffer.size // batch_of(buffer),
        )
        for number, buffer in enumerate(graph.inputs)
        if buffer.number in plan.offsets
    )
    run = RUN.format(name=name, states=max(1, len(state)), count=len(state), gather=gather)
    return Step(
        name,
        target.double,
        f"{body}\n\n{run}",
        plan.total,
        state,
        constants,
        tuple(graph.inputs),
        tuple((view, plan.offsets.get(view.buffer.number)) for view in graph.results),
    )


def batch_of(buffer: Buffer) -> int:
    """How many samples an input holds."""
    assert buffer.tensor is not None
    return buffer.tensor.shape[0] if buffer.tensor.dim() else 1


def _what(kernel: Kernel) -> str:
    if isinstance(kernel.head, Contract):
        return "product"
    return "sum" if kernel.head else "map"


def _comment(text: str) -> str:
    return text.replace("*/", "* /")


def _scalar(buffer: Buffer) -> str:
    return "int64_t" if buffer.kind == "int" else "REAL"


class _Memory:
    """Places all but state and constants in scratch memory, and reuses what is no longer needed."""

    def __init__(self, functions: Sequence[Function], target: Target) -> None:
        self.target = target
        lanes = target.lanes or 1
        real = 8 if target.double else 4
        life: dict[int, list[int]] = {}
        buffers: dict[int, Buffer] = {}
        for time, function in enumerate(functions):
            for view in function.parameters:
                buffer = view.buffer
                if buffer.role in ("temporary", "input", "result"):
                    buffers[buffer.number] = buffer
                    life.setdefault(buffer.number, [time, time])[1] = time
        for number, buffer in buffers.items():
            if buffer.role == "input":
                life[number][0] = -1
            elif buffer.role == "result":
                life[number][1] = len(functions)
        self.offsets: dict[int, int] = {}
        placed: list[tuple[int, int, int, int]] = []  # start, end, first and last time
        self.total = 0
        for number in sorted(life, key=lambda n: (life[n][0], n)):
            buffer, (first, last) = buffers[number], life[number]
            size = buffer.size * lanes * (8 if buffer.kind == "int" else real)
            size = -(-size // ALIGN) * ALIGN
            busy = sorted(p for p in placed if p[2] <= last and first <= p[3])
            at = 0
            for start, end, *_ in busy:
                if at + size <= start:
                    break
                at = max(at, end)
            placed.append((at, at + size, first, last))
            self.offsets[number] = at
            self.total = max(self.total, at + size)
        self.own = self.total
        most = max((function.scratch for function in functions), default=0)
        self.total += most * real * lanes
        self.total = -(-self.total // ALIGN) * ALIGN

    def pointer(self, view: View, state: Sequence[Buffer], constants: Sequence[Buffer]) -> str:
        """A view's first element, as an argument of a kernel."""
        buffer = view.buffer
        kind = "ints" if buffer.kind == "int" else "real"
        lanes = self.target.lanes
        type_ = f"{kind}{lanes}" if lanes else _scalar(buffer)
        if buffer.role == "constant":
            base = f"({_scalar(buffer)} *)constants[{constants.index(buffer)}]"
        elif buffer.role == "state":
            base = f"({type_} *)state[{state.index(buffer)}]"
        else:
            base = f"({type_} *)(scratch + {self.offsets[buffer.number]})"
        return f"{base} + {view.offset}" if view.offset else base


def header(target: Target) -> str:
    """The beginning of a source file: the vectors that its code uses."""
    lines = [f"#define REAL {'double' if target.double else 'float'}"]
    for width in sorted({*target.widths, 1}):
        lines += [f"#define W {width}", '#include "vectors.h"']
    return "\n".join(lines)


@dataclass(frozen=True)
class Code:
    """A whole file of C, the steps in it by name, and its kernels: each with a comment above."""

    steps: dict[str, Step]
    text: str
    kernels: tuple[str, ...]


def code_of(graphs: Mapping[str, Graph], target: Target) -> Code:
    """Some traced steps in C, which share their kernels. Raises LoweringError."""
    names = Names()
    steps = {name: step_source(name, graph, target, names) for name, graph in graphs.items()}
    kernels = names.texts()
    texts = [header(target), *kernels, *[step.text for step in steps.values()], ""]
    return Code(steps, "\n\n".join(texts), tuple(kernels))
