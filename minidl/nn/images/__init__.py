"""Layers on images, (N, C, H, W) as in PyTorch: convolutions, pooling, upsampling, normalisation.

Formulas for one network, as in the rest of `nn`; nothing here knows about speed, files or training.
"""

from minidl.nn.images.conv import Conv2d as Conv2d
from minidl.nn.images.module import Flatten as Flatten
from minidl.nn.images.norm import BatchNorm1d as BatchNorm1d
from minidl.nn.images.norm import BatchNorm2d as BatchNorm2d
from minidl.nn.images.norm import LayerNorm as LayerNorm
from minidl.nn.images.pooling import AvgPool2d as AvgPool2d
from minidl.nn.images.pooling import GlobalAvgPool2d as GlobalAvgPool2d
from minidl.nn.images.pooling import MaxPool2d as MaxPool2d
from minidl.nn.images.transposed import ConvTranspose2d as ConvTranspose2d
from minidl.nn.images.transposed import UpsampleConv2d as UpsampleConv2d
from minidl.nn.images.upsample import Upsample as Upsample
