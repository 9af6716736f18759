"""What a run's results depend on beside its config."""

from __future__ import annotations

import platform
import subprocess
from importlib import metadata
from typing import Any

import torch

PACKAGES = ("minidl", "torch", "numpy")


def provenance(device: torch.device) -> dict[str, Any]:
    """Versions, device, number of threads, and the git commit of the working folder, if any."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return {
        "versions": {
            "python": platform.python_version(),
            **{package: metadata.version(package) for package in PACKAGES},
        },
        "device": str(device),
        "device_name": name,
        "threads": torch.get_num_threads(),
        "git_commit": _git_commit(),
    }


def _git_commit() -> str | None:
    command = ["git", "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=2, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
