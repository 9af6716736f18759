"""The user's arrays as a data set: rows of numbers or images, with labels, numbers or images."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from minidl.data.arrayfile import MOST_BYTES, read_arrays
from minidl.data.dataset import Dataset, Floats, Images, Split
from minidl.data.plan import Plan
from minidl.data.preprocessing import Preprocessing
from minidl.data.source import Source, read_source
from minidl.data.split import Shuffled, parts_of
from minidl.data.target import Target
from minidl.errors import DataError
from minidl.plural import plural
from minidl.spec.file_data import each

if TYPE_CHECKING:
    from pathlib import Path

    from minidl.spec.data import ArraysData
    from minidl.spec.file_data import Task

# Of images (N, channels, height, width).
_CHANNELS = (1, 3, 4)
MOST_NUMBERS = 2**28  # in an array: 1 GiB as a network gets them, however few bytes they were


def load_arrays(spec: ArraysData, rng: np.random.Generator) -> Dataset:
    """Reads `spec.path`, and splits its rows into the parts that have no file of their own.

    input: numbers (N, …); (N,) is taken as (N, 1).
    target: class labels (N,), numbers or texts; or numbers (N,) or (N, outputs) for a regression;
        or images (N, channels, height, width) or (N, height, width), and then inputs too.
        `task: auto` decides as for a table: see `Target.learn`.
    Images of uint8 are scaled to numbers from 0 to 1; others stay as they are.
    Raises DataError for other files, shapes and values.
    """
    (path,) = each(spec.path)
    source = read_source(path, MOST_BYTES)
    inputs, targets = _read(source)
    target = _learn_target(targets, spec.task, source.file)
    numbers = None if spec.folds is None else np.arange(len(inputs))
    every_row = Split(inputs, _encode(target, targets, source.file), rows=numbers)
    labels = every_row.targets if target.task == "classification" else None
    way = Shuffled(labels, source.file, target.class_names)
    fractions = {"val": spec.validation_fraction, "test": spec.test_fraction}
    rows = parts_of(len(inputs), way, rng, **fractions, fold=spec.chosen_fold)
    parts = {"train": every_row} if len(rows) == 1 else {}
    parts = parts or {part: every_row.take(own) for part, own in rows.items()}
    sources = [source]
    for part, given in (("val", spec.validation_path), ("test", spec.test_path)):
        for path in each(given):  # one, if any
            sources.append(own := read_source(path, MOST_BYTES))
            inputs, targets = _read(own)
            parts[part] = Split(inputs, _encode(target, targets, own.file))
            _require_same_shapes(every_row, parts[part], own.file)

    train = parts["train"]
    preprocessing = _preprocessing(train.inputs, spec.standardize, source.file)
    if preprocessing is not None and spec.standardize:
        parts = {
            name: replace(part, inputs=preprocessing.to_inputs(part.inputs))
            for name, part in parts.items()
        }
    several = target.task == "regression" and train.targets.shape[1] > 1
    return Dataset(
        parts["train"],
        parts["test"],
        target.task,
        feature_names=preprocessing.feature_names if preprocessing else (),
        class_names=target.class_names,
        target_names=_numbered("target", train.targets.shape[1]) if several else ("target",),
        preprocessing=preprocessing,
        source_hashes={one.path: one.sha256 for one in sources},
        validation=parts.get("val"),
    )


def read_inputs(path: Path) -> Floats | Images:
    """The inputs of a file alone, as `load_arrays` has them but for standardization."""
    source = read_source(path, MOST_BYTES)
    (inputs,) = read_arrays(source, "input")
    _check("input", inputs, "biuf", source.file)
    return _input_rows(inputs, source.file)


def _require_same_shapes(train: Split, test: Split, file: str) -> None:
    for name, of_train, of_test in (
        ("input", train.inputs, test.inputs),
        ("target", train.targets, test.targets),
    ):
        if of_train.shape[1:] != of_test.shape[1:]:
            raise DataError(
                f"{file}: rows of {name!r} have shape {of_test.shape[1:]}, but"
                f" {of_train.shape[1:]} in the training file"
            )


def _preprocessing(inputs: NDArray[Any], standardize: bool, file: str) -> Preprocessing | None:
    import pandas as pd

    if inputs.ndim == 2:
        names = _numbered("x", inputs.shape[1])
        plan = Plan("number", scale="standard" if standardize else "none")
        return Preprocessing.fit(
            pd.DataFrame(inputs, columns=list(names)),
            dict.fromkeys(names, plan),
            training=np.arange(len(inputs)),
            file=file,
        )
    if standardize:
        raise DataError(
            f"{file}: `standardize` works column by column, but the rows of 'input' have shape"
            f" {inputs.shape[1:]}; scale them in the file"
        )
    return None


def _numbered(name: str, count: int) -> tuple[str, ...]:
    return tuple(f"{name}{i + 1}" for i in range(count))


# Targets -------------------------------------------------------------------------------------


def _learn_target(targets: NDArray[Any], task: Task, file: str) -> Target:
    if targets.ndim == 1:
        import pandas as pd

        return Target.learn(pd.Series(targets, name="target"), task, file)
    if task == "classification":
        raise DataError(
            f"{file}: 'target' has shape {targets.shape}; a classification needs one label per row,"
            " (N,): for one-hot rows, store their argmax"
        )
    if targets.ndim == 2:
        return Target("regression")
    if task == "regression":
        raise DataError(f"{file}: 'target' holds images, {targets.shape}: leave `task` at auto")
    return Target("images")


def _encode(target: Target, targets: NDArray[Any], file: str) -> NDArray[Any]:
    if targets.ndim == 1:
        import pandas as pd

        return target.encode(pd.Series(targets, name="target"), file)
    if target.task == "classification":
        raise DataError(
            f"{file}: 'target' has shape {targets.shape}, but (N,) in the training file"
        )
    return targets


# The file ------------------------------------------------------------------------------------


def _read(source: Source) -> tuple[Floats | Images, NDArray[Any]]:
    """Inputs (N, ...) and targets: (N,), float64 (N, outputs), or images as `_images` has them."""
    inputs, targets = read_arrays(source, "input", "target")
    file = source.file
    _check("input", inputs, "biuf", file)
    _check("target", targets, "biufU", file)
    if len(inputs) != len(targets):
        raise DataError(
            f"{file}: 'input' has {plural(len(inputs), 'row')}, but 'target' has {len(targets)}"
        )
    if targets.ndim > 4 or (targets.ndim > 1 and targets.dtype.kind == "U"):
        raise DataError(
            f"{file}: 'target' has shape {targets.shape}; expected (N,), or (N, outputs) for the"
            " numbers of a regression, or images (N, channels, height, width)"
        )
    if targets.ndim > 2:
        if inputs.ndim not in (3, 4):
            raise DataError(
                f"{file}: 'target' has shape {targets.shape}: images, but 'input' has shape"
                f" {inputs.shape}; expected images (N, channels, height, width) there, too"
            )
        both = (("input", inputs), ("target", targets))
        inputs, targets = (_images(name, array, file, one_channel=True) for name, array in both)
        return inputs, targets
    if targets.dtype.kind == "b":
        targets = targets.astype(np.int64)
    if targets.ndim == 2:
        targets = targets[:, 0] if targets.shape[1] == 1 else targets.astype(np.float64)
    return _input_rows(inputs, file), targets


def _input_rows(inputs: NDArray[Any], file: str) -> Floats | Images:
    """Inputs (N, …) for a target that isn't an image."""
    inputs = inputs[:, None] if inputs.ndim == 1 else inputs
    return _images("input", inputs, file, one_channel=False)


