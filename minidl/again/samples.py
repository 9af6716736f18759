"""What each training sample went through: learned, forgotten, never; and whose label is doubted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from minidl.again.together import Progress, quietly, train_again
from minidl.data import Dataset
from minidl.errors import RunError
from minidl.runs.replay import Replay

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

CHANCE = 3.0  # standard deviations, by which the best of many epochs may be right by chance
DOUBTED = 0.5  # of the answers give the label: fewer, and it is likely wrong


@dataclass(frozen=True)
class Samples:
    """Of N training samples, over the runs in which each of them trained.

    images (N, channels, height, width): as they were before they were scaled; None where inputs
    are no images. labels, answers (N,): the class that is given, and the
    other class that was answered most; numbers, files (N,): the row and the file of each, or its
    index; files are None where there is but one. agreed (N,): the share of the answers that gave
    the label, from the first epoch to that with the least loss on the selection part: before a
    network learns labels by heart, it answers what similar samples teach it. runs (N,): how many;
    never (N,): in how many of them no epoch was right; learned (N,): the median first epoch that
    was, NaN where none was; forgotten (N,): how often, per run, a right answer was followed by a
    wrong one an epoch later (Toneva et al. 2019, An empirical study of example forgetting).
    """

    images: Floats | None
    labels: Integers
    answers: Integers
    numbers: Integers
    files: Integers | None
    agreed: Floats
    runs: Integers
    never: Integers
    learned: Floats
    forgotten: Floats
    class_names: tuple[str, ...]
    part: str  # the selection part
    accuracy: float  # on the training samples, in the best epoch of all

    @property
    def usual(self) -> float:
        """The share of the most frequent label."""
        return float(np.bincount(self.labels).max() / len(self.labels))

    @property
    def nothing_learned(self) -> bool:
        """Whether no epoch was right more often than the most frequent label is, but for chance."""
        deviation = np.sqrt(self.usual * (1 - self.usual) / len(self.labels))
        return self.accuracy <= self.usual + CHANCE * float(deviation)

    @property
    def suspects(self) -> NDArray[np.bool_]:
        """Whose labels are likely wrong (N,): none where nothing was learned."""
        return np.asarray((self.agreed < DOUBTED) & (not self.nothing_learned))

    def doubted_first(self) -> Integers:
        """All samples (N,): those least agreed on first, then those most forgotten."""
        return np.lexsort((-self.forgotten, self.agreed))


def samples(replays: Sequence[Replay], progress: Progress = quietly) -> Samples:
    """Train runs again that differ by seed and fold alone, and ask after each epoch.

    Raises RunError for other tasks than classification, and where each run has samples of its own.
    """
    first = replays[0]
    if first.data.task != "classification":
        raise RunError(f"{first.name}: --samples needs classes, but this is no classification")
    places, numbers, files = _identified([one.data for one in replays], first.name)
    count = len(numbers)
    shape = first.data.input_shape
    images = np.zeros((count, *shape)) if len(shape) == 3 else None
    labels = np.zeros(count, dtype=np.int64)
    votes = np.zeros((count, first.data.classes))
    learned = np.full((len(replays), count), np.nan)
    present = np.zeros((len(replays), count), dtype=bool)
    forgotten, before = np.zeros(count), [np.zeros(0, dtype=bool)] * len(replays)
    index = {id(one): i for i, one in enumerate(replays)}
    best = [_best_epoch(one) for one in replays]
    accuracy = 0.0
    for run, (replay, place) in enumerate(zip(replays, places, strict=True)):
        labels[place] = replay.data.train.targets
        if images is not None:
            images[place] = _images(replay.data)
        present[run, place] = True
        before[run] = np.zeros(len(place), dtype=bool)
    for replay, epoch in train_again(replays, progress):
        run = index[id(replay)]
        place = places[run]
        outputs = torch.from_numpy(replay.trainer.outputs("train"))
        answers = replay.trainer.evaluator.encoding.classes(outputs).numpy()
        right = answers == labels[place]
        accuracy = max(accuracy, float(right.mean()))
        if epoch.number <= best[run]:
            votes[place, answers] += 1 / best[run]
        learned[run, place] = np.fmin(learned[run, place], np.where(right, epoch.number, np.nan))
        forgotten[place] += before[run] & ~right
        before[run] = right
    runs = present.sum(0)
    every = np.arange(count)
    agreed = votes[every, labels] / votes.sum(1)
    votes[every, labels] = -1
    return Samples(
        images,
        labels,
        votes.argmax(1),
        numbers,
        files,
        agreed,
        runs,
        (present & np.isnan(learned)).sum(0),
        _medians(learned),
        forgotten / runs,
        first.data.class_names,
        first.spec.data.selection_part,
        accuracy,
    )


def _identified(
    datasets: Sequence[Dataset], name: str
) -> tuple[list[Integers], Integers, Integers | None]:
    """Where each run's samples stand among all, and the numbers and files of all."""
    parts = [data.train for data in datasets]
    one = parts[0]
    rows = [part.rows for part in parts if part.rows is not None]
    if len(rows) == len(parts):
        files = [
            np.zeros_like(own) if p.files is None else p.files
            for own, p in zip(rows, parts, strict=True)
        ]
        pairs = np.stack([np.concatenate(files), np.concatenate(rows)], axis=1)
        known, at = np.unique(pairs, axis=0, return_inverse=True)
        places = np.split(at.reshape(-1), np.cumsum([len(own) for own in rows])[:-1])
        return places, known[:, 1], None if one.files is None else known[:, 0]
    if any(
        not (np.array_equal(p.inputs, one.inputs) and np.array_equal(p.targets, one.targets))
        for p in parts
    ):
        message = "each run has training samples of its own: train with data.seed=0, which gives"
        raise RunError(f"{name}: {message} all seeds the same")
    every = np.arange(len(one))
    return [every] * len(parts), every, None


def _images(data: Dataset) -> Floats:
    """The training part's, before they were scaled."""
    inputs, fitted = data.train.inputs, data.preprocessing
    if fitted is None:
        return inputs
    return fitted.to_raw(inputs.reshape(len(inputs), -1)).reshape(inputs.shape)


def _best_epoch(replay: Replay) -> int:
    """That with the least loss on the selection part; the last where nobody evaluated."""
    losses = np.asarray(replay.columns.get(f"{replay.spec.data.selection_part}_loss", ()))
    return int(np.nanargmin(losses)) + 1 if np.isfinite(losses).any() else replay.epochs


def _medians(values: Floats) -> Floats:
    """Of each column (runs, N), without NaN; NaN where there is nothing else."""
    found = np.full(values.shape[1], np.nan)
    known = np.isfinite(values).any(0)
    found[known] = np.nanmedian(values[:, known], axis=0)
    return found
