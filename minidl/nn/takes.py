"""What a layer or a loss takes, and how it refuses the rest: by shapes and dtypes alone."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from minidl.host import visited
from minidl.nn.parameter import Parameter

INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


class Checked:
    """Gives the inputs of every `forward` to `check` first, and says that it runs."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if forward := vars(cls).get("forward"):

            @functools.wraps(forward)
            def checked(self: Any, *inputs: Tensor) -> Tensor:
                visited(self)
                self.check(*inputs)
                result: Tensor = forward(self, *inputs)
                return result

            cls.forward = checked  # type: ignore[attr-defined]


def require_shape(owner: object, takes: str, shape: Sequence[int | str]) -> None:
    """Raise ValueError for a shape of another form than `takes`, which is "(N, 3)", or several.

    A letter in it stands for any size but 0, and "..." for any number of dimensions.
    """
    if not any(_fits(shape, form) for form in _forms(takes)):
        got = str(tuple(shape)).replace("'", "")
        raise ValueError(f"{owner} takes {takes}, but gets {got}")


def require_real(owner: object, x: Tensor, parameters: Sequence[Parameter]) -> None:
    """Raise ValueError unless `x` has real numbers, of the parameters' dtype if there are some."""
    wanted = parameters[0].data.dtype if parameters else None
    if not x.is_floating_point() or wanted not in (None, x.dtype):
        raise ValueError(f"{owner} takes {wanted or 'real numbers'}, but gets {x.dtype}")


def require_target(owner: object, output: Tensor, target: Tensor, classes: bool) -> None:
    """Raise ValueError unless `target` is like `output`; or class indices (N,) where those do."""
    indices = classes and target.shape == output.shape[:1] and target.dtype in INTEGERS
    like = target.shape == output.shape and target.dtype == output.dtype
    if not output.is_floating_point() or not (indices or like):
        text = "a target of the output's shape and dtype"
        text = f"class indices (N,) or {text}" if classes else text
        given = [f"{tuple(x.shape)} of {x.dtype}" for x in (output, target)]
        raise ValueError(f"{owner} takes {text}, but gets {given[1]} for an output {given[0]}")


def _fits(shape: Sequence[int | str], form: list[str]) -> bool:
    if "..." in form:
        at = form.index("...")
        form = form[:at] + ["any"] * (len(shape) - len(form) + 1) + form[at + 1 :]
    return len(shape) == len(form) and all(
        given == int(size) if size.isdigit() else given != 0
        for given, size in zip(shape, form, strict=True)
    )


@functools.cache
def _forms(takes: str) -> list[list[str]]:
    return [form.strip(",").split(", ") for form in re.findall(r"\((.*?)\)", takes)]
