"""The loss of a regression whose samples count unequally."""

from torch import Tensor

from minidl.nn import MSELoss
from minidl.nn.takes import require_shape


class WeightedMSELoss(MSELoss):
    """L = Σ w (y − t)² / n        dL/dy = 2 w (y − t) / n

    Shapes: y (N, K); targets (N, 2, K) hold t and w.
    """

    takes = "(N, K)"

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        self.difference, self.weight = output - target[:, 0], target[:, 1]
        return (self.weight * self.difference * self.difference).sum() * self.scale(output)

    def backward(self) -> Tensor:
        return self.weight * self.difference * (2 * self.scale(self.difference))

    def check(self, output: Tensor, target: Tensor) -> None:
        require_shape(self, self.takes, output.shape)
        if target.shape != (len(output), 2, *output.shape[1:]):
            raise ValueError(f"{self!r} takes targets (N, 2, K), but gets {tuple(target.shape)}")
