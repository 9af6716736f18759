"""ONNX: one model with the preprocessing before the network and the classes' names behind it."""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minidl.errors import RunError
from minidl.export.model import Model
from minidl.export.operations import Operation, operations

OPSET, IR_VERSION = 17, 8  # of 2022: what runtimes in use know


def onnx_file(model: Model) -> bytes:
    """The model: input "input" (N, features), output "output" (N, results) and, with classes,
    "class" (N,), a text. It computes in float32. Raises RunError where onnx isn't installed.
    """
    try:
        onnx = importlib.import_module("onnx")
    except ImportError as error:
        raise RunError('ONNX needs the package onnx: pip install "minidl[onnx]"') from error
    graph = _Graph(onnx)
    kinds = onnx.TensorProto
    rows = bool(model.scales)
    shape = [model.inputs] if rows else [*model.input_shape]
    given = onnx.helper.make_tensor_value_info(
        "input", kinds.DOUBLE if rows else kinds.FLOAT, ["N", *shape]
    )
    x = _prepare(graph, model) if rows else "input"
    y = _network(graph, operations(model.network, model.input_shape), x, model.input_shape)
    y = graph.shaped(y, model.output_shape)
    results = [_finish(graph, model, y)]
    if model.class_names:
        results.append(_classify(graph, model, y))
    made = onnx.helper.make_model(
        onnx.helper.make_graph(graph.nodes, "minidl", [given], results, graph.constants),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="minidl",
    )
    names = {
        "name": model.name,
        "feature_names": json.dumps(model.feature_names),
        "class_names": json.dumps(model.class_names),
        "target_names": json.dumps(model.target_names),
    }
    onnx.helper.set_model_props(made, names)
    onnx.checker.check_model(made, full_check=True)
    content: bytes = made.SerializeToString()
    return content


class _Graph:
    """Nodes and constants as they are added; values are known by their names."""

    def __init__(self, onnx: Any) -> None:
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, kind: str, *inputs: str | NDArray[Any], output: str = "", **options: Any) -> str:
        """A node; arrays among its inputs become constants. Returns its output's name."""
        output = output or f"{kind.lower()}_{len(self.nodes)}"
        names = [x if isinstance(x, str) else self.constant(x) for x in inputs]
        self.nodes.append(self.onnx.helper.make_node(kind, names, [output], **options))
        return output

    def constant(self, values: NDArray[Any]) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(self.onnx.numpy_helper.from_array(values, name))
        return name

    def cast(self, x: str, kind: str) -> str:
        return self.add("Cast", x, to=getattr(self.onnx.TensorProto, kind))

    def shaped(self, x: str, shape: Sequence[int]) -> str:
        return self.add("Reshape", x, np.array([-1, *shape], dtype=np.int64))


def _real(values: Any) -> NDArray[np.float32]:
    return np.asarray(values, dtype=np.float32)


def _prepare(graph: _Graph, model: Model) -> str:
    """What becomes of rows in the units of the data, as the network takes them."""
    x = "input"
    if model.logs:
        logs = np.array([[scale.log for scale in model.scales]])
        more = graph.add("Log", graph.add("Add", graph.add("Abs", x), np.array(1.0)))
        x = graph.add("Where", logs, graph.add("Mul", graph.add("Sign", x), more), x)
    if model.quantiles:
        x = _ranks(graph, model, x)
    x = graph.add("Sub", x, np.array([model.centers]))
    x = graph.add("Div", x, np.array([model.widths]))
    return graph.shaped(graph.cast(x, "FLOAT"), model.input_shape)


def _ranks(graph: _Graph, model: Model, x: str) -> str:
    """The columns that become their rank between quantiles: a ramp from each to the next."""
    columns = []
    for i, scale in enumerate(model.scales):
        column = graph.add("Gather", x, np.array([i]), axis=1)
        if scale.quantiles:
            known = np.array(scale.quantiles)
            low, high = known[None, :-1], known[None, 1:]
            width = np.where(high > low, high - low, 1.0)
            ramp = graph.add("Div", graph.add("Sub", column, low), width)
            ramp = graph.add("Clip", ramp, np.array(0.0), np.array(1.0))
            above = graph.cast(graph.add("Greater", column, low), "DOUBLE")
            reached = graph.cast(graph.add("GreaterOrEqual", column, low), "DOUBLE")
            jump = graph.add("Mul", graph.add("Add", above, reached), np.array(0.5))
            share = graph.add("Where", high > low, ramp, jump)
            share = graph.add("ReduceMean", share, axes=[1], keepdims=1)
            twice = graph.add("Mul", share, np.array(2 * math.sqrt(3)))
            column = graph.add("Sub", twice, np.array(math.sqrt(3)))
        columns.append(column)
    return graph.add("Concat", *columns, axis=1)


