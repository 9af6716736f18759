"""Trackers: other tools that show runs, and sending them a run while it trains."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minidl.report.trackers.log import Log
    from minidl.store.run_folder import RunFolder
    from minidl.train.stopping import Row


class Tracker(StrEnum):
    """A tool that shows runs."""

    tensorboard = "tensorboard"
    mlflow = "mlflow"


class Tracked:
    """An observer that sends each row of metrics.csv to a tracker, if there is one."""

    def __init__(self, tracker: Tracker | None) -> None:
        """Raises RunError where the tracker's package is missing."""
        self._log = None if tracker is None else log_for(tracker)
        self._open: Log | None = None

    def started(self, folder: RunFolder) -> None:
        """The run begins."""
        if self._log is not None:
            self._open = self._log(folder, self._log.folder)

    def __call__(self, row: Row) -> None:
        if self._open is not None:
            self._open.row(row)

    def ended(self) -> None:
        """All rows are there, and its record is written."""
        if self._open is not None:
            self._open.end()

    def close(self) -> None:
        if self._open is not None:
            self._open.close()


def log_for(tracker: Tracker) -> type[Log]:
    """What writes a tracker's files. Raises RunError where its package is missing."""
    if tracker is Tracker.mlflow:
        from minidl.report.trackers.mlflow import MlflowLog

        return MlflowLog.needed()
    from minidl.report.trackers.tensorboard import TensorBoardLog

    return TensorBoardLog.needed()
