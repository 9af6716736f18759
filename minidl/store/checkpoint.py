"""A checkpoint as bytes: one safetensors file whose metadata carries the state and a checksum.

No pickle. The SHA-256 covers every byte of the file but its own 64 digits (zeros while it is
computed), so that a truncation or a flipped bit anywhere is found before anything is used.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

MOST_BYTES = 2**33  # the most parameters, in float64, with their moments and a best copy
_NO_DIGEST = b"0" * 64
# Inside the state, which is a JSON string, the quotes are escaped: this matches the key alone.
_DIGEST = re.compile(rb'"sha256":"([0-9a-f]{64})"')


def encode(tensors: Mapping[str, torch.Tensor], state: Mapping[str, Any]) -> bytes:
    """The file's bytes. `state` is what JSON can hold; NaN and infinities are kept."""
    from safetensors.torch import save

    # Copies: safetensors refuses tensors that share memory, and views of a flat vector do.
    arrays = {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}
    arrays = {name: array.contiguous() for name, array in arrays.items()}
    metadata = {"state": json.dumps(state), "sha256": _NO_DIGEST.decode()}
    content = _in_order(save(arrays, metadata=metadata))
    digest = hashlib.sha256(content).hexdigest().encode()
    start = _digest_start(content)
    return content[:start] + digest + content[start + len(digest) :]


def decode(content: bytes) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The tensors (on the CPU) and the state. Raises ValueError where a single bit is off."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    start = _digest_start(content)
    digest, end = content[start : start + 64], start + 64
    actual = hashlib.sha256(content[:start] + _NO_DIGEST + content[end:]).hexdigest()
    if actual.encode() != digest:
        raise ValueError("the checksum doesn't fit: the file is damaged")
    try:
        state = json.loads(_header(content)["__metadata__"]["state"])
        tensors = load(content)
    except (KeyError, TypeError, RecursionError, SafetensorError) as error:
        raise ValueError(f"no checkpoint of minidl: {error}") from error
    if not isinstance(state, dict):
        raise ValueError("no checkpoint of minidl: its state isn't a JSON object")
    return tensors, state


def _in_order(content: bytes) -> bytes:
    """The same file with its header in one order: safetensors' own changes from time to time.

    So equal states are equal bytes.
    """
    header = _header(content)
    metadata = dict(sorted(header.pop("__metadata__").items()))
    tensors = sorted(header.items(), key=lambda item: (item[1]["data_offsets"], item[0]))
    text = json.dumps({"__metadata__": metadata, **dict(tensors)}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    data = content[8 + int.from_bytes(content[:8], "little") :]
    return len(text).to_bytes(8, "little") + text + data


def _header(content: bytes) -> dict[str, Any]:
    """A safetensors file opens with the header's length (8 bytes, little endian) and its JSON."""
    header: dict[str, Any] = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return header


def _digest_start(content: bytes) -> int:
    header_end = 8 + int.from_bytes(content[:8], "little")
    found = _DIGEST.search(content, 8, min(header_end, len(content)))
    if found is None:
        raise ValueError("no checksum in it: the file is damaged or no checkpoint of minidl")
    return found.start(1)