def _network(graph: _Graph, body: Iterable[Operation], x: str, shape: tuple[int, ...]) -> str:
    for operation in body:
        if operation.input_shape != shape:
            x = graph.shaped(x, operation.input_shape)
        if operation.kind == "residual":
            inner = _network(graph, operation.inside, x, operation.input_shape)
            x = graph.add("Add", x, graph.shaped(inner, operation.output_shape))
        else:
            x = _operation(graph, operation, x)
        shape = operation.output_shape
    return x


_PLAIN = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh"}


def _operation(graph: _Graph, operation: Operation, x: str) -> str:
    kind, numbers = operation.kind, operation.numbers
    arrays: dict[str, Any] = {
        key: values if values is None or values.dtype.kind == "i" else _real(values)
        for key, values in operation.arrays.items()
    }
    bias = [arrays["bias"]] if arrays.get("bias") is not None else []
    if kind in _PLAIN:
        return graph.add(_PLAIN[kind], x)
    if kind == "leaky_relu":
        return graph.add("LeakyRelu", x, alpha=float(numbers["slope"]))
    if kind == "elu":
        return graph.add("Elu", x, alpha=float(numbers["alpha"]))
    if kind == "softplus":
        beta = _real(numbers["beta"])
        return graph.add("Div", graph.add("Softplus", graph.add("Mul", x, beta)), beta)
    if kind == "mish":
        return graph.add("Mul", x, graph.add("Tanh", graph.add("Softplus", x)))
    if kind == "softmax":
        return graph.add("Softmax", x, axis=-1)
    if kind == "silu":
        return graph.add("Mul", x, graph.add("Sigmoid", x))
    if kind == "gelu":
        erf = graph.add("Erf", graph.add("Mul", x, _real(math.sqrt(0.5))))
        return graph.add("Mul", x, graph.add("Mul", graph.add("Add", erf, _real(1)), _real(0.5)))
    if kind == "gelu_tanh":
        cube = graph.add("Mul", graph.add("Mul", x, x), graph.add("Mul", x, _real(0.044715)))
        u = graph.add("Mul", graph.add("Add", x, cube), _real(math.sqrt(2 / math.pi)))
        cdf = graph.add("Mul", graph.add("Add", graph.add("Tanh", u), _real(1)), _real(0.5))
        return graph.add("Mul", x, cdf)
    if kind == "linear":
        return graph.add("Gemm", x, arrays["weight"], *bias, transB=1)
    if kind == "conv2d":
        options = {**_windows(operation), "group": numbers["groups"]}
        return graph.add("Conv", x, arrays["weight"], *bias, **options)
    if kind == "conv_transpose2d":
        options = {**_enlarging(operation), "group": numbers["groups"]}
        return graph.add("ConvTranspose", x, arrays["weight"], *bias, **options)
    if kind == "max_pool2d":
        return graph.add("MaxPool", x, **_windows(operation))
    if kind == "avg_pool2d":
        options = {k: v for k, v in _windows(operation).items() if k != "dilations"}
        return graph.add("AveragePool", x, count_include_pad=1, **options)
    if kind == "pixel_mean":
        return graph.add("ReduceMean", x, axes=[2, 3], keepdims=0)
    if kind == "nearest":
        x = graph.add("Gather", x, arrays["rows"].astype(np.int64), axis=2)
        return graph.add("Gather", x, arrays["columns"].astype(np.int64), axis=3)
    if kind == "bilinear":
        x = _between(graph, x, arrays["rows"], arrays["rows_share"][:, None], 2)
        return _between(graph, x, arrays["columns"], arrays["columns_share"], 3)
    return _normalisation(graph, operation, x, arrays)


def _between(graph: _Graph, x: str, places: NDArray[Any], share: NDArray[Any], axis: int) -> str:
    """Between two neighbours along an axis."""
    first, second = (
        graph.add("Gather", x, places[:, i].astype(np.int64), axis=axis) for i in (0, 1)
    )
    return graph.add("Add", graph.add("Mul", first, 1 - share), graph.add("Mul", second, share))


