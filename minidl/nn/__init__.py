"""The core: layers and losses with forward and backward written by hand.

Start reading at linear.py and activations.py, then sequential.py. Formulas are for one network, in
tensor arithmetic and rearrangement alone: no autograd, no torch.nn, nothing for speed's sake.
"""

from minidl.nn.activations import (
    ELU,
    GELU,
    Activation,
    LeakyReLU,
    Mish,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from minidl.nn.dropout import Dropout
from minidl.nn.images.conv import Conv2d
from minidl.nn.images.module import Flatten
from minidl.nn.images.pooling import AvgPool2d, GlobalAvgPool2d, MaxPool2d
from minidl.nn.images.transposed import ConvTranspose2d, UpsampleConv2d
from minidl.nn.images.upsample import Upsample
from minidl.nn.init import (
    Constant,
    HeNormal,
    HeUniform,
    Initializer,
    Normal,
    Orthogonal,
    Uniform,
    XavierNormal,
    XavierUniform,
    Zeros,
)
from minidl.nn.linear import Linear
from minidl.nn.losses import BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, Loss, MSELoss
from minidl.nn.module import Module
from minidl.nn.norms import BatchNorm1d, BatchNorm2d, GroupNorm, LayerNorm, RMSNorm
from minidl.nn.parameter import Flat, Parameter
from minidl.nn.residual import Residual
from minidl.nn.robust_losses import HuberLoss, MAELoss, SmoothL1Loss
from minidl.nn.sequential import Sequential
from minidl.nn.weighted_losses import (
    WeightedBCELoss,
    WeightedBCEWithLogitsLoss,
    WeightedCrossEntropyLoss,
)

__all__ = [
    "ELU",
    "GELU",
    "Activation",
    "AvgPool2d",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "Constant",
    "Conv2d",
    "ConvTranspose2d",
    "CrossEntropyLoss",
    "Dropout",
    "Flat",
    "Flatten",
    "GlobalAvgPool2d",
    "GroupNorm",
    "HeNormal",
    "HeUniform",
    "HuberLoss",
    "Initializer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "Loss",
    "MAELoss",
    "MSELoss",
    "MaxPool2d",
    "Mish",
    "Module",
    "Normal",
    "Orthogonal",
    "Parameter",
    "RMSNorm",
    "ReLU",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SmoothL1Loss",
    "Softmax",
    "Softplus",
    "Tanh",
    "Uniform",
    "Upsample",
    "UpsampleConv2d",
    "WeightedBCELoss",
    "WeightedBCEWithLogitsLoss",
    "WeightedCrossEntropyLoss",
    "XavierNormal",
    "XavierUniform",
    "Zeros",
]
