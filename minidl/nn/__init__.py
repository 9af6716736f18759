"""The core: layers and losses with forward and backward written by hand.

Only tensor arithmetic and rearrangement is used: no autograd, no torch.nn.
"""

from .activations import GELU, Activation, LeakyReLU, ReLU, Sigmoid, SiLU, Softmax, Tanh
from .dropout import Dropout
from .init import (
    Constant,
    HeNormal,
    HeUniform,
    Initializer,
    Normal,
    Uniform,
    XavierNormal,
    XavierUniform,
    Zeros,
)
from .linear import Linear
from .losses import BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, Loss, MSELoss
from .module import Module
from .parameter import Flat, Parameter
from .sequential import Sequential
from .shape import Flatten

__all__ = [
    "GELU",
    "Activation",
    "BCELoss",
    "BCEWithLogitsLoss",
    "Constant",
    "CrossEntropyLoss",
    "Dropout",
    "Flat",
    "Flatten",
    "HeNormal",
    "HeUniform",
    "Initializer",
    "LeakyReLU",
    "Linear",
    "Loss",
    "MSELoss",
    "Module",
    "Normal",
    "Parameter",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "Uniform",
    "XavierNormal",
    "XavierUniform",
    "Zeros",
]
