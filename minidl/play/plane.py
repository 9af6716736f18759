"""What a network answers over the plane of its two inputs: its output, and each of its units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from minidl.build import Experiment
from minidl.data import Dataset
from minidl.nn import Linear, Module, Sequential
from minidl.probabilities import shares

Floats = NDArray[np.float32]
Frame = tuple[tuple[float, float], tuple[float, float]]  # the plane's lower left, upper right

CELLS = 64  # along each side, of the output's map
EVERY = 2  # of these cells, each so-many-th in the maps of units
MOST_UNITS = 32  # shown of a layer
MOST_POINTS = 1000  # shown of a part
MARGIN = 0.06  # of the points' extent, around them


@dataclass(frozen=True)
class Column:
    """A layer as the page draws it: its name, how many units it has, how many are shown."""

    name: str
    units: int

    @property
    def shown(self) -> int:
        return min(self.units, MOST_UNITS)


class Plane:
    """The points of a grid (CELLS², 2) over the data, and what a network makes of them.

    `network` has the weights of the moment: a copy of the one that trains. The answer of a linear
    layer's unit is what follows the activation and all else up to the next one. Of more than two
    inputs `axes` are those of the plane; the others stay at their mean in the training part.
    """

    def __init__(
        self,
        experiment: Experiment,
        data: Dataset,
        loss: str,
        frame: Frame | None = None,
        axes: tuple[int, int] = (0, 1),
    ) -> None:
        self.network, self.encoding, self.loss = experiment.network, experiment.encoding, loss
        self.network.eval()
        if frame is None:
            every = [part.inputs[:, axes] for part in data.parts.values()]
            frame = _extent(np.concatenate(every))
        self.low, self.high = frame
        x, y = (np.linspace(a, b, CELLS) for a, b in zip(self.low, self.high, strict=True))
        grid = np.tile(data.train.inputs.mean(0), (CELLS * CELLS, 1))
        grid[:, axes] = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        dtype = experiment.trainer.optimizer.flat.data.dtype
        self._grid = torch.from_numpy(grid).to(dtype)
        targets = data.train.targets
        self.reach = (float(targets.min()), float(targets.max()))
        self.columns = [Column(name, values.shape[1]) for name, _, values in self._columns()]

    def arrays(self) -> dict[str, Floats]:
        """The output's map, those of each column's units, and the weights between columns.

        output (K, CELLS, CELLS): a regression's first value, from 0 to 1 in the range of targets;
        the share of class 1 of two; or that of each class. unitsI (shown, side, side), and weightsI
        (units, units before) where column I is a linear layer.
        """
        columns = self._columns()
        found = {"output": self._output(_array(columns[-1][2]))}
        before = self._grid.shape[1]
        for index, (_, module, values) in enumerate(columns):
            maps = _array(values)[:, :MOST_UNITS].T.reshape(-1, CELLS, CELLS)
            found[f"units{index}"] = maps[:, ::EVERY, ::EVERY]
            if isinstance(module, Linear) and module.in_features == before:
                weight = _array(module.weight.data)
                found[f"weights{index}"] = weight[:MOST_UNITS, :MOST_UNITS]
            before = values.shape[1]
        return found

    def output(self) -> Floats:
        """The output's map alone."""
        with torch.no_grad():
            return self._output(_array(self.network.forward(self._grid)))

    def _columns(self) -> list[tuple[str, Module | None, Tensor]]:
        """The inputs, then for each layer with units its name, itself, and its answers."""
        x = self._grid
        columns: list[tuple[str, Module | None, Tensor]] = [("inputs", None, x)]
        with torch.no_grad():
            for name, child in self.network.named_children():
                x = child.forward(x)
                if isinstance(child, Linear | Sequential) or child.children():
                    columns.append((name, child, x))
                else:
                    columns[-1] = (*columns[-1][:2], x)
        return columns

    def _output(self, output: Floats) -> Floats:
        """The last layer's answers (CELLS², O) as the page colours them, from 0 to 1."""
        encoding = self.encoding
        found = shares(output, self.loss, encoding.form, encoding.threshold, self.reach)
        return np.asarray(found.T.reshape(-1, CELLS, CELLS))


def points(data: Dataset, axes: tuple[int, int] = (0, 1)) -> dict[str, NDArray[Any]]:
    """Of each part, some points (N, 3): two inputs, and the class or the first value."""
    found = {}
    for name, part in data.parts.items():
        rows = np.linspace(0, len(part) - 1, min(len(part), MOST_POINTS)).astype(int)
        target = part.targets.reshape(len(part), -1)[rows, :1]
        found[name] = np.concatenate([part.inputs[rows][:, axes], target], axis=1)
    return found


def _extent(inputs: NDArray[Any]) -> Frame:
    """A square around all points."""
    low, high = inputs.min(0), inputs.max(0)
    half = float((high - low).max()) * (1 + 2 * MARGIN) / 2 or 0.5
    x, y = ((low + high) / 2).tolist()
    return (x - half, y - half), (x + half, y + half)


def _array(values: Tensor) -> Floats:
    return values.detach().numpy().astype(np.float32)
