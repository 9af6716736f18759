"""What a trained network says, as predictions.npz keeps it for the plots."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from minidl.data import Dataset, true_classes
from minidl.nn import Module
from minidl.spec import Spec
from minidl.train.evaluation import LEAST_MSE, predict

GRID = 100  # points along each side of the plane
LINE = 400  # points along a single input
IMAGES = 8  # of the test part, with their outputs
MARGIN = 0.05  # beyond the data, as a share of its extent

Array = NDArray[Any]


def predictions(spec: Spec, data: Dataset, network: Module) -> dict[str, Array]:
    """Targets and outputs of each part; for one or two inputs also the outputs over a grid.

    Keys and shapes, P being train, val or test: P_target (N,) classes or (N, K) values, P_output
    (N, K); of a table P_row (N,), the row's number in its file, and where it has several files
    P_file (N,), which of them, counted from 0;
    for F ≤ 2 inputs P_input (N, F) in the data's own units, grid_x (W,), grid_y (H,)
    and grid_output (H, W, K), or (W, K) over grid_x alone; grid_target (H, W), the true classes,
    for tasks where they are known. Of images, see `_images`.
    """
    if data.task == "images":
        return _images(data, network)
    arrays: dict[str, Array] = {}
    for name, split in data.parts.items():
        arrays[f"{name}_target"] = _small(data.raw_targets(split))
        arrays[f"{name}_output"] = _outputs(network, split.inputs, data)
        if split.rows is not None:
            arrays[f"{name}_row"] = split.rows
        if split.files is not None:
            arrays[f"{name}_file"] = split.files
    if len(data.input_shape) != 1 or data.input_shape[0] > 2 or data.preprocessing is None:
        return arrays
    # In float64: times are kept apart.
    raw = {
        f"{name}_input": data.preprocessing.to_raw(split.inputs)
        for name, split in data.parts.items()
    }
    arrays |= raw
    points = np.concatenate([*raw.values()])
    axes = axes_of(points, GRID if points.shape[1] == 2 else LINE)
    arrays |= dict(zip(("grid_x", "grid_y"), axes, strict=False))
    grid = np.stack(np.meshgrid(*axes), axis=-1)  # (H, W, 2), or (W, 1)
    rows = grid.reshape(-1, len(axes))
    outputs = _outputs(network, data.preprocessing.to_inputs(rows), data)
    arrays["grid_output"] = outputs.reshape(*grid.shape[:-1], -1)
    truth = true_classes(spec.data, rows) if len(axes) == 2 else None
    if truth is not None:
        arrays["grid_target"] = _small(truth.reshape(grid.shape[:-1]))
    return arrays


def _outputs(network: Module, inputs: Array, data: Dataset) -> Array:
    like = network.parameters()[0].data
    x = torch.from_numpy(np.ascontiguousarray(inputs)).to(like.device, like.dtype)
    with torch.inference_mode():
        outputs = predict(network, x).cpu().numpy()
    return data.target_scale.to_raw(outputs) if data.target_scale else outputs


def _images(data: Dataset, network: Module) -> dict[str, Array]:
    """PSNR of every test image, and some of them from the worst to the best.

    Keys and shapes: test_psnr (N,) in dB, test_input_psnr (N,) where inputs have the targets'
    shape; test_image_{input,output,target} (K, C, H, W), the target being clean where that is
    known, and test_image_index (K,): which of the N these are.
    """
    test = data.test
    outputs = _outputs(network, test.inputs, data)
    arrays = {"test_psnr": _psnr(outputs, test.truth)}
    if test.inputs.shape == test.truth.shape:
        arrays["test_input_psnr"] = _psnr(test.inputs, test.truth)
    ranks = np.linspace(0, len(test) - 1, min(len(test), IMAGES)).round().astype(np.int64)
    shown = np.argsort(arrays["test_psnr"], kind="stable")[ranks]
    parts = {"input": test.inputs, "output": outputs, "target": test.truth}
    images = {f"test_image_{name}": part[shown].astype(np.float32) for name, part in parts.items()}
    return arrays | images | {"test_image_index": shown}


def _psnr(images: Array, targets: Array) -> Array:
    """(N,) from (N, C, H, W) each, as `Evaluator` has it."""
    pairs = zip(images, targets, strict=True)
    errors = np.array(
        [np.mean((image.astype(np.float64) - target) ** 2) for image, target in pairs]
    )
    return np.asarray(-10 * np.log10(np.maximum(errors, LEAST_MSE)))


def _small(targets: Array) -> Array:
    """Class indices in few bytes; a sweep keeps thousands of them for each member."""
    if targets.dtype.kind != "i":
        return targets
    return targets.astype(np.min_scalar_type(int(targets.max(initial=0))))


def axes_of(points: Array, count: int) -> list[Array]:
    """The places of a grid around points (N, F): `count` of them for each input."""
    low, high = points.min(0), points.max(0)
    extent = np.where(high > low, high - low, 1.0)
    return list(np.linspace(low - MARGIN * extent, high + MARGIN * extent, count).T)
