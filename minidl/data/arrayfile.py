"""The user's array files: `input` and `target` by name, or a pair of tensors saved by torch."""

from __future__ import annotations

import io
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minidl.data.messages import listed
from minidl.data.source import MEBIBYTE, Source
from minidl.errors import DataError

Arrays = dict[str, NDArray[Any]]

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
MOST_PARTS = 10_000_000  # of a list of tensors; a list that holds itself has no end
KNOWN = (
    "known are .npz and .safetensors with the arrays 'input' and 'target', and what torch.save"
    " writes of a tuple of two tensors (input, target) as .pt, .pth or .pkl"
)


def read_arrays(source: Source, *names: str) -> list[NDArray[Any]]:
    """Arrays of a file by their names, as they are in it; nothing is ever unpickled.

    Raises DataError for a file of another kind, a damaged one, and one that lacks one of them.
    """
    suffix = Path(source.file).suffix.lower()
    if suffix not in _READERS:
        raise DataError(f"{source.file}: is of no known format: {KNOWN}")
    arrays = _READERS[suffix](source)
    for name in names:
        if name not in arrays:
            have = f"it holds {listed(tuple(arrays))}" if arrays else "it is empty"
            raise DataError(f"{source.file}: there is no array {name!r}; {have}")
    return [arrays[name] for name in names]


def _read_npz(source: Source) -> Arrays:
    stream = io.BytesIO(source.content)
    try:
        _check_unpacked_size(stream, source.file)
        with np.load(stream, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        for name, array in arrays.items():
            if not isinstance(array, np.ndarray):  # NumPy hands on what it doesn't know
                raise ValueError(f"{name!r} isn't an array")
        return arrays
    except DAMAGED as error:
        reason = f"is damaged ({error})"
        if "pickle" in str(error):
            reason = "holds Python objects (images of unequal size? All must have one shape)"
        raise DataError(f"{source.file}: can't be read as .npz: it {reason}") from error


def _check_unpacked_size(stream: io.BytesIO, file: str) -> None:
    with zipfile.ZipFile(stream) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    stream.seek(0)
    if unpacked > MOST_BYTES:
        raise _too_large(unpacked, file)


def _too_large(size: int, file: str) -> DataError:
    return DataError(
        f"{file}: unpacks to {size / MEBIBYTE:,.0f} MiB; at most"
        f" {MOST_BYTES / MEBIBYTE:,.0f} are read"
    )


def _read_safetensors(source: Source) -> Arrays:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return dict(load(source.content))
    except (SafetensorError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{source.file}: can't be read as .safetensors: {error}") from error


def _read_torch(source: Source) -> Arrays:
    """A tuple (or list) of two tensors, or of two lists of tensors of one shape."""
    import torch

    stream = io.BytesIO(source.content)
    try:
        if zipfile.is_zipfile(stream):
            _check_unpacked_size(stream, source.file)
        stream.seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a format that is out of date
            stored = torch.load(stream, map_location="cpu", weights_only=True)
        _check_shapes(stored, source.file)
    except DataError:
        raise
    except Exception as error:  # a damaged pickle may raise anything
        raise DataError(f"{source.file}: can't be read as a file of torch.save; {KNOWN}") from error
    if not isinstance(stored, (tuple, list)) or len(stored) != 2:
        count = f" of {len(stored)}" if hasattr(stored, "__len__") else ""
        what = f"{type(stored).__name__}{count}"
        raise DataError(f"{source.file}: expected a pair of tensors, but got {what}; {KNOWN}")
    names = ("input", "target")
    return {n: _array(n, part, source.file) for n, part in zip(names, stored, strict=True)}


def _check_shapes(stored: object, file: str) -> None:
    """A tensor may repeat its memory: a few bytes say a shape that fills any."""
    import torch

    size, parts = 0, [stored]
    for part in parts:
        if isinstance(part, (tuple, list)) and len(parts) < MOST_PARTS:
            parts += part
        elif isinstance(part, torch.Tensor):
            size += part.numel() * part.element_size()
    if size > MOST_BYTES:
        raise _too_large(size, file)


def _array(name: str, stored: object, file: str) -> NDArray[Any]:
    import torch

    if isinstance(stored, (tuple, list)) and all(isinstance(x, torch.Tensor) for x in stored):
        shapes = [tuple(x.shape) for x in stored]
        for index, shape in enumerate(shapes):
            if shape != shapes[0]:
                raise DataError(
                    f"{file}: {name}[{index}] has shape {shape}, but {name}[0] {shapes[0]}:"
                    " all images must have one size"
                )
        stored = torch.stack(list(stored)) if shapes else torch.empty(0)
    if not isinstance(stored, torch.Tensor):
        raise DataError(f"{file}: {name!r} is a {type(stored).__name__}, not a tensor; {KNOWN}")
    try:
        array: NDArray[Any] = stored.detach().numpy()
    except (TypeError, RuntimeError) as error:  # bfloat16, sparse
        raise DataError(f"{file}: {name!r} can't be read: {error}") from error
    return array


_READERS = {
    ".npz": _read_npz,
    ".safetensors": _read_safetensors,
    **dict.fromkeys((".pt", ".pth", ".pkl"), _read_torch),
}
ARRAY_FILES = tuple(_READERS)
