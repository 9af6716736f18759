"""Where a run that stopped goes on: the newest checkpoint that is sound, and the rows up to it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from minidl import files, folders
from minidl.errors import RunError

if TYPE_CHECKING:
    import torch

    from minidl.runs import RunFolder

_NO_ROWS = {"bytes": 0, "sha256": hashlib.sha256().hexdigest()}
# What a run that goes on from a checkpoint (or from none) no longer needs.
_OUTDATED = {
    "last": (),
    "previous": ("last",),
    "stack": ("last", "previous"),
    "": ("last", "previous", "best"),
}


class RestartWarning(UserWarning):
    """What has to be trained again, and why."""


class DamageWarning(RestartWarning):
    """A file of a run folder is damaged, and what is done about it."""


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
    def find(cls, folder: RunFolder) -> Restart:
        """The newest one in a run folder. Raises WriteError where the disk fails."""
        damage: list[str] = []
        # Between two renames a kill leaves `previous` alone, which is no damage.
        for name in filter(folder.has_checkpoint, ("last", "previous")):
            try:
                tensors, state = folder.load_checkpoint(name)
                columns = folder.metrics.read(state.get("metrics") or {})
            except files.WriteError:
                raise  # the disk, not the file
            except RunError as error:
                damage.append(str(error))
            else:
                return cls(name, tensors, state, columns, tuple(damage))
        return cls(damage=tuple(dict.fromkeys(damage)))

    @classmethod
    def of(
        cls, folder: RunFolder, tensors: dict[str, torch.Tensor], state: dict[str, Any]
    ) -> Restart:
        """A state in a stack's checkpoint. Raises RunError if metrics.csv is damaged."""
        return cls("stack", tensors, state, folder.metrics.read(state.get("metrics") or {}))

    def rewind(self, folder: RunFolder) -> None:
        """Drop what came later, what is damaged, and what a killed process left half-written."""
        for path in (folder.path, folder.path / "checkpoints", folder.path / "plots"):
            folders.remove_temporaries(path)
        for name in _OUTDATED[self.checkpoint]:
            files.remove(folder.checkpoint_path(name))
        folder.metrics.cut(self.state.get("metrics") or _NO_ROWS)
