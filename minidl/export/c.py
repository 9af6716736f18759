"""One C99 file without dependencies, and its header."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minidl.export.model import Model
from minidl.export.operations import Operation, operations
from minidl.store import files

_ROW = 96  # characters of a line of numbers


def c_sources(model: Model, stem: str) -> tuple[str, str]:
    """The texts of STEM.c and STEM.h."""
    return _source(model, stem), _header(model, stem)


def _types(model: Model) -> tuple[str, str]:
    """What a number of the input is, and one of the output."""
    real = "float" if model.dtype == "float32" else "double"
    return ("double" if model.scales else real), real


def _header(model: Model, stem: str) -> str:
    given, real = _types(model)
    guard = re.sub(r"\W", "_", stem).upper() + "_H"
    inputs = [f"{i}: {name}" for i, name in enumerate(model.feature_names)]
    results = [f"{i}: {name}" for i, name in enumerate(model.result_names)]
    returns = "the class, from 0" if model.class_names else "0"
    lines = [
        f"/* {_comment(model.name)}, exported by minidl.",
        "",
        "   minidl_predict reads one sample, MINIDL_INPUTS numbers in the units of the data (a",
        f"   category is a 1 among others that are 0), and writes MINIDL_OUTPUTS numbers. Returns"
        f" {returns}.",
        "   It keeps its intermediate results in static memory: one call at a time.",
        *(["", f"   Inputs, {_times(model.input_shape)}:"] if not inputs else ["", "   Inputs:"]),
        *(f"     {_comment(text)}" for text in inputs),
        *(
            ["", f"   Outputs, {_times(model.output_shape)}."]
            if not results
            else ["", "   Outputs:"]
        ),
        *(f"     {_comment(text)}" for text in results),
        "*/",
        f"#ifndef {guard}",
        f"#define {guard}",
        "",
        f"#define MINIDL_INPUTS {model.inputs}",
        f"#define MINIDL_OUTPUTS {model.results}",
        "",
        f"int minidl_predict(const {given} input[MINIDL_INPUTS], {real} output[MINIDL_OUTPUTS]);",
    ]
    if model.class_names:
        lines += ["", "extern const char *const minidl_class_names[MINIDL_OUTPUTS];"]
    return "\n".join([*lines, "", "#endif"]) + "\n"


def _times(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _comment(text: str) -> str:
    return ascii(text)[1:-1].replace("*/", "* /").replace("/*", "/ *").replace("??", "? ?")


def _string(text: str) -> str:
    """A C string: UTF-8, what isn't plain as octal numbers."""
    plain = (
        chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else f"\\{b:03o}" for b in text.encode()
    )
    return '"' + "".join(plain) + '"'


def _source(model: Model, stem: str) -> str:
    body = operations(model.network, model.input_shape)
    given, real = _types(model)
    suffix = "f" if real == "float" else ""
    macros = [
        f"#define {name.upper()} {name}{suffix}"
        for name in ("exp", "expm1", "log1p", "fabs", "tanh", "erf", "sqrt")
    ]
    calls = _Calls(model.inputs)
    calls.add(body)
    finish = [*_finish(model, calls.current)]
    kinds = {operation.kind for operation in _all(body)}
    kinds |= {"quantile"} if any(scale.quantiles for scale in model.scales) else set()
    kinds |= {model.finish} & {"softmax", "sigmoid"}
    arrays = [line for operation in _all(body) for line in _arrays(operation, real)]
    lines = [
        f'#include "{stem}.h"',
        "",
        "#include <float.h>",
        "#include <math.h>",
        "#include <stddef.h>",
        "",
        f"typedef {real} real;",
        *macros,
        "",
        *_functions(kinds),
        *arrays,
        *_constants(model),
        f"int minidl_predict(const {given} input[MINIDL_INPUTS], {real} output[MINIDL_OUTPUTS]) {{",
        f"    static real a[{calls.largest}], b[{calls.largest}];",
        *(f"    static real {name}[{size}];" for name, size in calls.kept),
        *(["    (void)b;"] if not calls.used_b else []),
        *_prepare(model),
        *calls.lines,
        *finish,
        "}",
    ]
    return "\n".join(lines) + "\n"


def _all(body: Iterable[Operation]) -> Iterator[Operation]:
    for operation in body:
        yield operation
        yield from _all(operation.inside)


def _functions(kinds: Iterable[str]) -> Iterator[str]:
    text = files.read(Path(__file__).with_name("c_code.c")).decode()
    for piece in re.split(r"\n\n(?=static|/\*)", text)[1:]:
        found = re.search(r"(\w+)\(", piece[piece.index("static") :])
        if found and found[1].rstrip("_") in kinds:
            yield from [*piece.strip().splitlines(), ""]


def _arrays(operation: Operation, real: str) -> Iterator[str]:
    for key, values in operation.arrays.items():
        if values is not None:
            kind = "int" if values.dtype.kind == "i" else real
            yield from _array(f"{operation.name}_{key}", kind, values)


def _array(name: str, kind: str, values: NDArray[Any]) -> Iterator[str]:
    yield f"static const {kind} {name}[{values.size}] = {{"
    line = "   "
    for text in (_number(value, kind) for value in values.reshape(-1).tolist()):
        if len(line) + len(text) > _ROW:
            yield line
            line = "   "
        line += f" {text},"
    yield from (line, "};", "")


def _number(value: float, kind: str) -> str:
    if kind == "int":
        return str(value)
    if kind == "double":
        return repr(float(value))
    text = f"{value:.9g}"
    return f"{text}f" if "." in text or "e" in text else f"{text}.0f"


