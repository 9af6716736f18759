"""Every layer, exported: each format computes what the layer itself does."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from layer_cases import LAYERS, LayerCase
from numpy.typing import NDArray

from minidl import nn
from minidl.engine.compiler import find_compiler
from minidl.export import Model
from minidl.export.c import c_sources
from minidl.export.onnx import onnx_file
from minidl.export.python import python_source
from minidl.export.torch import torch_files

Array = NDArray[Any]
# Of the largest number: sums in float32, in another order.
TOLERANCE = 1e-6
FLAGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC")


def model_of(network: nn.Sequential, sample: tuple[int, ...]) -> Model:
    return Model(
        name="case",
        network=network,
        input_shape=sample,
        output_shape=network.output_shape(sample),
        dtype="float32",
        scales=(),
        feature_names=(),
        class_names=(),
        target_names=(),
        finish="none",
        threshold=0.5,
        target_scale=None,
    )


def case_of(case: LayerCase) -> tuple[Model, Array, Array]:
    """The layer in evaluation mode, its statistics drawn; inputs, and what it makes of them."""
    torch.manual_seed(1)
    network = nn.Sequential(case.make())
    for values in network.named_statistics().values():
        if values.is_floating_point():
            values.copy_(torch.rand_like(values) + 0.5)
    for parameter in network.parameters():
        parameter.data = torch.randn_like(parameter.data)
    x = torch.randn(3, *case.sample)
    return model_of(network.eval(), case.sample), x.numpy(), network.forward(x).numpy()


def run_python(text: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "exported", "__file__": "exported.py"}
    exec(compile(text, "exported.py", "exec"), names)
    return names


def run_c(model: Model, folder: Path) -> Callable[[Array], Array]:
    """Compile it, and return what predicts one sample after the other."""
    source, header = c_sources(model, "net")
    (folder / "net.c").write_text(source)
    (folder / "net.h").write_text(header)
    library = folder / "net.so"
    compiler = find_compiler()
    assert compiler is not None
    command = [*compiler.command, *FLAGS, "net.c", "-lm", "-o", str(library)]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    function = ctypes.CDLL(str(library)).minidl_predict
    given = np.float64 if model.scales or model.dtype == "float64" else np.float32

    def predict(rows: Array) -> Array:
        results = np.zeros((len(rows), model.results), dtype=model.dtype)
        for row, result in zip(rows, results, strict=True):
            sample = np.ascontiguousarray(row, dtype=given)
            function(sample.ctypes.data_as(ctypes.c_void_p), result.ctypes.data_as(ctypes.c_void_p))
        return results

    return predict


def assert_equal(found: Array, expected: Array) -> None:
    expected = expected.reshape(found.shape)
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * abs(expected).max())


@pytest.mark.parametrize("case", LAYERS, ids=repr)
def test_numpy_code_computes_what_the_layer_does(case: LayerCase) -> None:
    model, x, expected = case_of(case)
    assert_equal(run_python(python_source(model))["predict"](x), expected)


@pytest.mark.parametrize("case", LAYERS, ids=repr)
def test_pytorch_code_computes_what_the_layer_does(case: LayerCase, tmp_path: Path) -> None:
    model, x, expected = case_of(case)
    weights, source = torch_files(model, "net")
    (tmp_path / "net.pt").write_bytes(weights)
    names = run_python(source)
    network = names["load"](tmp_path / "net.pt")
    assert_equal(names["predict"](network, x).numpy(), expected)


@pytest.mark.slow
@pytest.mark.parametrize("case", LAYERS, ids=repr)
def test_c_code_computes_what_the_layer_does(case: LayerCase, tmp_path: Path) -> None:
    model, x, expected = case_of(case)
    assert_equal(run_c(model, tmp_path)(x), expected)


@pytest.mark.parametrize("case", LAYERS, ids=repr)
def test_onnx_computes_what_the_layer_does(case: LayerCase) -> None:
    runtime = pytest.importorskip("onnxruntime", reason='needs "minidl[onnx]"')
    model, x, expected = case_of(case)
    session = runtime.InferenceSession(onnx_file(model), providers=["CPUExecutionProvider"])
    (found,) = session.run(["output"], {"input": x})
    assert_equal(found, expected)
