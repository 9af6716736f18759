"""Images: the base class of layers that take (N, C, H, W)."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from minidl.nn.module import Module
from minidl.nn.windows import Margins, times


class ImageModule(Module):
    """A layer on images, (..., N, C, H, W) as in PyTorch; `...` is empty, or T for a stack.

    That is the order of the dimensions; in memory the channels come last, so that what such a layer
    returns is a permuted view. It takes tensors in any order of memory.
    """

    def pixels(self, name: str, x: Tensor) -> Tensor:
        """`x` as a contiguous (..., N, H, W, C): a view, or a copy if its memory is otherwise."""
        last = channels_last(x)
        if last.is_contiguous():
            return last
        return self.buffer(name, last.shape, x).copy_(last)

    def padded(self, name: str, x: Tensor, margins: Margins, fill: float = 0.0) -> Tensor:
        """`x` as a contiguous (..., N, H, W, C) with `fill` around every image."""
        if not any(map(any, margins)):
            return self.pixels(name, x)
        last = channels_last(x)
        height, width = (n + sum(m) for n, m in zip(last.shape[-3:-1], margins, strict=True))
        shape = (*last.shape[:-3], height, width, last.shape[-1])
        padded = self.buffer(name, shape, x, fill=fill)
        without(padded, margins).copy_(last)
        return padded

    def matrix(self, images: Tensor, feature_dims: int = 1) -> Tensor:
        """(..., N, a, b, *features) → (..., N·a·b, features): one row per place."""
        lead = images.shape[: 0 if self.networks is None else 1]
        numbers = images.shape[images.dim() - feature_dims :].numel()
        rows = images.shape[len(lead) : images.dim() - feature_dims].numel()
        return images.view(*lead, rows, numbers)

    def samples(self, images: Tensor, part: slice) -> Tensor:
        """Some of the N samples, a view."""
        return images[part] if self.networks is None else images[:, part]

    def count(self, images: Tensor) -> int:
        """N."""
        return images.shape[0 if self.networks is None else 1]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(input_shape) != 3:
            raise ValueError(
                f"{self} takes images (channels, height, width), but gets {times(input_shape)}"
            )
        try:
            return self.image_shape(*input_shape)
        except ValueError as error:
            raise ValueError(f"{self} can't take {times(input_shape)}: {error}") from None

    def image_shape(self, channels: int, height: int, width: int) -> tuple[int, ...]:
        """Shape of one sample's output. Raises ValueError saying why it can't be."""
        raise NotImplementedError

    def output_size(self, x: Tensor) -> tuple[int, ...]:
        """Shape of one sample's output, for a batch. Raises ValueError for a wrong shape."""
        if x.dim() != (4 if self.networks is None else 5):
            raise ValueError(f"{self} can't take an input of shape {tuple(x.shape)}")
        return self.output_shape(tuple(x.shape[-3:]))


def channels_last(x: Tensor) -> Tensor:
    """(..., C, H, W) → (..., H, W, C), a view."""
    return x.movedim(-3, -1)


def channels_first(x: Tensor) -> Tensor:
    """(..., H, W, C) → (..., C, H, W), a view."""
    return x.movedim(-1, -3)


def without(padded: Tensor, margins: Margins) -> Tensor:
    """(..., H, W, C) less its margins, a view."""
    (top, bottom), (left, right) = margins
    height, width = padded.shape[-3:-1]
    return padded[..., top : height - bottom, left : width - right, :]


def parts(samples: int, numbers: int, limit: int) -> Iterator[slice]:
    """Divide a batch evenly into parts of at most `limit` numbers (or one sample)."""
    pieces = min(samples, -(-samples * numbers // limit)) or 1
    size = -(-samples // pieces)
    for start in range(0, samples, size):
        yield slice(start, min(start + size, samples))
