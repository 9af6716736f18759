"""MLflow: a run's metrics, dynamics, settings and config in a local database, without a server."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from minidl.errors import RunError, WriteError
from minidl.report.members.settings import Value, show
from minidl.report.trackers.log import Log, started_at
from minidl.store import folders
from minidl.store.run_folder import RunFolder
from minidl.store.run_record import RunRecord

DATABASE = "mlflow.db"
_PATH = "minidl.path"  # the tag that says which run folder it is
_STATUSES = {
    "done": "FINISHED",
    "stopped": "FINISHED",
    "running": "RUNNING",
    "interrupted": "KILLED",
}
_MOST_METRICS, _MOST_PARAMS, _LONGEST_PARAM = 1000, 100, 6000  # that a batch takes
_SECONDS = 2.0  # between two batches, as each is forced to the disk
_ODD = re.compile(r"[^\w\-. :/]")  # what a name may not hold


class MlflowLog(Log):
    """Writes one run into FOLDER/mlflow.db, its config beside that.

    The experiment is its sweep's name, or minidl.
    """

    folder = Path("mlflow")

    @classmethod
    def needed(cls) -> type[Self]:
        with _reported(cls.folder):
            _packages()
        return cls

    def __init__(self, run: RunFolder, folder: Path) -> None:
        super().__init__(run, folder)
        folders.make(folder)
        self.place = folder / DATABASE
        self._waiting: list[Any] = []
        self._sent = time.monotonic()
        path, name = run.path.absolute(), run.sweep_name or "minidl"
        with _reported(self.place):
            client, self._entities = _packages()
            self._client = client(tracking_uri=f"sqlite:///{self.place.absolute()}")
            known = self._client.get_experiment_by_name(name)
            artifacts = (folder / "artifacts" / name).absolute().as_uri()
            experiment = (
                known.experiment_id
                if known
                else self._client.create_experiment(name, artifact_location=artifacts)
            )
            quoted = str(path).replace("'", "''")
            before = self._client.search_runs([experiment], f"tags.`{_PATH}` = '{quoted}'")
            for old in before:
                self._client.delete_run(old.info.run_id)
            started = started_at(run.read_record())
            made = self._client.create_run(
                experiment,
                start_time=None if started is None else round(1000 * started),
                tags={_PATH: str(path)},
                run_name=path.name,
            )
            self._id = made.info.run_id

    def scalars(self, values: Mapping[str, float], epoch: int, then: float | None) -> None:
        stamp = round(1000 * (time.time() if then is None else then))
        new = self._entities.Metric
        self._waiting += [new(_plain(tag), value, stamp, epoch) for tag, value in values.items()]
        if len(self._waiting) > _MOST_METRICS or time.monotonic() - self._sent > _SECONDS:
            self._flush()

    def about(
        self,
        config: str,
        settings: Mapping[str, Value],
        final: Mapping[str, float],
        record: RunRecord,
    ) -> None:
        self.scalars(final, record.epochs or 0, None)
        self._flush()
        new = self._entities.Param
        given = [new(_plain(key), show(v)[:_LONGEST_PARAM]) for key, v in settings.items()]
        with _reported(self.place):
            for first in range(0, len(given), _MOST_PARAMS):
                self._client.log_batch(self._id, params=given[first : first + _MOST_PARAMS])
            self._client.log_text(self._id, config, "config.yaml")
            if record.outcome != "running":
                status = _STATUSES.get(record.outcome or "", "FAILED")
                self._client.set_terminated(self._id, status)

    def close(self) -> None:
        self._flush()

    def _flush(self) -> None:
        with _reported(self.place):
            for first in range(0, len(self._waiting), _MOST_METRICS):
                batch = self._waiting[first : first + _MOST_METRICS]
                self._client.log_batch(self._id, metrics=batch)
        self._waiting, self._sent = [], time.monotonic()


def _plain(name: str) -> str:
    return _ODD.sub("_", name)


@contextlib.contextmanager
def _reported(place: Path) -> Iterator[None]:
    """MLflow's errors as one of ours, and none of what it says of itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except RunError:
            raise
        except Exception as error:
            if not type(error).__module__.startswith(("mlflow", "sqlalchemy")):
                raise
            what = str(error).splitlines()[0]
            raise WriteError(f"{place}: MLflow can't write it: {what}") from error


def _packages() -> tuple[Any, Any]:
    """MLflow's client, and its entities. Raises RunError without the packages."""
    os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}  # before the import
    try:
        import mlflow.entities
        import sqlalchemy  # noqa: F401
        from mlflow.tracking import MlflowClient
    except ImportError as error:
        hint = f'needs the package {error.name}: pip install "minidl[mlflow]"'
        raise RunError(f"MLflow {hint}") from error
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return MlflowClient, mlflow.entities
