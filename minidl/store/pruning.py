"""Checkpoints that nothing needs any more."""

from __future__ import annotations

from pathlib import Path

from minidl.store.locks import is_locked
from minidl.store.run_folder import RunFolder
from minidl.store.run_record import ENDED, RunRecord
from minidl.store.system import stat_of

_CHECKPOINTS = ("last", "previous", "best")


def superfluous(run: RunFolder, record: RunRecord) -> list[Path]:
    """The checkpoints of a run that has ended, but for the weights by which it predicts.

    None of a run that somebody works on, that is to go on, or whose weights aren't there.
    """
    kept = record.weights
    if record.status not in ENDED or kept not in _CHECKPOINTS or not run.has_checkpoint(kept):
        return []
    if is_locked(run.sweep or run.path) or is_locked(run.path):
        return []
    paths = (run.checkpoint_path(name) for name in _CHECKPOINTS if name != kept)
    return [path for path in paths if stat_of(path) is not None]
