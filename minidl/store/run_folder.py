"""RunFolder: the only code that knows what lies in a run folder.

runs/<stem>-<date>-<time>-<hash>/   (or a name of the user's)
  config.yaml      the resolved spec: running it gives the same run
  run.json         status, seed, versions, class names, final and best metrics …
  metrics.csv      one row per epoch, appended
  dynamics.csv     the same of each layer, where training.watch asks for it
  boundary.csv     what the network answers over a plane, where training.record asks for it
  checkpoints/     last.safetensors, the one before it (previous), best.safetensors
  predictions.npz  targets and outputs, and the outputs over the plotting grid
  plots/           loss.png, accuracy.png …
"""

from __future__ import annotations

import hashlib
import io
import os
import shlex
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minidl.errors import DamagedError, RunError
from minidl.store import checkpoint, files, folders, system
from minidl.store.locks import is_locked
from minidl.store.metrics import MetricsFile
from minidl.store.names import check_name, unique_name
from minidl.store.run_record import STATUSES, RunRecord

if TYPE_CHECKING:
    import numpy as np
    import torch

_CONFIG, _RECORD = "config.yaml", "run.json"
SWEEP = "sweep.yaml"  # what makes a folder of runs a sweep


class RunFolder:
    """One run on the disk. Every method reads or writes one file; errors are RunErrors."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Use `create` or `open`: this checks nothing."""
        self.path = Path(path)
        self.metrics = MetricsFile(self.metrics_path)
        self.dynamics = MetricsFile(self.path / "dynamics.csv")
        self.boundary = MetricsFile(self.path / "boundary.csv")
        # Beside metrics.csv, where they are asked for.
        self.further = {"dynamics": self.dynamics, "boundary": self.boundary}

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    @classmethod
    def create(
        cls,
        runs_dir: str | os.PathLike[str],
        *,
        stem: str,
        config_text: str,
        record: RunRecord | None = None,
        name: str | None = None,
        overwrite: bool = False,
    ) -> RunFolder:
        """A new folder in `runs_dir` that holds config.yaml, and run.json if `record` is given.

        It is called `name`, or `<stem>-<date>-<time>-<hash>`. Raises RunError where the name is
        unsafe or taken; `overwrite` deletes what is there, if that is a run folder.
        """
        path = run_path(runs_dir, stem=stem, config_text=config_text, name=name)
        return cls.create_at(path, config_text=config_text, record=record, overwrite=overwrite)

    @classmethod
    def create_at(
        cls,
        folder: Path,
        *,
        config_text: str,
        record: RunRecord | None = None,
        overwrite: bool = False,
        tidy: bool = True,
    ) -> RunFolder:
        """The same with a path of `run_path`, which the caller may have locked.

        Without `tidy`, what a killed process left beside it is cleared away by somebody else, once
        for all runs.
        """
        folders.refuse_link(folder)
        if system.stat_of(folder) is not None:
            if not overwrite:
                raise RunError(f"{folder}: exists already (choose another --name, or --overwrite)")
            empty = files.is_folder(folder) and not files.entries(folder)
            if not (empty or is_run(folder)):
                raise RunError(f"{folder}: isn't a run folder, so --overwrite leaves it alone")
        contents = {_CONFIG: config_text.encode()}
        if record is not None:
            contents[_RECORD] = record.encode()
        folders.new(folder, contents, overwrite=overwrite, tidy=tidy)
        return cls(folder)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> RunFolder:
        """An existing folder that holds a config.yaml or a run.json."""
        folder = Path(path)
        need_folder(folder)
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
    def sweep(self) -> Path | None:
        """The folder of the sweep that it belongs to."""
        above = (self.path if self.path.parent.name else self.path.absolute()).parent
        return above if is_sweep(above) else None

    @property
    def sweep_name(self) -> str | None:
        above = self.sweep
        return above.name if above else None

    @property
    def status(self) -> str:
        """One of STATUSES, or "broken" where run.json is missing or damaged.

        Raises WriteError where the disk fails: what can't be read may be a result.
        """
        try:
            return _status(self.read_record())
        except DamagedError:
            return "broken"

    def status_now(self, record: RunRecord) -> str:
        """What its record says, but "interrupted" where nobody works on a running one.

        For a killed run can't say so. A run is worked on where it is locked, or the sweep that it
        belongs to.
        """
        status = _status(record)
        if status != "running":
            return status
        return status if is_locked(self.sweep or self.path) else "interrupted"

    # run.json

    def write_record(self, record: RunRecord) -> None:
        """Replaces run.json."""
        files.write_atomic(self.record_path, record.encode())

    def read_record(self) -> RunRecord:
        try:
            return RunRecord.decode(files.read_sound(self.record_path))
        except ValueError as error:
            raise DamagedError(f"{self.record_path}: is damaged: {error}") from error

    def check_config(self, record: RunRecord) -> None:
        """Raises RunError where config.yaml isn't what the record says that the run began with."""
        if record.config_sha256 is not None:
            self.read_config(record)

    def read_config(self, record: RunRecord) -> bytes:
        """The bytes of config.yaml, checked where run.json holds their SHA-256."""
        content = files.read_sound(self.config_path)
        if record.config_sha256 not in (None, hashlib.sha256(content).hexdigest()):
            raise RunError(
                f"{self.config_path}: isn't what the run began with: its SHA-256 differs"
            )
        return content

    # metrics.csv

    def append_metrics(self, *rows: Mapping[str, float | int | None]) -> None:
        """Adds rows; the first row's keys are the header, and every later row has the same."""
        self.metrics.append(*rows)

    def force_rows(self) -> None:
        """Forces the rows to the disk, before what relies on them is written."""
        self.metrics.force()
        for rows in self.further.values():
            rows.force()

    def marks(self) -> dict[str, Any]:
        """The marks of metrics.csv and, where there are any, of further tables."""
        there = {name: rows for name, rows in self.further.items() if files.is_file(rows.path)}
        return {"metrics": self.metrics.mark(), **{k: rows.mark() for k, rows in there.items()}}

    def read_columns(self, record: RunRecord | None = None) -> dict[str, list[float]]:
        """metrics.csv by column, checked where run.json holds its checksum (see MetricsFile).

        `record` is what run.json holds, where it has been read.
        """
        if record is None and files.is_file(self.record_path):
            record = self.read_record()
        return self.metrics.read(record.metrics if record else None, whole=True)

    def read_last_row(self, record: RunRecord) -> dict[str, float]:
        """The last row of metrics.csv, checked in the same way; empty where there is none."""
        return self.metrics.read_last(record.metrics)

    # checkpoints/

    def save_checkpoint(
        self,
        name: str,
        tensors: Mapping[str, torch.Tensor],
        state: Mapping[str, Any],
        *,
        keep: str | None = None,
    ) -> None:
        """Replaces checkpoints/<name>.safetensors, and keeps what it was under the name `keep`.

        `state` is what JSON can hold.
        """
        path = self.checkpoint_path(name)
        folders.make(path.parent)
        kept = None if keep is None else self.checkpoint_path(keep)
        files.write_atomic(path, checkpoint.encode(tensors, state), keep=kept)

    def save_last(self, tensors: Mapping[str, torch.Tensor], state: Mapping[str, Any]) -> None:
        """Writes what a run goes on from (restart.py): it stands for metrics.csv as it is now."""
        self.force_rows()
        state = {**state, **self.marks()}
        self.save_checkpoint("last", tensors, state, keep="previous")

    def has_checkpoint(self, name: str) -> bool:
        return files.is_file(self.checkpoint_path(name))

    def load_checkpoint(self, name: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Tensors (on the CPU) and state; DamagedError where the file is missing or damaged."""
        path = self.checkpoint_path(name)
        try:
            return checkpoint.decode(files.read_sound(path, checkpoint.MOST_BYTES))
        except ValueError as error:
            raise DamagedError(f"{path}: {error}") from error

    # predictions.npz

    def write_predictions(self, arrays: Mapping[str, np.ndarray]) -> None:
        import numpy as np

        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **arrays)
        files.write_atomic(self.predictions_path, content.getvalue())

    def read_predictions(self) -> dict[str, np.ndarray]:
        import numpy as np

        content = io.BytesIO(files.read_sound(self.predictions_path))
        try:
            with np.load(content, allow_pickle=False) as arrays:
                return dict(arrays)
        except (ValueError, EOFError, OSError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise DamagedError(f"{self.predictions_path}: is damaged: {error}") from error

    # plots/

    def write_plot(self, name: str, png: bytes) -> Path:
        path = self.plot_path(name)
        folders.make(path.parent)
        files.write_atomic(path, png)
        return path


def _status(record: RunRecord) -> str:
    return record.status if record.status in STATUSES else "broken"


def run_path(
    runs_dir: str | os.PathLike[str], *, stem: str, config_text: str, name: str | None = None
) -> Path:
    """Where a new run will lie. Raises RunError where the name is unsafe."""
    check_name(stem if name is None else name)
    return Path(runs_dir) / (unique_name(stem, config_text) if name is None else name)


def resume_command(folder: Path) -> str:
    """What to type to go on with a run or a sweep that was stopped."""
    return f"minidl resume {shlex.quote(str(folder))}"


def is_run(path: Path) -> bool:
    """Whether a folder holds a config.yaml or a run.json."""
    return any(files.is_file(path / name) for name in (_CONFIG, _RECORD))


def is_sweep(path: Path) -> bool:
    """Whether a folder holds a sweep."""
    return files.is_file(path / SWEEP)


def need_folder(path: Path) -> None:
    """Raises RunError where a path isn't a folder."""
    if not files.is_folder(path):
        problem = "isn't a folder" if system.stat_of(path) else "no such folder"
        raise RunError(f"{path}: {problem}")
