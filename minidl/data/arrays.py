"""The user's arrays: a .npz or .safetensors file that holds `input` and `target`."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from minidl.data.dataset import Dataset, Floats, Split
from minidl.data.messages import listed
from minidl.data.preprocessing import Preprocessing
from minidl.data.source import MEBIBYTE, Source, read_source
from minidl.data.split import split_rows
from minidl.data.target import Target
from minidl.errors import DataError

if TYPE_CHECKING:
    from minidl.spec.data import ArraysData, Task

# What zipfile and NumPy raise for a damaged file; RuntimeError is an encrypted or unknown method.
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    MemoryError,
    OSError,
    RuntimeError,
    ValueError,
)
MOST_BYTES = 1024 * MEBIBYTE  # of the file, and of the arrays in it


def load_arrays(spec: ArraysData, rng: np.random.Generator) -> Dataset:
    """Reads `spec.path`, and either splits its rows or reads the test part from `spec.test_path`.

    input: numbers (N, …); (N,) is taken as (N, 1).
    target: class labels (N,), numbers or texts; or numbers (N,) or (N, outputs) for a regression.
        `task: auto` decides as for a table: see `Target.learn`.
    Raises DataError for other files, shapes and values.
    """
    source = test_source = read_source(spec.path, MOST_BYTES)
    inputs, targets = _read_pair(source)
    target = _learn_target(targets, spec.task, source.file)
    train = Split(inputs, _encode(target, targets, source.file))

    if spec.test_path is None:
        assert spec.test_fraction is not None  # the schema asks for one of the two
        labels = train.targets if target.task == "classification" else None
        train_rows, test_rows = split_rows(
            len(train), spec.test_fraction, rng, labels=labels, file=source.file
        )
        train, test = train.take(train_rows), train.take(test_rows)
    else:
        test_source = read_source(spec.test_path, MOST_BYTES)
        inputs, targets = _read_pair(test_source)
        test = Split(inputs, _encode(target, targets, test_source.file))
        _require_same_shapes(train, test, test_source.file)

    preprocessing = _preprocessing(train.inputs, spec.standardize, source.file)
    if preprocessing is not None:
        train = Split(preprocessing.to_inputs(train.inputs), train.targets)
        test = Split(preprocessing.to_inputs(test.inputs), test.targets)
    outputs = train.targets.shape[1] if train.targets.ndim == 2 else 1
    return Dataset(
        train,
        test,
        target.task,
        feature_names=preprocessing.feature_names if preprocessing else (),
        class_names=target.class_names,
        target_names=_numbered("target", outputs) if outputs > 1 else ("target",),
        preprocessing=preprocessing,
        source_hashes={source.path: source.sha256, test_source.path: test_source.sha256},
    )


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


def _preprocessing(inputs: Floats, standardize: bool, file: str) -> Preprocessing | None:
    import pandas as pd

    if inputs.ndim == 2:
        table = pd.DataFrame(inputs, columns=list(_numbered("x", inputs.shape[1])))
        rows = np.arange(len(inputs))
        return Preprocessing.fit(
            table, table.columns, training=rows, standardize=standardize, file=file
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
    return Target("regression")


def _encode(target: Target, targets: NDArray[Any], file: str) -> NDArray[Any]:
    if targets.ndim == 1:
        import pandas as pd

        return target.encode(pd.Series(targets, name="target"), file)
    if target.task == "classification":
        raise DataError(
            f"{file}: 'target' has shape {targets.shape}, but (N,) in the training file"
        )
    return targets.astype(np.float64)


# The file ------------------------------------------------------------------------------------


def _read_pair(source: Source) -> tuple[Floats, NDArray[Any]]:
    """`input` as float64 (N, …), and `target` (N,) or (N, outputs), both without NaN."""
    arrays = _read_arrays(source)
    for name in ("input", "target"):
        if name not in arrays:
            have = f"it holds {listed(tuple(arrays))}" if arrays else "it is empty"
            raise DataError(f"{source.file}: there is no array {name!r}; {have}")
    inputs, targets = arrays["input"], arrays["target"]
    _check("input", inputs, "biuf", source.file)
    _check("target", targets, "biufU", source.file)
    if len(inputs) != len(targets):
        raise DataError(
            f"{source.file}: 'input' has {len(inputs)} rows, but 'target' has {len(targets)}"
        )
    if targets.ndim > 2 or (targets.ndim == 2 and targets.dtype.kind == "U"):
        raise DataError(
            f"{source.file}: 'target' has shape {targets.shape}; expected (N,), or (N, outputs) for"
            " the numbers of a regression"
        )
    if targets.dtype.kind == "b":
        targets = targets.astype(np.int64)
    if targets.ndim == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    inputs = inputs[:, None] if inputs.ndim == 1 else inputs
    return inputs.astype(np.float64), targets


def _check(name: str, array: NDArray[Any], kinds: str, file: str) -> None:
    """Refuses what isn't numbers (or texts, where allowed), has no rows, or isn't finite."""
    if array.dtype.kind not in kinds:
        allowed = "numbers or texts" if "U" in kinds else "numbers"
        raise DataError(f"{file}: {name!r} has dtype {array.dtype}; expected {allowed}")
    if array.ndim == 0 or array.size == 0:
        raise DataError(f"{file}: {name!r} has shape {array.shape}: there are no values in it")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        index = ", ".join(str(i) for i in place)
        raise DataError(f"{file}: {name}[{index}] is {array[place]}; only finite numbers will do")


def _read_arrays(source: Source) -> dict[str, NDArray[Any]]:
    """All arrays of the file by name; never unpickles anything."""
    readers = {".npz": _read_npz, ".safetensors": _read_safetensors}
    suffix = Path(source.file).suffix.lower()
    if suffix not in readers:
        raise DataError(f"{source.file}: expected a .npz or a .safetensors file")
    return readers[suffix](source)


def _read_npz(source: Source) -> dict[str, NDArray[Any]]:
    stream = io.BytesIO(source.content)
    try:
        with zipfile.ZipFile(stream) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > MOST_BYTES:
            raise DataError(
                f"{source.file}: unpacks to {unpacked / MEBIBYTE:,.0f} MiB; at most"
                f" {MOST_BYTES / MEBIBYTE:,.0f} are read"
            )
        with np.load(stream, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        for name, array in arrays.items():
            if not isinstance(array, np.ndarray):  # NumPy hands on what it doesn't know
                raise ValueError(f"{name!r} is no array")
        return arrays
    except DAMAGED as error:
        reason = "holds Python objects" if "pickle" in str(error) else f"is damaged ({error})"
        raise DataError(f"{source.file}: can't be read as .npz: it {reason}") from error


def _read_safetensors(source: Source) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return dict(load(source.content))
    except (SafetensorError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{source.file}: can't be read as .safetensors: {error}") from error
