"""The core: layers and losses with forward and backward written by hand.

Only tensor arithmetic and rearrangement is used: no autograd, no torch.nn.
"""

from minidl.nn.activations import GELU, Activation, LeakyReLU, ReLU, Sigmoid, SiLU, Softmax, Tanh
from minidl.nn.dropout import Dropout
from minidl.nn.init import (
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
from minidl.nn.linear import Linear
from minidl.nn.losses import BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, Loss, MSELoss
from minidl.nn.module import Module
from minidl.nn.parameter import Flat, Parameter
from minidl.nn.sequential import Sequential
from minidl.nn.shape import Flatten

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
