"""Optimizers, learning-rate schedules and clipping, as plain formulas over one flat vector.

Start reading at optimizer.py and sgd.py. Nothing here knows about speed, files or configs.
"""

from minidl.optim.adam_variants import Adamax, NAdam, RAdam
from minidl.optim.adaptive import Adagrad, Adam, AdamW, RMSprop
from minidl.optim.clipping import clip_norm, clip_value
from minidl.optim.optimizer import Optimizer
from minidl.optim.schedules import ReduceOnPlateau, Schedule
from minidl.optim.sgd import SGD

__all__ = [
    "SGD", "Adagrad", "Adam", "AdamW", "Adamax", "NAdam", "Optimizer", "RAdam", "RMSprop",
    "ReduceOnPlateau", "Schedule", "clip_norm", "clip_value",
]  # fmt: skip
