"""What the processor can: how wide its vectors are, and which instructions it has."""

from __future__ import annotations

import contextlib
import os
import platform
from functools import cache
from pathlib import Path

import torch

from minidl.errors import CompilerError


def lanes_for(dtype: torch.dtype) -> int:
    """How many numbers the processor's vectors hold; $MINIDL_LANES says otherwise."""
    given = os.environ.get("MINIDL_LANES", "")
    if given:
        if given not in ("1", "2", "4", "8", "16"):
            raise CompilerError(f"MINIDL_LANES must be 1, 2, 4, 8 or 16, but got {given!r}")
        return int(given)
    return vector_bytes() // dtype.itemsize


def vector_bytes() -> int:
    """The size of the processor's vectors."""
    flags = processor().split()
    return 64 if "avx512f" in flags else 32 if "avx2" in flags else 16


def vector_registers() -> int:
    """How many vectors it holds at once: 16 on x86-64 before AVX-512, else 32."""
    few = vector_bytes() < 64 and platform.machine() in ("x86_64", "AMD64")
    return 16 if few else 32


@cache
def processor() -> str:
    """What decides which instructions -march=native stands for."""
    kept: dict[str, str] = {}
    with contextlib.suppress(OSError), Path("/proc/cpuinfo").open() as file:
        for line in file:
            name, _, value = line.partition(":")
            if not line.strip() and kept:
                break  # the others are alike
            if name.strip() in ("model name", "flags", "Features", "CPU part", "CPU implementer"):
                kept[name.strip()] = value.strip()
    if kept:
        return " ".join((platform.machine(), *kept.values()))
    capability = torch.backends.cpu.get_cpu_capability().lower()
    avx512 = " avx512f" if capability.startswith("avx512") else ""
    return f"{platform.machine()} {platform.processor()} {capability}{avx512}"
