"""Where a run that stopped goes on: the newest checkpoint that is sound, and the rows up to it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from minidl.errors import DamagedError, RunError
from minidl.store import files, folders
from minidl.train.weights import tensor

if TYPE_CHECKING:
    import torch

    from minidl.store.run_folder import RunFolder
    from minidl.train.trainer import Trainer

    State = tuple[dict[str, torch.Tensor], dict[str, Any]]

BEST = "best."  # before the names of the best weights, in a checkpoint
_NO_ROWS = {"bytes": 0, "sha256": hashlib.sha256().hexdigest()}
# What a run that goes on from a checkpoint (or from none) no longer needs.
_OUTDATED = {
    "last": (),
    "previous": ("last",),
    "": ("last", "previous", "best"),
}


@dataclass(frozen=True)
class Restart:
    """A checkpoint with the rows of metrics.csv that it stands for; the beginning has neither."""

    checkpoint: str = ""  # its name
    tensors: dict[str, torch.Tensor] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)
    columns: dict[str, list[float]] = field(default_factory=dict)
    damage: tuple[str, ...] = ()  # why it is no later one: a line each

    @property
    def epoch(self) -> int:
        """The last one that needn't be trained again."""
        return int(self.state.get("finished", 0))

    def __str__(self) -> str:
        """What is damaged, and what is done about it."""
        if not self.checkpoint:
            return f"{'; '.join(self.damage)}: training starts again from the beginning"
        where = f"the {self.checkpoint} checkpoint, of epoch {self.epoch}"
        return f"{'; '.join(self.damage)}: training goes on from {where}"

    @classmethod
    def find(cls, folder: RunFolder, latest: float = math.inf) -> Restart:
        """The newest one in a run folder, of the epoch `latest` or an earlier one.

        Raises WriteError where the disk fails.
        """
        damage: list[str] = []
        # Between two renames a kill leaves `previous` alone, which is no damage.
        for name in filter(folder.has_checkpoint, ("last", "previous")):
            try:
                found = cls._of(folder, name, *folder.load_checkpoint(name), tuple(damage))
                if found.epoch <= latest:
                    return found
            except DamagedError as error:
                damage.append(str(error))
        return cls(damage=tuple(dict.fromkeys(damage)))

    @classmethod
    def _of(
        cls,
        folder: RunFolder,
        name: str,
        tensors: dict[str, torch.Tensor],
        state: dict[str, Any],
        damage: tuple[str, ...] = (),
    ) -> Restart:
        mark = state.get("metrics")
        columns = folder.metrics.read(mark if isinstance(mark, dict) else {})
        for further, beside in folder.further.items():
            if isinstance(mark := state.get(further), dict):
                beside.read(mark)
        rows = len(columns.get("epoch", ()))
        if state.get("finished") != rows:
            what = f"stands for {state.get('finished')} epochs, but for {rows} rows of metrics.csv"
            raise DamagedError(f"{folder.path}: the {name} checkpoint {what}")
        return cls(name, tensors, state, columns, damage)

    def restore(self, trainer: Trainer, folder: RunFolder) -> State | None:
        """Let a training go on from here; returns the best weights so far.

        Raises RunError where the checkpoint is of another network.
        """
        try:
            trainer.restore(self.tensors, self.state)
            return self._best(trainer.weights())
        except ValueError as error:
            message = f"the {self.checkpoint} checkpoint doesn't fit this run: {error}"
            raise RunError(f"{folder.path}: {message}") from error

    def _best(self, like: Mapping[str, torch.Tensor]) -> State | None:
        """The best weights that the checkpoint holds: its own ones, if its epoch was the best."""
        best = self.state.get("best")
        if best is None:
            return None
        if not isinstance(best, dict) or not isinstance(best.get("finished"), int):
            raise ValueError("it doesn't say which epoch was the best")
        prefix = "" if best["finished"] == self.epoch else BEST
        return {
            name: tensor(self.tensors, f"{prefix}{name}", values) for name, values in like.items()
        }, best

    def rewind(self, folder: RunFolder) -> None:
        """Drop what came later, what is damaged, and what a killed process left half-written."""
        for path in (folder.path, folder.path / "checkpoints", folder.path / "plots"):
            folders.remove_temporaries(path)
        for name in _OUTDATED[self.checkpoint]:
            files.remove(folder.checkpoint_path(name))
        folder.metrics.cut(self.state.get("metrics") or _NO_ROWS)
        for name, beside in folder.further.items():
            beside.cut(self.state.get(name) or _NO_ROWS)
