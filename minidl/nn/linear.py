"""The fully connected layer."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from minidl.nn.init import Initializer, Inits
from minidl.nn.memory import FEATURE_MAJOR, memory_order
from minidl.nn.module import Module
from minidl.nn.parameter import Parameter
from minidl.nn.products import add_column_sums, add_product, affine, prefers_feature_major, product

# An input with fewer features is copied where that makes it feature-major.
NARROW = 16


class Linear(Module):
    """Fully connected layer.

    y = x Wᵀ + b        dW = dyᵀ x,   db = Σₙ dy,   dx = dy W
    Shapes: x (..., N, in_features), y (..., N, out_features), W (..., out_features, in_features),
    b (..., out_features); `...` is empty, or T for a stack.

    `init` (an Initializer, or one per network of a stack) is used instead of the network's. New
    layers are drawn uniformly from ±1/√in_features, as PyTorch's.
    """

    prefix = "fc"
    reads_output = False

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        init: Inits | None = None,
    ) -> None:
        if in_features < 1 or out_features < 1:
            raise ValueError(f"Linear needs sizes of at least 1, got {in_features}, {out_features}")
        super().__init__()
        self.in_features, self.out_features, self.init = in_features, out_features, init
        self.weight = Parameter(torch.empty(out_features, in_features))
        self.bias = Parameter(torch.empty(out_features)) if bias else None
        self.initialize()

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] != self.in_features:
            raise ValueError(f"{self} can't take an input of shape {tuple(x.shape)}")
        feature_major = prefers_feature_major(x)
        self.x = x = self._arranged(x) if feature_major else x
        shape = (*x.shape[:-1], self.out_features)
        y = self.buffer("y", shape, x, order=FEATURE_MAJOR if feature_major else None)
        if self.bias is None:
            return product(x, self.weight.data.mT, out=y)
        return affine(x, self.weight.data, self.bias.data, out=y)

    def backward(self, grad_output: Tensor) -> Tensor:
        add_product(self.weight.grad, grad_output.mT, self.x)
        if self.bias is not None:
            ones = self.buffer("ones", grad_output.shape[-2:-1], grad_output, fill=1.0)
            sums = self.buffer("sums", self.bias.grad.shape, grad_output)
            add_column_sums(self.bias.grad, grad_output, ones, sums)
        if not self.input_gradient:
            return grad_output.new_empty(0)
        grad_input = self.scratch("grad_input", self.x)
        return product(grad_output, self.weight.data, out=grad_input)

    def _arranged(self, x: Tensor) -> Tensor:
        """A narrow input feature-major: that saves more than the copy takes (see nn.products)."""
        if self.in_features >= NARROW or memory_order(x) == FEATURE_MAJOR:
            return x
        return self.buffer("x", x.shape, x, order=FEATURE_MAJOR).copy_(x)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if input_shape != (self.in_features,):
            raise ValueError(f"{self} can't take samples of shape {input_shape}")
        return (self.out_features,)

    def draw_parameters(
        self, init: Initializer, gain: float | None, generator: Generator, network: int
    ) -> None:
        fans = self.in_features, self.out_features
        weight = init.weight(self.weight.shape, fans, gain, generator)
        self.weight.network(network).copy_(weight)
        if self.bias is not None:
            self.bias.network(network).copy_(init.bias(self.bias.shape, fans[0], generator))

    def __repr__(self) -> str:
        bias = "" if self.bias is not None else ", bias=False"
        return f"Linear({self.in_features}, {self.out_features}{bias})"