def _constants(model: Model) -> Iterator[str]:
    if model.scales:
        yield from _array("center", "double", np.array(model.centers))
        yield from _array("width", "double", np.array(model.widths))
    for i, quantiles in model.quantiles.items():
        yield from _array(f"quantiles_{i}", "double", np.array(quantiles))
    if model.target_scale is not None:
        for name in ("mean", "std"):
            values = np.array(getattr(model.target_scale, name))
            yield from _array(f"target_{name}", "double", values)
    if model.class_names:
        names = ", ".join(map(_string, model.class_names))
        yield f"const char *const minidl_class_names[MINIDL_OUTPUTS] = {{{names}}};"
        yield ""


def _prepare(model: Model) -> Iterator[str]:
    if not model.scales:
        yield "    for (int i = 0; i < MINIDL_INPUTS; i++) a[i] = input[i];"
        return
    yield "    for (int i = 0; i < MINIDL_INPUTS; i++) {"
    yield "        double x = input[i];"
    if model.logs:
        tests = " || ".join(f"i == {i}" for i in model.logs)
        yield f"        if ({tests}) x = x < 0 ? -log1p(-x) : log1p(x);"
    for i, quantiles in model.quantiles.items():
        yield f"        if (i == {i}) x = quantile(x, {len(quantiles)}, quantiles_{i});"
    yield "        a[i] = (real)((x - center[i]) / width[i]);"
    yield "    }"


class _Calls:
    """The calls in order, from array to array and back."""

    def __init__(self, inputs: int) -> None:
        self.lines: list[str] = []
        self.kept: list[tuple[str, int]] = []  # what residuals add
        self.current, self.largest, self.used_b = "a", inputs, False

    def add(self, body: Iterable[Operation]) -> None:
        for operation in body:
            size = math.prod(operation.output_shape)
            self.largest = max(self.largest, size)
            if operation.kind == "residual":
                self._residual(operation, size)
            elif operation.in_place:
                self._line(f"{_c_name(operation)}({self.current}, {_in_place(operation)});")
            else:
                other = "b" if self.current == "a" else "a"
                self.used_b = True
                self._line(f"{operation.kind}({self.current}, {other}, {_moved(operation)});")
                self.current = other

    def _residual(self, operation: Operation, size: int) -> None:
        kept = f"{operation.name}_x"
        self.kept.append((kept, size))
        loop = f"for (int i = 0; i < {size}; i++)"
        self._line(f"{loop} {kept}[i] = {self.current}[i];")
        self.add(operation.inside)
        self._line(f"{loop} {self.current}[i] += {kept}[i];")

    def _line(self, text: str) -> None:
        self.lines.append(f"    {text}")


def _c_name(operation: Operation) -> str:
    return "tanh_" if operation.kind == "tanh" else operation.kind  # math.h has the other


def _in_place(operation: Operation) -> str:
    """The arguments behind the array."""
    shape, own = operation.input_shape, _own(operation)
    size = math.prod(shape)
    if operation.kind == "softmax":
        return f"{size // shape[-1]}, {shape[-1]}"
    if operation.kind == "batch_norm":
        return f"{shape[0]}, {size // shape[0]}, {own}"
    if operation.kind in ("layer_norm", "rms_norm"):
        group = operation.numbers["size"]
        return f"{size // group}, {group}, {_eps(operation)}, {own}"
    if operation.kind == "group_norm":
        groups = operation.numbers["groups"]
        channels, pixels = shape[0] // groups, size // shape[0]
        return f"{groups}, {channels}, {pixels}, {_eps(operation)}, {own}"
    numbers = "".join(f", (real){value!r}" for value in operation.numbers.values())
    return f"{size}{numbers}"


def _eps(operation: Operation) -> str:
    eps = operation.numbers["eps"]
    if eps is None:
        return "sizeof(real) == sizeof(float) ? FLT_EPSILON : (real)DBL_EPSILON"
    return f"(real){eps!r}"


def _moved(operation: Operation) -> str:
    """The arguments behind both arrays."""
    shape, out, own = operation.input_shape, operation.output_shape, _own(operation)
    numbers = [repr(value) for value in operation.numbers.values()]
    if operation.kind == "linear":
        return f"{math.prod(shape)}, {out[0]}, {own}"
    if operation.kind == "pixel_mean":
        return f"{shape[0]}, {math.prod(shape[1:])}"
    sizes = [*shape, *out[1:]]
    if operation.kind.startswith("conv"):
        weight = operation.arrays["weight"]
        assert weight is not None
        sizes = [*shape, *out, *weight.shape[2:]]
    return ", ".join([*map(str, sizes), *([own] if own else []), *numbers])


def _own(operation: Operation) -> str:
    return ", ".join(
        "NULL" if values is None else f"{operation.name}_{key}"
        for key, values in operation.arrays.items()
    )


def _finish(model: Model, y: str) -> Iterator[str]:
    results, outputs = model.results, math.prod(model.output_shape)
    if model.class_names and outputs == 1:
        yield f"    int best = {y}[0] >= (real){model.threshold!r};"
    elif model.class_names:
        yield "    int best = 0;"
        yield f"    for (int i = 1; i < {outputs}; i++) best = {y}[i] > {y}[best] ? i : best;"
    if model.finish == "softmax":
        yield f"    softmax({y}, 1, {outputs});"
    elif model.finish == "sigmoid":
        yield f"    sigmoid({y}, 1);"
    if model.finish in ("sigmoid", "pair"):
        yield f"    output[0] = 1 - {y}[0];"
        yield f"    output[1] = {y}[0];"
    elif model.finish == "scale":
        raw = f"(real)({y}[i] * target_std[i] + target_mean[i])"
        yield f"    for (int i = 0; i < {results}; i++) output[i] = {raw};"
    else:
        yield f"    for (int i = 0; i < {results}; i++) output[i] = {y}[i];"
    yield f"    return {'best' if model.class_names else '0'};"
