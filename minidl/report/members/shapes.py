"""Whether the arrays of predictions.npz are what minidl writes: other people's folders are read."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from minidl.scores import PARTS

# The sizes that arrays have in common: rows, inputs, outputs, the grid's columns and rows.
_SIZES: dict[str, tuple[str, ...]] = {
    **{f"{part}_input": (part, "f") for part in PARTS},
    **{f"{part}_output": (part, "k") for part in PARTS},
    **{f"{part}_row": (part,) for part in PARTS},
    "grid_x": ("w",),
    "grid_y": ("h",),
    "grid_output": ("h", "w", "k"),
    "grid_target": ("h", "w"),
}


def check_shapes(arrays: Mapping[str, np.ndarray], classes: bool) -> None:
    """Raises ValueError where the arrays of predictions.npz don't fit each other.

    `classes` says that targets are class indices, not values.
    """
    sizes: dict[str, int] = {}
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):  # NumPy hands on what it doesn't know
            raise ValueError(f"{name} isn't an array")
    for name, letters in _SIZES.items():
        if name not in arrays:
            continue
        array = arrays[name]
        letters = letters[1:] if name == "grid_output" and "grid_y" not in arrays else letters
        fits = array.dtype.kind in "biuf" and array.ndim == len(letters) and array.size
        if not fits or any(
            sizes.setdefault(*s) != s[1] for s in zip(letters, array.shape, strict=True)
        ):
            raise ValueError(f"{name} ({array.dtype} {array.shape}) doesn't fit the others")
        if not name.endswith("output") and not np.isfinite(array).all():
            raise ValueError(f"{name} holds NaN or infinity")
    there = [part for part in PARTS if part != "val" or "val_output" in arrays]
    if len({f"{part}_input" in arrays for part in there}) > 1:
        raise ValueError("it has the inputs of some parts alone")
    for part in PARTS:
        rows, outputs = sizes.get(part), sizes.get("k", 1)
        _check_target(f"{part}_target", arrays, rows, outputs, classes)
    axes = {1: {"grid_x"}, 2: {"grid_x", "grid_y"}}.get(sizes.get("f", 0), set())
    if "grid_output" in arrays and (missing := axes - arrays.keys()):
        raise ValueError(f"{', '.join(missing)} is missing")


def _check_target(
    name: str, arrays: Mapping[str, np.ndarray], rows: int | None, outputs: int, classes: bool
) -> None:
    target = arrays.get(name)
    if target is None or rows is None:
        if target is not None or rows is not None:
            raise ValueError(f"it lacks {name}, or the outputs that belong to it")
        return
    shape = (rows,) if classes else (rows, outputs)
    if target.shape != shape or target.dtype.kind not in ("iu" if classes else "iuf"):
        raise ValueError(f"{name} ({target.dtype} {target.shape}) doesn't fit the others")
    if classes and not 0 <= target.min() <= target.max() < max(outputs, 2):
        raise ValueError(f"{name} holds what isn't a class")
