"""Files that mean harm, and what is expected of a command that meets one."""

from __future__ import annotations

import io
import json
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from trainings import minidl

MEBIBYTE = 2**20


def npy(shape: tuple[int, ...], descr: object = "<f8", content: bytes = b"") -> bytes:
    """An array's file whose header says whatever it likes."""
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


def saved(**arrays: object) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)  # type: ignore[arg-type]
    return stream.getvalue()


def safetensors(header: object, content: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + content


def tensor(begin: int, end: int, shape: list[int], dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def lying(content: bytes, size: int) -> bytes:
    """A zip file whose directory declares another size for its first member."""
    changed, place = bytearray(content), content.rindex(b"PK\x01\x02")
    changed[place + 24 : place + 28] = struct.pack("<I", size)
    return bytes(changed)


class Bomb:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return Path.touch, (Path("pickle-was-run"),)  # type: ignore[return-value]


def torch_file(stored: object) -> bytes:
    stream = io.BytesIO()
    torch.save(stored, stream)
    return stream.getvalue()


def png(width: int, height: int, pixels: bytes = b"", depth: int = 8, *before: bytes) -> bytes:
    """A grey PNG that declares a size; `before` are chunks ahead of its pixels."""
    size = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0))
    rest = (*before, chunk(b"IDAT", zlib.compress(pixels, 9)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + size + b"".join(rest)


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def picture(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, (8, 8)).save(stream, kind, **options)
    return stream.getvalue()


def sparse(size: int) -> torch.Tensor:
    indices = torch.arange(size).expand(2, -1)
    return torch.sparse_coo_tensor(indices, torch.ones(size), check_invariants=True)


PICKLE = np.array([Bomb()] * 4, dtype=object)


def refused(command: tuple[object, ...], file: str, message: str) -> None:
    """The command ends with exit code 2 and lines that name the file, in 64 MiB."""
    tracemalloc.start()
    try:
        finished = minidl(*command)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert finished.code == 2, finished.err
    first, *others = finished.err.splitlines()
    assert f"{file}:" in first
    assert any(part in line for part in message.split("|") for line in (first, *others)), first
    assert all(len(line) < 1000 and line.startswith("minidl: ") for line in (first, *others))
    assert not finished.out
    assert peak < 64 * MEBIBYTE
    assert not Path("pickle-was-run").exists()
