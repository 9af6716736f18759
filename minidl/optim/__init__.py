"""Optimizers, learning-rate schedules and clipping."""

from .adaptive import Adagrad, Adam, AdamW, RMSprop
from .clipping import clip_norm, clip_value
from .optimizer import Optimizer
from .schedules import ReduceOnPlateau, Schedule
from .sgd import SGD

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Optimizer",
    "RMSprop",
    "ReduceOnPlateau",
    "Schedule",
    "clip_norm",
    "clip_value",
]
