"""Steps to explain: of small trainings, repeated up to there."""

from __future__ import annotations

import torch

from minidl.explain.observed import Observed, observe
from minidl.runs.replay import Replay
from minidl.spec import parse_spec

TINY = """\
data: {type: disk, train: 23, test: 10}
model: {type: mlp, hidden: [2], activation: sigmoid}
optimizer: {type: sgd, lr: 0.1, momentum: 0.9}
training: {epochs: 4, batch_size: 5, dtype: float64}
"""
# All that a chain goes through: normalisation, a convolution, dropout, a residual, a pool.
IMAGES = """\
data: {type: digits, images: true}
model:
  type: sequential
  layers:
    - {type: conv2d, out_channels: 2, stride: 2}
    - batch_norm
    - relu
    - flatten
    - {linear: 5}
    - layer_norm
    - {dropout: 0.3}
    - {type: residual, layers: [{linear: 5}, gelu]}
    - {linear: 6}
    - tanh
    - linear
loss: cross_entropy
optimizer: adam
training: {epochs: 1, batch_size: 16, dtype: float64, clip_norm: 0.1}
"""


def watched(text: str, step: int, *overrides: str) -> tuple[Replay, Observed]:
    """A replay before a step, and what is seen in it."""
    replay = Replay(parse_spec(text, overrides=overrides))
    place = replay.before(step)
    return replay, observe(replay.trainer, replay.rows, done=place.index)


def state(replay: Replay) -> dict[str, torch.Tensor]:
    """A copy of all that its trainer has, but for sums that only count an epoch."""
    left = ("loss_sum", "not_finite", "sums", "gradients")
    tensors = replay.trainer.tensors().items()
    return {name: x.clone() for name, x in tensors if name not in left}
