"""The base class of modules whose repr is read off their constructor."""

from __future__ import annotations

import inspect
from typing import Any

from minidl.nn.module import Module

LAST = ("output_padding", "mode", "bias")  # where a repr shows them


class Described(Module):
    """A module whose repr shows those of its constructor's arguments that aren't the defaults."""

    def __repr__(self) -> str:
        given = {**vars(self), "bias": getattr(self, "bias", None) is not None}
        parameters = inspect.signature(type(self)).parameters
        texts = []
        for name in sorted([*parameters], key=LAST.__contains__):
            if name != "init" and (value := short(given[name])) != short(parameters[name].default):
                bare = name in (next(iter(parameters)), "out_channels")
                texts.append(value if bare else f"{name}={value}")
        return f"{type(self).__name__}({', '.join(texts)})"


def short(value: Any) -> str:
    """A value for a message; of a pair of equal numbers one."""
    equal = isinstance(value, tuple) and value[0] == value[1]
    return repr(value[0] if equal else value)
