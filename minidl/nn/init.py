"""Initialisers: how the weights of a layer are drawn before training.

`fan_in` and `fan_out` are the numbers of inputs and outputs that one weight sees and feeds. The
gain makes up for what the following activation takes from the spread: 1 for none, 5/3 for tanh, √2
for ReLU, GELU and SiLU, √(2 / (1 + slope²)) for LeakyReLU; for sigmoid it is the initialiser's.

Numbers are drawn in float64 on the CPU and then rounded, so that a float32 and a float64 training
start from the same network, on any device.
"""

import math
from typing import ClassVar

import torch
from torch import Generator, Tensor

from minidl.nn.threads import use_threads

Shape = tuple[int, ...]
Fans = tuple[int, int]  # fan_in, fan_out


class Initializer:
    """Draws one layer's weight and bias. A subclass gives `weight`; biases are 0 unless it says."""

    def weight(self, shape: Shape, fans: Fans, gain: float | None, generator: Generator) -> Tensor:
        """Float64 weights; `gain` is that of the activation that follows, None if it has none."""
        raise NotImplementedError

    def bias(self, shape: Shape, fan_in: int, generator: Generator) -> Tensor:
        """Float64 biases."""
        return torch.zeros(shape, dtype=torch.float64)

    def __repr__(self) -> str:
        options = ", ".join(f"{key}={value}" for key, value in vars(self).items())
        return f"{type(self).__name__}({options})"


class Uniform(Initializer):
    """Weights and biases uniform in ±1/√fan_in: what PyTorch's Linear and Conv2d do."""

    def weight(self, shape: Shape, fans: Fans, gain: float | None, generator: Generator) -> Tensor:
        return _uniform(shape, 1 / math.sqrt(fans[0]), generator)

    def bias(self, shape: Shape, fan_in: int, generator: Generator) -> Tensor:
        return _uniform(shape, 1 / math.sqrt(fan_in), generator)


class _Scaled(Initializer):
    """Weights with standard deviation gain · scale; gain None: of the activation that follows."""

    normal: ClassVar[bool]
    usual_gain: ClassVar[float]  # in front of an activation that has no gain of its own

    def __init__(self, gain: float | None = None) -> None:
        if gain is not None and not gain > 0:
            raise ValueError(f"gain must be > 0, but got {gain}")
        self.gain = gain

    def scale(self, fan_in: int, fan_out: int) -> float:
        raise NotImplementedError

    def chosen(self, gain: float | None) -> float:
        """The gain that counts; `gain` is that of the activation."""
        gains = (self.gain, gain, self.usual_gain)
        return next(one for one in gains if one is not None)

    def weight(self, shape: Shape, fans: Fans, gain: float | None, generator: Generator) -> Tensor:
        std = self.chosen(gain) * self.scale(*fans)
        if self.normal:
            return _normal(shape, std, generator)
        return _uniform(shape, math.sqrt(3) * std, generator)


class XavierNormal(_Scaled):
    """Normal with std = gain · √(2 / (fan_in + fan_out)); biases 0  (Glorot & Bengio 2010)."""

    normal, usual_gain = True, 1.0

    def scale(self, fan_in: int, fan_out: int) -> float:
        return math.sqrt(2 / (fan_in + fan_out))


class XavierUniform(XavierNormal):
    """Uniform in ±gain · √(6 / (fan_in + fan_out)); biases 0  (Glorot & Bengio 2010, eq. 16)."""

    normal = False


class HeNormal(_Scaled):
    """Normal with std = gain / √fan_in, usually √(2 / fan_in); biases 0  (He et al. 2015)."""

    normal, usual_gain = True, math.sqrt(2)

    def scale(self, fan_in: int, fan_out: int) -> float:
        return 1 / math.sqrt(fan_in)


class HeUniform(HeNormal):
    """Uniform in ±gain · √(3 / fan_in); biases 0."""

    normal = False


class Orthogonal(_Scaled):
    """Weights gain · Q with orthonormal rows, or columns if they are fewer  (Saxe et al. 2014).

    Q R = A with R's diagonal > 0, A normal (transposed where it is wide): uniform over all such Q
    (Mezzadri 2007). Biases 0. As torch.nn.init.orthogonal_: the first axis counts rows.
    """

    usual_gain = 1.0

    def weight(self, shape: Shape, fans: Fans, gain: float | None, generator: Generator) -> Tensor:
        a = _normal(shape, 1.0, generator).flatten(1)
        wide = a.shape[0] < a.shape[1]
        with use_threads(1):  # the last bits depend on how many there are
            q, r = torch.linalg.qr(a.T if wide else a)
        q *= r.diag().sign() * self.chosen(gain)
        weight: Tensor = (q.T if wide else q).reshape(shape)
        return weight


class Normal(Initializer):
    """Normal with the given mean and standard deviation; biases 0."""

    def __init__(self, mean: float = 0.0, std: float = 0.01) -> None:
        if not std >= 0:
            raise ValueError(f"std must be >= 0, but got {std}")
        self.mean, self.std = mean, std

    def weight(self, shape: Shape, fans: Fans, gain: float | None, generator: Generator) -> Tensor:
        return _normal(shape, self.std, generator) + self.mean


class Constant(Initializer):
    """Every weight is `value`; biases 0."""

    def __init__(self, value: float) -> None:
        self.value = value

    def weight(self, shape: Shape, fans: Fans, gain: float | None, generator: Generator) -> Tensor:
        return torch.full(shape, self.value, dtype=torch.float64)


class Zeros(Constant):
    """Every weight and bias is 0: no hidden unit differs from the next, and none ever will."""

    def __init__(self) -> None:
        super().__init__(0.0)


INITIALIZERS: dict[str, type[Initializer]] = {
    "uniform": Uniform, "normal": Normal, "zeros": Zeros, "constant": Constant,
    "xavier_uniform": XavierUniform, "xavier_normal": XavierNormal, "xavier": XavierNormal,
    "he_uniform": HeUniform, "he_normal": HeNormal, "he": HeNormal, "orthogonal": Orthogonal,
}  # fmt: skip


def initializer(name: str) -> Initializer:
    """The initialiser of that name with its defaults; ValueError for an unknown name."""
    if name not in INITIALIZERS or name == "constant":
        known = ", ".join(sorted({*INITIALIZERS} - {"constant"}))
        raise ValueError(f"unknown initialiser {name!r}; known are {known}")
    return INITIALIZERS[name]()


def seeded(seed: int | None) -> Generator:
    """A CPU generator with this seed; None: with one drawn from torch's global generator."""
    return Generator().manual_seed(draw_seed(torch.default_generator) if seed is None else seed)


def draw_seed(generator: Generator) -> int:
    """A seed drawn from another generator."""
    return int(torch.randint(2**63 - 1, (), generator=generator))


def _uniform(shape: Shape, bound: float, generator: Generator) -> Tensor:
    bound = min(bound, torch.finfo(torch.float64).max / 2)  # 2 · bound has to be a number
    return torch.empty(shape, dtype=torch.float64).uniform_(-bound, bound, generator=generator)


def _normal(shape: Shape, std: float, generator: Generator) -> Tensor:
    return torch.empty(shape, dtype=torch.float64).normal_(0.0, std, generator=generator)
