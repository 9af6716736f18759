"""What a run's results depend on beside its config."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from typing import Any

import torch

PACKAGES = ("minidl", "torch", "numpy")
_MACHINE = ("device", "device_name", "threads")


def provenance(device: torch.device, engine: str) -> dict[str, Any]:
    """Versions, device, engine, threads, and the git commit of the working folder, if any."""
    return {**_here(device), "engine": engine, "threads": torch.get_num_threads()}


@cache
def _here(device: torch.device) -> dict[str, Any]:
    return {
        "versions": {
            "python": platform.python_version(),
            **{package: metadata.version(package) for package in PACKAGES},
        },
        "device": str(device),
        "device_name": _name(device),
        "git_commit": _git_commit(),
    }


def _name(device: torch.device) -> str:
    """Which GPU, or which instructions torch uses on this processor: they decide the last bits."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What of two provenances makes results differ in their last bits: "torch 2.12.0, now 2.13.0".

    What a record doesn't say counts as equal.
    """
    old, new = _decisive(before), _decisive(now)
    return [
        f"{key.replace('_', ' ')} {old[key]}, now {new[key]}"
        for key in (*PACKAGES, *_MACHINE, "engine")
        if old.get(key) is not None and old[key] != new[key]
    ]


def _decisive(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Of the engine its kind alone, compiled or plain: lanes and compilers give the same bits."""
    engine = provenance.get("engine")
    return {
        **(provenance.get("versions") or {}),
        **{key: provenance.get(key) for key in _MACHINE},
        "engine": engine.replace(",", " ").split()[0] if engine else None,
    }


def _git_commit() -> str | None:
    command = ["git", "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=2, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
