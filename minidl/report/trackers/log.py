"""What a tracker is sent of a run: curves, dynamics, settings, final metrics, config."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Self

from minidl.report.members.configs import settings_of
from minidl.report.members.settings import Value
from minidl.scores import is_of_a_part
from minidl.spec.paths import HASHES
from minidl.store import files
from minidl.store.metrics import BESIDE
from minidl.store.run_folder import RunFolder
from minidl.store.run_record import RunRecord

Row = Mapping[str, float | None]


class Log(ABC):
    """One run in a tracker, in the place of what was sent of it before. Steps are epochs."""

    folder: ClassVar[Path]  # where its files go if nobody says
    place: Path  # where this run's are

    @classmethod
    @abstractmethod
    def needed(cls) -> type[Self]:
        """The class itself. Raises RunError without the tracker's package."""

    @abstractmethod
    def __init__(self, run: RunFolder, folder: Path) -> None:
        """Raises RunError without the package, and where it can't be written."""
        self.run = run

    @abstractmethod
    def scalars(self, values: Mapping[str, float], epoch: int, then: float | None) -> None:
        """The values by tag; `then`: seconds since 1970, or None for now."""

    @abstractmethod
    def about(
        self,
        config: str,
        settings: Mapping[str, Value],
        final: Mapping[str, float],
        record: RunRecord,
    ) -> None:
        """What is known when all rows are there; final: the metrics of the weights that count."""

    @abstractmethod
    def close(self) -> None:
        """Write what still waits."""

    def row(self, row: Row, started: float | None = None) -> None:
        """A row of metrics.csv: `loss/train` and `loss/test` stand side by side.

        started: when the run began; without it the row is of now.
        """
        then = None if started is None else started + (row.get("seconds") or 0.0)
        self._send({_tag(name): row[name] for name in row if name not in BESIDE}, row, then)

    def end(self) -> None:
        """All rows are there."""
        record = self.run.read_record()
        if files.is_file(self.run.dynamics.path):
            for row in _rows(self.run.dynamics.read(record.dynamics)):
                named = {_layered(name): row[name] for name in row if name != "epoch"}
                self._send(named, row, started_at(record))
        config = self.run.read_config(record).decode()
        settings, hashes = settings_of(config, self.run.config_path), HASHES.values()
        given = {k: v for k, v in settings.items() if v is not None and k not in hashes}
        # Apart from the curves: the weights that count may be those of an earlier epoch.
        found = record.final.items()
        final = {f"final/{k}": v for k, v in found if is_of_a_part(k) and v is not None}
        self.about(config, given, final, record)

    def _send(self, values: Row, row: Row, then: float | None) -> None:
        """Without what is NaN."""
        kept = {tag: v for tag, v in values.items() if v is not None and v == v}
        self.scalars(kept, int(row["epoch"] or 0), then)

    @classmethod
    def export(cls, run: RunFolder, record: RunRecord, folder: Path | None = None) -> Path:
        """Sends a run that is there, as far as it has come; returns where.

        `record` is what run.json holds. Raises RunError.
        """
        columns = run.read_columns(record) if files.is_file(run.metrics_path) else {}
        log = cls(run, folder or cls.folder)
        try:
            for row in _rows(columns):
                log.row(row, started_at(record))
            log.end()
        finally:
            log.close()
        return log.place


def _rows(columns: Mapping[str, list[float]]) -> Iterable[Row]:
    return (dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True))


def started_at(record: RunRecord) -> float | None:
    """In seconds since 1970."""
    return datetime.fromisoformat(record.started).timestamp() if record.started else None


def _tag(name: str) -> str:
    """`loss/train` of train_loss."""
    part, _, metric = name.partition("_")
    return f"{metric}/{part}" if is_of_a_part(name) else name


def _layered(name: str) -> str:
    """`weight_norm/fc_1` of fc_1.weight_norm."""
    layer, _, quantity = name.rpartition(".")
    return f"{quantity}/{layer}"
