"""Targets as the loss needs them, and outputs back to classes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Form = Literal["column", "one_hot", "index", "values", "images"]


@dataclass(frozen=True)
class Encoding:
    """How targets are written down for a loss.

    column: 0.0 or 1.0, shape (N, 1); one_hot: (N, classes); index: integers (N,); values: a
    regression's numbers (N, outputs); images: (N, *image_shape), of `outputs` numbers each.
    `threshold` is where a column's output turns to class 1.
    """

    form: Form
    outputs: int
    threshold: float = 0.5
    image_shape: tuple[int, ...] = ()

    @classmethod
    def of_images(cls, shape: tuple[int, ...]) -> Encoding:
        """That of images (channels, height, width)."""
        return cls("images", math.prod(shape), image_shape=shape)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """What the network gives for a sample."""
        return self.image_shape or (self.outputs,)

    @property
    def classes_there_are(self) -> int:
        """How many classes outputs stand for; 0 where they don't."""
        if self.form == "column":
            return 2
        return self.outputs if self.form in ("one_hot", "index") else 0

    def encode(self, targets: NDArray[Any], dtype: torch.dtype) -> Tensor:
        """Class indices (N,), values (N, outputs) or images, in the form of this encoding."""
        if self.form == "images":
            return torch.from_numpy(targets).to(dtype)
        if self.form == "index":
            return torch.from_numpy(targets.astype(np.int64))
        if self.form == "one_hot":
            targets = np.eye(self.outputs)[targets]
        elif self.form == "column":
            targets = targets[:, None]
        return torch.from_numpy(targets.astype(np.float64)).to(dtype)

    def classes(self, output: Tensor) -> Tensor:
        """The class that each output (n, outputs) stands for."""
        if self.form == "column":
            return (output[:, 0] >= self.threshold).to(torch.int64)
        return output.argmax(1)

    def decision(self) -> dict[str, Any] | None:
        """How outputs become classes, as run.json records it; None where there are none."""
        if self.form in ("values", "images"):
            return None
        if self.form == "column":
            return {"kind": "threshold", "at": self.threshold}
        return {"kind": "argmax"}
