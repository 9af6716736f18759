"""What a network answers over the plane of its two inputs, from epoch to epoch: boundary.csv."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from minidl.build import Experiment
from minidl.data import Dataset
from minidl.probabilities import shares
from minidl.runs.predictions import axes_of
from minidl.spec import Spec
from minidl.store.frames import LEVELS, SIDE, frame
from minidl.train.stopping import Row

GROWTH = 1.15  # from one epoch that is kept to the next, once there are enough of them


class Boundary:
    """Looks at the network that an experiment trains; `unwritten` are rows for boundary.csv.

    A row (store/frames.py) has of each cell how sure the network is of class 1 of two, from 0 to
    LEVELS; of more classes the one it decides for; of a regression its first value, by where the
    targets reach from and to. Epoch 0 is before the first step. The first seven
    evaluations are kept, then those 15 % apart, and the last one: some 60 of 10,000. Where the
    plane lies `plane_of` says.
    """

    def __init__(self, spec: Spec, data: Dataset, experiment: Experiment) -> None:
        self.trainer, self.encoding = experiment.trainer, experiment.encoding
        self._loss, self._kept = spec.loss.type, set(kept(spec.training.epochs))
        self._every = spec.training.eval_every
        assert data.preprocessing is not None  # of two inputs
        grid = np.stack(np.meshgrid(*_axes(data)), axis=-1).reshape(-1, 2)
        like = experiment.network.parameters()[0].data
        inputs = torch.from_numpy(data.preprocessing.to_inputs(grid))
        self._inputs = inputs.to(like.device, like.dtype)
        self._reach = _reach(data)
        self._last = -1
        self.unwritten: list[Row] = []
        self.look(0)

    def go_on(self, epoch: int) -> None:
        """The row of an epoch, and those before it, are written."""
        self.unwritten.clear()
        self._last = epoch

    def epoch_ended(self, epoch: int) -> None:
        """Look, if the epoch, which was evaluated, is one that is kept."""
        if epoch // self._every in self._kept:
            self.look(epoch)

    def look(self, epoch: int) -> None:
        """Add a row of what the network answers now, unless there is one."""
        if epoch <= self._last:
            return
        self._last = epoch
        answers = np.nan_to_num(self.trainer.answers(self._inputs))
        encoding = self.encoding
        found = shares(answers, self._loss, encoding.form, encoding.threshold, self._reach)
        if found.shape[1] == 1:
            cells = np.rint(LEVELS * found[:, 0]).astype(int)
        else:
            cells = found.argmax(1)
        self.unwritten.append(frame(epoch, cells.clip(0, LEVELS).tolist()))


def plane_of(data: Dataset) -> dict[str, float]:
    """Where the plane lies, in the data's own units, and what 0 and LEVELS stand for."""
    x, y = _axes(data)
    low, high = (0.0, 1.0) if data.classes else _reach(data)
    if (scale := data.target_scale) is not None:
        low, high = (value * scale.std[0] + scale.mean[0] for value in (low, high))
    ends = {"left": x[0], "right": x[-1], "bottom": y[0], "top": y[-1], "low": low, "high": high}
    return {name: float(end) for name, end in ends.items()}


def _axes(data: Dataset) -> list[NDArray[Any]]:
    fitted = data.preprocessing
    assert fitted is not None
    return axes_of(np.concatenate([fitted.to_raw(p.inputs) for p in data.parts.values()]), SIDE)


def _reach(data: Dataset) -> tuple[float, float]:
    """From where to where the targets go, of a regression the first ones."""
    targets = data.train.targets.reshape(len(data.train), -1)[:, 0]
    return float(targets.min()), float(targets.max())


def kept(evaluations: int) -> Iterator[int]:
    """Which evaluations are, counted from 1, whatever the number of all."""
    count = 1
    while count <= evaluations:
        yield count
        count = max(count + 1, int(GROWTH * count))