def _normalisation(graph: _Graph, operation: Operation, x: str, arrays: dict[str, Any]) -> str:
    kind, shape = operation.kind, (-1,) + (1,) * (len(operation.input_shape) - 1)
    own: dict[str, Any] = {
        key: None if values is None else values.reshape(shape) for key, values in arrays.items()
    }
    if kind == "batch_norm":
        x = graph.add("Mul", graph.add("Sub", x, own["mean"]), own["factor"])
        return _affine(graph, x, own)
    eps = operation.numbers["eps"]
    eps = float(np.finfo(np.float32).eps if eps is None else eps)
    if kind == "group_norm":
        # Its groups as rows: the weights are the channels', and come behind it.
        size = math.prod(operation.input_shape) // operation.numbers["groups"]
        x = graph.shaped(x, [size])
        x = graph.add("LayerNormalization", x, _real(np.ones(size)), axis=-1, epsilon=eps)
        return _affine(graph, graph.shaped(x, operation.output_shape), own)
    size = operation.numbers["size"]
    x = graph.shaped(x, [size])
    if kind == "layer_norm":
        weight = arrays["weight"] if arrays["weight"] is not None else _real(np.ones(size))
        bias = [arrays["bias"]] if arrays["bias"] is not None else []
        x = graph.add("LayerNormalization", x, weight, *bias, axis=-1, epsilon=eps)
    else:
        square = graph.add("ReduceMean", graph.add("Mul", x, x), axes=[1], keepdims=1)
        root = graph.add("Sqrt", graph.add("Add", square, _real(eps)))
        x = _affine(graph, graph.add("Div", x, root), arrays)
    return graph.shaped(x, operation.output_shape)


def _affine(graph: _Graph, x: str, own: Mapping[str, NDArray[Any] | None]) -> str:
    for key, kind in (("weight", "Mul"), ("bias", "Add")):
        if (values := own.get(key)) is not None:
            x = graph.add(kind, x, values)
    return x


def _sizes(operation: Operation) -> tuple[list[int], list[int], list[int], list[int]]:
    """Kernel, strides, dilations, and padding before."""
    numbers = {key: int(value) for key, value in operation.numbers.items()}
    weight = operation.arrays.get("weight")
    kernel = [numbers["k0"], numbers["k1"]] if weight is None else list(weight.shape[2:])
    strides, dilations = [numbers["s0"], numbers["s1"]], [numbers["d0"], numbers["d1"]]
    return kernel, strides, dilations, [numbers["top"], numbers["left"]]


def _windows(operation: Operation) -> dict[str, Any]:
    attributes, behind = _padded(operation, operation.output_shape, operation.input_shape)
    attributes["pads"] += [max(0, n) for n in behind]
    return attributes


def _enlarging(operation: Operation) -> dict[str, Any]:
    attributes, behind = _padded(operation, operation.input_shape, operation.output_shape)
    attributes["pads"] += [max(0, n) for n in behind]
    return {**attributes, "output_padding": [max(0, -n) for n in behind]}


def _padded(
    operation: Operation, positions: Sequence[int], image: Sequence[int]
) -> tuple[dict[str, Any], list[int]]:
    """A window's attributes, `pads` before the image alone; and by how much it reaches behind it.

    positions: the shape (channels, height, width) whose places the window stands at.
    """
    kernel, strides, dilations, before = _sizes(operation)
    behind = [
        (n - 1) * s + (k - 1) * d + 1 - p - size
        for n, s, k, d, p, size in zip(
            positions[1:], strides, kernel, dilations, before, image[1:], strict=True
        )
    ]
    attributes = {"kernel_shape": kernel, "strides": strides, "dilations": dilations}
    return {**attributes, "pads": before}, behind


def _finish(graph: _Graph, model: Model, y: str) -> Any:
    kinds = graph.onnx.TensorProto
    if model.finish == "softmax":
        y = graph.add("Softmax", y, axis=1)
    elif model.finish == "sigmoid":
        y = graph.add("Sigmoid", y)
    elif model.finish == "scale":
        assert model.target_scale is not None
        y = graph.add("Mul", graph.cast(y, "DOUBLE"), np.array(model.target_scale.std))
        y = graph.add("Add", y, np.array(model.target_scale.mean))
    if model.finish in ("sigmoid", "pair"):
        y = graph.add("Concat", graph.add("Sub", _real(1), y), y, axis=1)
    graph.add("Identity", y, output="output")
    shape = [model.results] if model.class_names else [*model.output_shape]
    kind = kinds.DOUBLE if model.finish == "scale" else kinds.FLOAT
    return graph.onnx.helper.make_tensor_value_info("output", kind, ["N", *shape])


def _classify(graph: _Graph, model: Model, y: str) -> Any:
    if model.output_shape == (1,):
        reached = graph.add("GreaterOrEqual", graph.shaped(y, []), _real(model.threshold))
        best = graph.cast(reached, "INT64")
    else:
        best = graph.add("ArgMax", y, axis=1, keepdims=0)
    names = graph.constant(np.array(model.class_names, dtype=object))
    graph.add("Gather", names, best, output="class", axis=0)
    kind = graph.onnx.TensorProto.STRING
    return graph.onnx.helper.make_tensor_value_info("class", kind, ["N"])
