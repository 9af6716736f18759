"""TensorBoard: a run's metrics, dynamics, settings and config as an event file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from minidl.errors import RunError, WriteError
from minidl.report.members.settings import Value
from minidl.report.trackers.log import Log
from minidl.store import files, folders, system
from minidl.store.run_folder import RunFolder, is_run
from minidl.store.run_record import RunRecord

_OURS = ".minidl"  # at the end of an event file's name
_OWNER = "run.txt"  # says which run's events lie beside it


class TensorBoardLog(Log):
    """Writes one run into FOLDER/NAME. NAME is the run's, with its sweep's before it."""

    folder = Path("tensorboard")

    @classmethod
    def needed(cls) -> type[Self]:
        _writer()
        return cls

    def __init__(self, run: RunFolder, folder: Path) -> None:
        """Raises RunError without the package, and where another run's events are."""
        super().__init__(run, folder)
        new = _writer()
        path = run.path.absolute()
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

    def scalars(self, values: Mapping[str, float], epoch: int, then: float | None) -> None:
        for tag, value in values.items():
            self._writer.add_scalar(tag, value, epoch, then)

    def about(
        self,
        config: str,
        settings: Mapping[str, Value],
        final: Mapping[str, float],
        record: RunRecord,
    ) -> None:
        from tensorboardX.summary import hparams

        self._writer.add_text("config.yaml", "\n".join(f"    {x}" for x in config.splitlines()))
        for summary in hparams(dict(settings), dict(final)):
            self._writer.file_writer.add_summary(summary)
        self.scalars(final, record.epochs or 0, None)

    def close(self) -> None:
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


def _writer() -> Any:
    """tensorboardX's SummaryWriter. Raises RunError without the package."""
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        hint = 'needs the package tensorboardX: pip install "minidl[tensorboard]"'
        raise RunError(f"TensorBoard {hint}") from error
    return SummaryWriter
