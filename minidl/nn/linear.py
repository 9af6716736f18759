"""The fully connected layer."""

import torch
from torch import Generator, Tensor

from minidl.nn.init import Initializer
from minidl.nn.module import Module
from minidl.nn.parameter import Parameter


class Linear(Module):
    """Fully connected layer.

    y = x Wᵀ + b        dW = dyᵀ x,   db = Σₙ dy,   dx = dy W
    Shapes: x (N, in_features), y (N, out_features), W (out_features, in_features), b (out_features)
    Drawn by `init` where it is given; as a new layer uniformly from ±1/√in_features, as PyTorch's.
    """

    prefix = "fc"

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *,
        init: Initializer | None = None,
    ) -> None:  # fmt: skip
        if in_features < 1 or out_features < 1:
            raise ValueError(f"Linear needs sizes of at least 1, got {in_features}, {out_features}")
        super().__init__()
        self.in_features, self.out_features, self.init = in_features, out_features, init
        self.takes = f"(N, {in_features})"
        self.weight = Parameter(torch.empty(out_features, in_features))
        self.bias = Parameter(torch.empty(out_features)) if bias else None
        self.initialize()

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        y = x @ self.weight.data.T
        return y if self.bias is None else y + self.bias.data

    def backward(self, grad_output: Tensor) -> Tensor:
        self.weight.grad += grad_output.T @ self.x
        if self.bias is not None:
            self.bias.grad += grad_output.sum(0)
        return grad_output @ self.weight.data

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        super().output_shape(input_shape)
        return (self.out_features,)

    def draw_parameters(self, init: Initializer, gain: float | None, generator: Generator) -> None:
        fans = self.in_features, self.out_features
        self.weight.data = init.weight(self.weight.shape, fans, gain, generator)
        if self.bias is not None:
            self.bias.data = init.bias(self.bias.shape, self.in_features, generator)

    def __repr__(self) -> str:
        bias = "" if self.bias is not None else ", bias=False"
        return f"Linear({self.in_features}, {self.out_features}{bias})"
