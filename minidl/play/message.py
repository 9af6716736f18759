"""An answer to the page: a header and arrays in one binary frame.

Four bytes say how long the header is (little-endian), JSON follows, filled up with spaces to a
multiple of four, then the numbers of all arrays, float32, one after the other. The header's
`arrays` has name and shape of each.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def encode(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]] | None = None) -> bytes:
    """The bytes of an answer."""
    arrays = arrays or {}
    shapes = [[name, list(array.shape)] for name, array in arrays.items()]
    text = json.dumps(_plain({**header, "arrays": shapes}), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    numbers = [np.ascontiguousarray(array, dtype="<f4").tobytes() for array in arrays.values()]
    return b"".join([len(text).to_bytes(4, "little"), text, *numbers])


def decode(content: bytes) -> tuple[dict[str, Any], dict[str, NDArray[np.float32]]]:
    """Header and arrays of an answer, as the page reads it."""
    size = int.from_bytes(content[:4], "little")
    header, at = json.loads(content[4 : 4 + size]), 4 + size
    arrays = {}
    for name, shape in header["arrays"]:
        count = math.prod(shape)
        arrays[name] = np.frombuffer(content, "<f4", count, at).reshape(shape)
        at += 4 * count
    return header, arrays


def _plain(value: Any) -> Any:
    """JSON knows no NaN."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
