"""The device that a run uses."""

from __future__ import annotations

import torch

from minidl.build.options import problem
from minidl.spec import Spec


def choose_device(spec: Spec) -> torch.device:
    """The spec's device; `auto` takes a GPU if there is one.

    Raises ConfigError if it is missing.
    """
    name = spec.device
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise problem(spec, "device", "torch finds no CUDA device here: use cpu or auto")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        last = torch.cuda.device_count() - 1
        raise problem(spec, "device", f"there is no {name}: the last one is cuda:{last}")
    return device