def _images(name: str, array: NDArray[Any], file: str, *, one_channel: bool) -> Floats | Images:
    """Numbers as float64; those of uint8, which need no more, as float32, and images from 0 to 1.

    one_channel: they are images, whatever their type, and (N, H, W) is (N, 1, H, W).
    """
    pixels = array.ndim > 2 and array.dtype == np.uint8
    are_images = pixels or one_channel
    last = array.ndim == 4 and array.shape[3] in _CHANNELS and array.shape[1] not in _CHANNELS
    if are_images and last:
        raise DataError(
            f"{file}: {name!r} has shape {array.shape}, with its channels last; expected (N,"
            " channels, height, width): transpose(0, 3, 1, 2)"
        )
    numbers: Floats | Images
    numbers = array.astype(np.float32) if array.dtype == np.uint8 else array.astype(np.float64)
    if pixels:
        np.divide(numbers, np.float32(255), out=numbers)
    return numbers[:, None] if one_channel and array.ndim == 3 else numbers


def _check(name: str, array: NDArray[Any], kinds: str, file: str) -> None:
    """Refuses what isn't numbers (or texts, where allowed), has no rows, or isn't finite."""
    if array.dtype.kind not in kinds:
        allowed = "numbers or texts" if "U" in kinds else "numbers"
        raise DataError(f"{file}: {name!r} has dtype {array.dtype}; expected {allowed}")
    if array.ndim == 0 or array.size == 0:
        raise DataError(f"{file}: {name!r} has shape {array.shape}: there are no values in it")
    if array.size > MOST_NUMBERS:
        raise DataError(
            f"{file}: {name!r} holds {array.size:,} numbers; at most {MOST_NUMBERS:,} are read"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        index = ", ".join(str(i) for i in place)
        raise DataError(f"{file}: {name}[{index}] is {array[place]}; only finite numbers will do")
