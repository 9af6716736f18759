"""Several networks of one experiment: what they say on average, and how far they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from minidl.data.source import named
from minidl.errors import DamagedError, RunError
from minidl.runs.inference import TrainedRun
from minidl.runs.predicted import GivenRows, PredictedRows
from minidl.runs.quality import quality, quality_of

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[Any]


@dataclass(frozen=True)
class Ensemble:
    """Runs whose outputs mean the same. Averaged are probabilities, scores, or values."""

    runs: Sequence[TrainedRun]

    @classmethod
    def load(cls, paths: Sequence[Path]) -> Ensemble:
        """Raises RunError where there is none, one can't be loaded, or they don't fit together."""
        runs = [TrainedRun.load(path) for path in paths]
        if not runs:
            raise RunError("there is no run that has finished")
        for run in runs[1:]:
            for key in ("task", "class_names", "target_names", "outputs", "output_shape"):
                if getattr(run.record, key) != getattr(runs[0].record, key):
                    what = f"{key} differs from that of {runs[0].folder.path}"
                    raise RunError(f"{run.folder.path}: can't be averaged with the others: {what}")
        return cls(runs)

    @property
    def gives_images(self) -> bool:
        """Whether the networks' outputs are images."""
        return self.runs[0].gives_images

    def predict_image(self, path: Path) -> Array:
        """The mean of what the networks make of an image file, (channels, height, width)."""
        return np.asarray(np.mean([run.predict_image(path) for run in self.runs], axis=0))

    def predict_file(
        self,
        path: Path,
        changes: Mapping[str, str] | None = None,
        *,
        strict: bool = False,
        inputs: bool = True,
    ) -> PredictedRows:
        """As `TrainedRun.predict_file`: the mean's class or values, and `std`, the spread.

        That is the standard deviation, with n − 1, over the networks: of the probability or score
        of the mean's class; of a regression of each value. A row that one of them can't predict has
        a problem.
        """
        found: list[Array] = []
        problems: dict[int, str] = {}
        for run in self.runs:
            given, encoded = run.read(path, changes or {}, inputs)
            found.append(run.meaning.numbers(run.outputs_of(given, encoded)))
            problems = {**given.problems, **problems}
        given = replace(given, problems=problems, parts={})  # one trains on what another tests
        if problems and (strict or len(problems) >= len(given)):
            raise given.error(named(path))
        lead, means = self.runs[0], np.mean(found, axis=0)
        decided = lead.meaning.of_numbers(means)
        spread = np.std(found, axis=0, ddof=1) if len(found) > 1 else None
        metrics = quality(lead.spec, lead.record, given, decided)
        return PredictedRows(given, self._says(means, decided, spread), metrics)

    def out_of_fold(self) -> PredictedRows:
        """Each row that was tested, as the networks predict it that didn't train on it.

        The table has the target as it is, and of several files which one the row is from. Where
        folds were repeated, a row's predictions are averaged, and `std` is their spread. Raises
        RunError where the runs have no folds.
        """
        import pandas as pd

        frames = []
        for run in self.runs:
            if getattr(run.spec.data, "folds", None) is None or run.gives_images:
                what = "has no folds, so no predictions of rows that were left out in turn"
                raise RunError(f"{run.folder.path}: {what}: train with `minidl sweep --folds`")
            try:
                frames.append(_tested(run))
            except (KeyError, ValueError, IndexError) as error:
                what = f"is damaged: it lacks what belongs to the test part ({error})"
                raise DamagedError(f"{run.folder.predictions_path}: {what}") from error
        rows = pd.concat(frames).groupby(level=["file", "row"])
        means, spread = rows.mean(), rows.std(ddof=1)
        numbers, truth = (means[kind].to_numpy() for kind in ("says", "is"))
        meaning, record = self.runs[0].meaning, self.runs[0].record
        decided = meaning.of_numbers(numbers)
        several = bool((rows.size() > 1).any())
        says = self._says(numbers, decided, spread["says"].to_numpy() if several else None)
        places = means.index.get_level_values("row")
        if meaning.regression:
            actual = pd.DataFrame(truth, columns=list(record.target_names), index=places)
        else:
            truth = truth[:, 0].astype(np.int64)
            actual = meaning.named(truth).to_frame((record.target_names or ["class"])[0])
            actual.index = places
        which = means.index.get_level_values("file")
        if len(which.unique()) > 1:
            actual.insert(0, "file", which, allow_duplicates=True)
        metrics = quality_of(truth, decided, regression=meaning.regression)
        return PredictedRows(GivenRows(actual), says, metrics)

    def _says(self, numbers: Array, decided: Array, spread: Array | None) -> pd.DataFrame:
        """The table of a single run, with the spread behind it."""
        meaning = self.runs[0].meaning
        says = meaning.table(numbers, decided)
        if spread is None:
            return says
        if not meaning.regression:
            says["std"] = spread[np.arange(len(spread)), decided]
        elif spread.shape[1] == 1:
            says["std"] = spread[:, 0]
        else:
            for name, own in zip(meaning.record.target_names, spread.T, strict=True):
                says[f"std_{name}"] = own
        return says


def _tested(run: TrainedRun) -> pd.DataFrame:
    """The test part of a run: what it `says` and what `is`, by file and row."""
    import pandas as pd

    arrays, meaning = run.folder.read_predictions(), run.meaning
    rows, outputs, truth = (arrays[f"test_{name}"] for name in ("row", "output", "target"))
    says = outputs if meaning.regression else meaning.numbers(outputs)  # values are in their unit
    files = arrays.get("test_file", np.zeros_like(rows))
    index = pd.MultiIndex.from_arrays([files, rows], names=["file", "row"])
    if not meaning.regression and not (truth < len(meaning.record.class_names)).all():
        raise ValueError("a target is no class")
    both = {"says": pd.DataFrame(says), "is": pd.DataFrame(truth.reshape(len(says), -1))}
    return pd.concat(both, axis=1).set_index(index)
