"""RunFolder: the only code that knows what lies in a run folder.

runs/<stem>-<date>-<time>-<hash>/   (or a name of the user's)
  config.yaml      the resolved spec: running it gives the same run
  run.json         status, seed, versions, class names, final and best metrics …
  metrics.csv      one row per epoch, appended
  checkpoints/     last.safetensors, best.safetensors
  predictions.npz  targets and outputs, and the outputs over the plotting grid
  plots/           loss.png, accuracy.png …
"""

from __future__ import annotations

import io
import os
import stat
import zipfile
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minidl import checkpoint, files, records
from minidl.errors import RunError
from minidl.names import check_name, unique_name

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import torch

STATUSES = ("running", "done", "failed", "diverged", "interrupted")

_CONFIG, _RECORD = "config.yaml", "run.json"
_DEPTH = 3  # find_runs: a folder of sweeps of runs


class RunFolder:
    """One run on the disk. Every method reads or writes one file; errors are RunErrors."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Use `create` or `open`: this checks nothing."""
        self.path = Path(path)
        self._columns: tuple[str, ...] | None = None

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    @classmethod
    def create(
        cls,
        runs_dir: str | os.PathLike[str],
        *,
        stem: str,
        config_text: str,
        name: str | None = None,
        overwrite: bool = False,
    ) -> RunFolder:
        """A new folder in `runs_dir` that holds config.yaml.

        It is called `name`, or `<stem>-<date>-<time>-<hash>`. Raises RunError where the name is
        unsafe or taken; `overwrite` deletes what is there, if that is a run folder.
        """
        check_name(stem if name is None else name)
        folder = Path(runs_dir) / (unique_name(stem, config_text) if name is None else name)
        if folder.is_symlink():
            raise RunError(f"{folder}: is a symbolic link: a run is never written through one")
        if folder.exists():
            if not overwrite:
                raise RunError(f"{folder}: exists already (choose another --name, or --overwrite)")
            if not (is_run(folder) or (folder.is_dir() and not any(folder.iterdir()))):
                raise RunError(f"{folder}: isn't a run folder, so --overwrite leaves it alone")
            files.remove_folder(folder)
        files.make_folder(folder, new=True)
        run = cls(folder)
        files.write_atomic(run.config_path, config_text.encode())
        return run

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> RunFolder:
        """An existing folder that holds a config.yaml or a run.json."""
        folder = Path(path)
        _need_folder(folder)
        if not is_run(folder):
            raise RunError(f"{folder}: not a run folder: it holds neither {_CONFIG} nor {_RECORD}")
        return cls(folder)

    @property
    def config_path(self) -> Path:
        return self.path / _CONFIG

    @property
    def record_path(self) -> Path:
        return self.path / _RECORD

    @property
    def metrics_path(self) -> Path:
        return self.path / "metrics.csv"

    @property
    def predictions_path(self) -> Path:
        return self.path / "predictions.npz"

    def checkpoint_path(self, name: str) -> Path:
        check_name(name)
        return self.path / "checkpoints" / f"{name}.safetensors"

    def plot_path(self, name: str) -> Path:
        check_name(name)
        return self.path / "plots" / f"{name}.png"

    @property
    def status(self) -> str:
        """One of STATUSES, or "broken" where run.json is missing or can't be read."""
        try:
            status = self.read_record().get("status")
        except RunError:
            return "broken"
        return status if isinstance(status, str) and status in STATUSES else "broken"

    # run.json

    def write_record(self, record: Mapping[str, Any]) -> None:
        """Replaces run.json. NaN and infinities become null; paths and NumPy numbers are fine."""
        files.write_atomic(self.record_path, records.encode(record))

    def read_record(self) -> dict[str, Any]:
        try:
            return records.decode(_read(self.record_path))
        except ValueError as error:
            raise RunError(f"{self.record_path}: is damaged: {error}") from error

    # metrics.csv

    def append_metrics(self, *rows: Mapping[str, float | int | None]) -> None:
        """Adds rows; the first row's keys are the header, and every later row has the same.

        Floats are written exactly (repr); None as an empty cell; NaN as `nan`, so that a
        divergence is seen.
        """
        if not rows:
            return
        text = ""
        if self._columns is None and self.metrics_path.exists():
            self._columns = tuple(self.read_columns())
        if self._columns is None:
            self._columns, text = tuple(rows[0]), records.encode_row(rows[0])
        for row in rows:
            if tuple(row) != self._columns:
                raise ValueError(f"metrics must have the columns {self._columns}, not {tuple(row)}")
            text += records.encode_row(row.values())
        files.append(self.metrics_path, text)

    def keep_metrics(self, rows: int) -> list[dict[str, float]]:
        """Cut metrics.csv after its first `rows` rows, and return those."""
        columns = self.read_columns() if self.metrics_path.exists() else {}
        kept = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        if len(kept) < rows:
            raise RunError(f"{self.metrics_path}: is damaged: {rows} epochs were trained")
        if columns:
            lines = _read(self.metrics_path).splitlines(keepends=True)
            files.write_atomic(self.metrics_path, b"".join(lines[: rows + 1]))
        return kept[:rows]

    def read_columns(self) -> dict[str, list[float]]:
        """metrics.csv by column, an empty cell as NaN; whole numbers stay integers.

        A last line without its line end was being written when the process died: it is left out.
        """
        try:
            return records.decode_columns(_read(self.metrics_path))
        except ValueError as error:
            raise RunError(f"{self.metrics_path}: is damaged: {error}") from error

    def read_metrics(self) -> pd.DataFrame:
        """metrics.csv as a table, one row per epoch."""
        import pandas as pd

        return pd.DataFrame(self.read_columns())

    # checkpoints/

    def save_checkpoint(
        self, name: str, tensors: Mapping[str, torch.Tensor], state: Mapping[str, Any]
    ) -> None:
        """Replaces checkpoints/<name>.safetensors; `state` is what JSON can hold."""
        path = self.checkpoint_path(name)
        if not path.parent.is_dir():
            files.make_folder(path.parent)
        files.write_atomic(path, checkpoint.encode(tensors, state))

    def has_checkpoint(self, name: str) -> bool:
        return self.checkpoint_path(name).is_file()

    def load_checkpoint(self, name: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Tensors (on the CPU) and state; RunError where the file is missing or damaged."""
        path = self.checkpoint_path(name)
        try:
            return checkpoint.decode(_read(path))
        except ValueError as error:
            raise RunError(f"{path}: {error}") from error

    # predictions.npz

    def write_predictions(self, arrays: Mapping[str, np.ndarray]) -> None:
        import numpy as np

        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **arrays)
        files.write_atomic(self.predictions_path, content.getvalue())

    def read_predictions(self) -> dict[str, np.ndarray]:
        import numpy as np

        content = io.BytesIO(_read(self.predictions_path))
        try:
            with np.load(content, allow_pickle=False) as arrays:
                return dict(arrays)
        except (ValueError, EOFError, OSError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise RunError(f"{self.predictions_path}: is damaged: {error}") from error

    # plots/

    def write_plot(self, name: str, png: bytes) -> Path:
        path = self.plot_path(name)
        if not path.parent.is_dir():
            files.make_folder(path.parent)
        files.write_atomic(path, png)
        return path


def is_run(path: Path) -> bool:
    """Whether a folder holds a config.yaml or a run.json."""
    return _is_dir(path) and any((path / name).is_file() for name in (_CONFIG, _RECORD))


def refuse_links(folder: Path) -> None:
    """Raises RunError where a link lies in a folder: who writes there might write elsewhere."""
    for path, folders, names in os.walk(folder):
        for name in (*folders, *names):
            if (link := Path(path, name)).is_symlink():
                raise RunError(f"{link}: is a symbolic link: a run is never written through one")


def find_runs(paths: Iterable[str | os.PathLike[str]]) -> list[RunFolder]:
    """The run folders that are, or lie in, the given folders, newest first, each once.

    Hidden folders and links are passed over. Raises RunError where a path is no folder.
    """
    found: dict[Path, RunFolder] = {}
    for path in map(Path, paths):
        _need_folder(path)
        for folder in _walk(path, _DEPTH):
            found.setdefault(folder.resolve(), RunFolder(folder))
    return sorted(found.values(), key=lambda run: (_started(run), run.path.name), reverse=True)


def _walk(folder: Path, depth: int) -> Iterable[Path]:
    if is_run(folder):
        yield folder
    elif depth:
        try:
            inside = [entry for entry in folder.iterdir() if _is_dir(entry)]
        except OSError as error:
            raise RunError(f"{folder}: can't be read: {files.reason(error)}") from error
        for entry in inside:
            if not (entry.name.startswith(".") or entry.is_symlink()):
                yield from _walk(entry, depth - 1)


def _started(run: RunFolder) -> float:
    """When a run started, in seconds; a damaged record leaves the folder's own time."""
    try:
        return datetime.fromisoformat(run.read_record()["started"]).timestamp()
    except (RunError, KeyError, TypeError, ValueError, OverflowError):
        return run.path.stat().st_mtime


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise RunError(f"{path}: no such file") from error
    except OSError as error:
        raise RunError(f"{path}: can't be read: {files.reason(error)}") from error


def _need_folder(path: Path) -> None:
    try:
        if not stat.S_ISDIR(path.stat().st_mode):
            raise RunError(f"{path}: isn't a folder")
    except (FileNotFoundError, ValueError) as error:  # ValueError: a NUL in the path
        raise RunError(f"{path}: no such folder") from error
    except OSError as error:
        raise RunError(f"{path}: can't be read: {files.reason(error)}") from error


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
