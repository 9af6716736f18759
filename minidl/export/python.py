"""One file of plain NumPy."""

from __future__ import annotations

import base64
import inspect
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minidl.export import numpy_code
from minidl.export.model import Model
from minidl.export.operations import Operation, operations

_SIZED = ("conv2d", "conv_transpose2d", "max_pool2d", "avg_pool2d")  # are given the output's size


def python_source(model: Model) -> str:
    """The file's text: `predict(rows)` gives what `minidl predict` does."""
    body = operations(model.network, model.input_shape)
    arrays = [text for operation in _all(body) for text in _arrays(operation)]
    prepared = [*_prepare(model)]
    finished = [*_finish(model)]
    kinds = {operation.kind for operation in _all(body)} - {"residual"}
    kinds |= {"quantile"} if any(scale.quantiles for scale in model.scales) else set()
    kinds |= {model.finish} & {"softmax", "sigmoid"}
    lines = [
        f'"""{model.name!a}, exported by minidl: predict(rows) needs NumPy alone."""',
        "import base64",
        "import math",
        "from typing import Any as Array",
        "",
        "import numpy as np",
        "",
        f"INPUT_SHAPE = {model.input_shape!a}",
        f"FEATURE_NAMES = {model.feature_names!a}",
        f"CLASS_NAMES = {model.class_names!a}",
        f"TARGET_NAMES = {model.target_names!a}",
        "",
        "",
        "def _array(text: str, dtype: str, *shape: int) -> Array:",
        '    return np.frombuffer(base64.b85decode(text), dtype="<" + dtype).reshape(shape)',
        "",
        "",
        *arrays,
        "",
        "",
        *_functions(kinds),
        "def network(x: Array) -> Array:",
        '    """The outputs (N, ...) for inputs as they come out of `prepare`."""',
        *_calls(body, "x"),
        "    return x",
        "",
        "",
        "def prepare(rows: Array) -> Array:",
        '    """Rows (N, features) in the units of the data, as the network takes them."""',
        f"    x = np.array(rows, dtype=np.float64).reshape(len(rows), {model.inputs})",
        *prepared,
        f"    return x.reshape(len(x), *INPUT_SHAPE).astype(np.{model.dtype})",
        "",
        "",
        "def predict(rows: Array) -> Array:",
        f'    """{_result(model)}"""',
        "    y = network(prepare(rows)).astype(np.float64)",
        *finished,
        "    return y",
    ]
    if model.class_names:
        lines += ["", "", *_classify(model)]
    return "\n".join(lines) + "\n"


def _result(model: Model) -> str:
    if model.class_names:
        kind = "score" if model.finish in ("pair", "none") else "probability"
        return f"The {kind} of each class (N, {model.results}), in the order of CLASS_NAMES."
    return f"The values (N, {', '.join(map(str, model.output_shape))}) in the target's own units."


def _all(body: Iterable[Operation]) -> Iterator[Operation]:
    for operation in body:
        yield operation
        yield from _all(operation.inside)


def _arrays(operation: Operation) -> Iterator[str]:
    for key, values in operation.arrays.items():
        if values is not None:
            yield f"{operation.name}_{key} = {_array(values)}"


def _array(values: NDArray[Any]) -> str:
    kind = values.dtype.newbyteorder("<")
    text = base64.b85encode(np.ascontiguousarray(values, dtype=kind).tobytes()).decode()
    shape = "".join(f", {n}" for n in values.shape)
    return f"_array({text!r}, {kind.str[1:]!r}{shape})"


def _functions(kinds: Iterable[str]) -> Iterator[str]:
    """The source of these functions and of those that they call, in numpy_code's order."""
    known = {name: x for name, x in vars(numpy_code).items() if inspect.isfunction(x)}
    needed, waiting = set[str](), [*kinds]
    while waiting:
        if (name := waiting.pop()) not in needed:
            needed.add(name)
            waiting += [*{*known[name].__code__.co_names} & known.keys()]
    for name, function in known.items():
        if name in needed:
            source = inspect.getsource(function).replace("  # fmt: skip", "")
            yield from [*source.splitlines(), "", ""]


def _calls(body: Iterable[Operation], x: str) -> Iterator[str]:
    for operation in body:
        if operation.kind == "residual":
            kept = f"{operation.name}_x"
            yield f"    {kept} = {x}"
            yield from _calls(operation.inside, x)
            yield f"    {x} = {kept} + {x}.reshape({kept}.shape)"
            continue
        size = [repr(operation.output_shape[1:])] if operation.kind in _SIZED else []
        named = [
            f"{key}={'None' if values is None else f'{operation.name}_{key}'}"
            for key, values in operation.arrays.items()
        ]
        named += [f"{key}={value!r}" for key, value in operation.numbers.items()]
        shape = ", ".join(map(str, operation.input_shape))
        given = f"{x}.reshape(-1, {shape})"
        yield f"    {x} = {operation.kind}({', '.join([given, *size, *named])})"


def _prepare(model: Model) -> Iterator[str]:
    if logs := model.logs:
        yield f"    x[:, {logs}] = np.sign(x[:, {logs}]) * np.log1p(np.abs(x[:, {logs}]))"
    for i, quantiles in model.quantiles.items():
        yield f"    x[:, {i}] = quantile(x[:, {i}], np.array({[*quantiles]!r}))"
    if model.is_shifted:
        yield f"    x = x - np.array({model.centers!r})"
        yield f"    x = x / np.array({model.widths!r})"


def _finish(model: Model) -> Iterator[str]:
    if model.finish == "softmax":
        yield "    y = softmax(y)"
    elif model.finish == "sigmoid":
        yield "    y = sigmoid(y)"
    elif model.finish == "scale":
        assert model.target_scale is not None
        std, mean = (list(values) for values in (model.target_scale.std, model.target_scale.mean))
        yield f"    y = y * np.array({std!r}) + np.array({mean!r})"
    if model.finish in ("sigmoid", "pair"):
        yield "    y = np.concatenate([1 - y, y], axis=1)"


def _classify(model: Model) -> Iterator[str]:
    yield "def classify(rows: Array) -> list:"
    yield '    """The class of each row, one of CLASS_NAMES."""'
    yield "    y = network(prepare(rows))"
    if len(model.output_shape) == 1 and model.output_shape[0] == 1:
        yield f"    return [CLASS_NAMES[i] for i in (y[:, 0] >= {model.threshold}).astype(int)]"
    else:
        yield "    return [CLASS_NAMES[i] for i in y.argmax(1)]"
