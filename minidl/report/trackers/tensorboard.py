"""TensorBoard: a run's metrics, dynamics, settings and config as an event file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from minidl.errors import RunError, WriteError
from minidl.report.members.configs import settings_of
from minidl.report.members.settings import Value
from minidl.scores import is_of_a_part
from minidl.spec.paths import HASHES
from minidl.store import files, folders, system
from minidl.store.metrics import BESIDE
from minidl.store.run_folder import RunFolder, is_run
from minidl.store.run_record import RunRecord

FOLDER = Path("tensorboard")  # where events go if nobody says
_OURS = ".minidl"  # at the end of an event file's name
_OWNER = "run.txt"  # says which run's events lie beside it

Row = Mapping[str, float | None]


class TensorBoardLog:
    """Writes one run into FOLDER/NAME, in the place of what it wrote there before.

    NAME is the run's, with its sweep's before it. Steps are epochs.
    """

    def __init__(self, run: RunFolder, folder: Path = FOLDER) -> None:
        """Raises RunError without the package, and where another run's events are."""
        new = writer()
        path = run.path.absolute()
        self.run = run
        self.place = folder / (f"{run.sweep_name}/{path.name}" if run.sweep_name else path.name)
        folders.make(self.place)
        _need_own(self.place, path)
        for old in files.entries(self.place):
            if old.name.endswith(_OURS):
                files.remove(old)
        try:
            self._writer = new(str(self.place), filename_suffix=_OURS)
        except OSError as error:
            raise WriteError(f"{self.place}: can't be written: {system.reason(error)}") from error

    def row(self, row: Row, started: float | None = None) -> None:
        """A row of metrics.csv: `loss/train` and `loss/test` stand side by side.

        started: when the run began; without it the row is of now.
        """
        then = None if started is None else started + (row.get("seconds") or 0.0)
        for name, value in row.items():
            if name not in BESIDE and value is not None and value == value:
                self._writer.add_scalar(_tag(name), value, int(row["epoch"] or 0), then)

    def end(self) -> None:
        """What is known when all rows are there: dynamics, settings with final metrics, config."""
        record = self.run.read_record()
        started = _time(record)
        if files.is_file(self.run.dynamics.path):
            for row in _rows(self.run.dynamics.read(record.dynamics)):
                for name, value in row.items():
                    if name != "epoch" and value is not None and value == value:
                        layer, _, quantity = name.rpartition(".")
                        tag = f"{quantity}/{layer}"
                        self._writer.add_scalar(tag, value, int(row["epoch"] or 0), started)
        config = self.run.read_config(record).decode()
        self._writer.add_text("config.yaml", "\n".join(f"    {x}" for x in config.splitlines()))
        self._settings(settings_of(config, self.run.config_path), record)

    def _settings(self, settings: Mapping[str, Value], record: RunRecord) -> None:
        from tensorboardX.summary import hparams

        hashes = HASHES.values()
        given = {k: v for k, v in settings.items() if v is not None and k not in hashes}
        # Apart from the curves: the weights that count may be those of an earlier epoch.
        found = record.final.items()
        final = {f"final/{k}": v for k, v in found if is_of_a_part(k) and v is not None}
        for summary in hparams(given, final):
            self._writer.file_writer.add_summary(summary)
        for tag, value in final.items():
            self._writer.add_scalar(tag, value, record.epochs or 0)

    def close(self) -> None:
        """Write what still waits."""
        self._writer.close()


def _need_own(place: Path, run: Path) -> None:
    """Keep runs of one name, which lie elsewhere, from taking each other's place."""
    owner = place / _OWNER
    if files.is_file(owner):
        other = Path(files.read(owner, 10_000).decode(errors="replace"))
        if other != run and is_run(other):
            message = f"holds the events of another run, {other}: choose another folder by --output"
            raise RunError(f"{place}: {message}")
    files.write_atomic(owner, str(run).encode())


def writer() -> Any:
    """tensorboardX's SummaryWriter. Raises RunError without the package."""
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        hint = 'needs the package tensorboardX: pip install "minidl[tensorboard]"'
        raise RunError(f"TensorBoard {hint}") from error
    return SummaryWriter


def export_log(run: RunFolder, record: RunRecord, folder: Path = FOLDER) -> Path:
    """Sends a run that is there to TensorBoard, as far as it has come; returns where.

    `record` is what run.json holds. Raises RunError.
    """
    columns = run.read_columns(record) if files.is_file(run.metrics_path) else {}
    log = TensorBoardLog(run, folder)
    try:
        started = _time(record)
        for row in _rows(columns):
            log.row(row, started)
        log.end()
    finally:
        log.close()
    return log.place


def _rows(columns: Mapping[str, list[float]]) -> Iterable[Row]:
    return (dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True))


def _time(record: RunRecord) -> float | None:
    return datetime.fromisoformat(record.started).timestamp() if record.started else None


def _tag(name: str) -> str:
    """`loss/train` of train_loss."""
    part, _, metric = name.partition("_")
    return f"{metric}/{part}" if is_of_a_part(name) else name
