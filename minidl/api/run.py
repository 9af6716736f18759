"""Run: what a training left, ready to be looked at and to predict."""

from __future__ import annotations

from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from minidl.api.html import run_html
from minidl.data import Preprocessing
from minidl.nn import Sequential
from minidl.runs.inference import TrainedRun
from minidl.spec import Spec, load_spec
from minidl.store import files, system
from minidl.store.run_folder import RunFolder
from minidl.store.run_record import RunRecord

if TYPE_CHECKING:
    import pandas as pd


def load(run: str | PathLike[str]) -> Run:
    """A run from its folder, or from its name in `runs`. Raises RunError where there is none.

    >>> import minidl
    >>> config = {"data": "disk", "model": {"mlp": [8]}, "training": {"epochs": 2}}
    >>> folder = minidl.train(config, name="first").path
    >>> run = minidl.load("first")
    >>> run.network[0]
    Linear(2, 8)
    >>> run.predict([[0.5, 0.5], [0.0, 0.0]]).columns.tolist()
    ['class', 'score_outside', 'score_inside']
    """
    path, inside = Path(run), Path("runs") / run
    return run_at(inside if system.stat_of(path) is None and system.stat_of(inside) else path)


def run_at(path: Path) -> Run:
    """The run in a folder."""
    return Run(RunFolder.open(path))


class Run:
    """A run: `path`, `spec`, `status`, `metrics`, `history`; `network`, `preprocessing`, `predict`.

    Made by `train` and `load`. What it holds is read from the folder when it is first asked for.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.path = folder.path
        self._folder = folder

    @cached_property
    def spec(self) -> Spec:
        """The config, nothing left open."""
        return load_spec(self._folder.config_path)

    @cached_property
    def record(self) -> RunRecord:
        """All that run.json says."""
        return self._folder.read_record()

    @property
    def status(self) -> str:
        """done, diverged, interrupted, failed or running."""
        return self._folder.status_now(self.record)

    @property
    def metrics(self) -> dict[str, float]:
        """The final ones, by name: those of the weights that count."""
        return dict(self.record.final)

    @property
    def class_names(self) -> tuple[str, ...]:
        """By class index; empty where there are no classes."""
        return tuple(self.record.class_names)

    @cached_property
    def history(self) -> pd.DataFrame:
        """metrics.csv: a row per epoch."""
        import pandas as pd

        return pd.DataFrame(self._folder.read_columns(self.record))

    @cached_property
    def trained(self) -> TrainedRun:
        """The network and what surrounds it. Raises RunError where there are no weights."""
        return TrainedRun.load(self.path)

    @property
    def network(self) -> Sequential:
        """With its weights, in evaluation mode; it takes inputs as `preprocessing` makes them."""
        return self.trained.network

    @property
    def preprocessing(self) -> Preprocessing | None:
        """What turns rows into inputs; None where the inputs have more than one axis."""
        return self.trained.preprocessing

    def predict(self, X: Any, *, strict: bool = False) -> Any:
        """What `minidl predict` writes, for a DataFrame, an array, or a file.

        X: a DataFrame with the columns of the training's table; an array (N, ...) in the units of
        the training's data; or a file's path, as `minidl predict` takes it. Returns a DataFrame:
        the class and a column per class (`probability_…`, or `score_…` where the loss makes no
        probabilities), or the values of a regression; `problem` says why a row is empty, if one
        is. A network that gives images returns an array (N, C, H, W), of a file one (C, H, W).
        strict: raise DataError if some row can't be predicted. Raises DataError.
        """
        import pandas as pd

        trained = self.trained
        if isinstance(X, str | PathLike):
            if trained.gives_images:
                return trained.predict_image(Path(X))
            found = trained.predict_file(Path(X), strict=strict, inputs=False)
            return found.frame().set_index("row")
        if isinstance(X, pd.DataFrame):
            found = trained.predict_table(X, strict=strict)
            return found.frame().drop(columns="row").set_axis(X.index)
        array = np.asarray(X, dtype=np.float64)
        if trained.gives_images:
            return trained.outputs(array)
        return trained.predict_array(array).frame().drop(columns="row")

    def _repr_html_(self) -> str:
        return run_html(self.path.name, self.status, self.spec, self.metrics, self._curve())

    def _curve(self) -> NDArray[np.float64]:
        """The losses after each epoch (2, epochs); none where nothing is written yet."""
        if not files.is_file(self._folder.metrics_path):
            return np.empty((2, 0))
        return self.history[["train_loss", "test_loss"]].to_numpy(dtype=np.float64).T

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, {self.status})"
