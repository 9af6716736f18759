"""Labels that don't go with the inputs: told by each sample's nearest neighbours."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from minidl.data import Dataset

NEIGHBOURS = 15
AGREED = 0.7  # of the neighbours: fewer are of another class where two classes overlap
MOST_SAMPLES = 5000  # that are looked at; a part of many more is judged by its first


def contradicted(data: Dataset) -> float:
    """The share of training samples most of whose neighbours agree on another class.

    Inputs are standardized for that. NaN for other tasks, and for few samples.
    """
    if data.task != "classification":
        return math.nan
    return _share(data.train.inputs[:MOST_SAMPLES], data.train.targets[:MOST_SAMPLES], data.classes)


def _share(inputs: NDArray[np.float64], labels: NDArray[np.int64], classes: int) -> float:
    from sklearn.neighbors import NearestNeighbors

    x = inputs.reshape(len(inputs), -1).astype(np.float64)
    if len(x) <= 2 * NEIGHBOURS:
        return math.nan
    std = x.std(0)
    x = (x - x.mean(0)) / np.where(std > 0, std, 1.0)
    # Asked without points of its own, each sample gets its neighbours without itself.
    found = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(x).kneighbors(return_distance=False)
    votes = np.zeros((len(x), classes))
    np.add.at(votes, (np.arange(len(x))[:, None], labels[found]), 1 / NEIGHBOURS)
    votes[np.arange(len(x)), labels] = 0
    return float((votes.max(1) >= AGREED).mean())
