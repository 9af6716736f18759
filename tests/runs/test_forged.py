"""Checkpoints whose checksum is right and whose content is of another run: one clear message."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from trainings import KilledError, kill_after, minidl, spec

from minidl.errors import RunError
from minidl.runs.execute import execute, resume
from minidl.store import checkpoint
from minidl.store.run_folder import RunFolder

CONFIG = (
    *("training.checkpoint_every=1", "training.epochs=6", "model.dropout=0.2"),
    *("optimizer={type: sgd, lr: 0.1, momentum: 0.9}", "schedule={type: plateau, patience: 0}"),
    "training.early_stopping={metric: test_accuracy, patience: 50}",
)
Tensors = dict[str, Tensor]
State = dict[str, Any]
Forge = Callable[[Tensors, State], object]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("stopped")
    with pytest.raises(KilledError):
        execute(spec(*CONFIG), runs_dir=folder, name="run", observers=[kill_after(5)])
    return RunFolder(folder / "run")


def forged(stopped: RunFolder, tmp_path: Path, forge: Forge) -> RunFolder:
    """A copy whose only checkpoint was changed by somebody who knows how they are sealed."""
    run = RunFolder(tmp_path / "run")
    shutil.copytree(stopped.path, run.path)
    tensors, state = run.load_checkpoint("last")
    forge(tensors, state)
    run.checkpoint_path("previous").unlink()
    run.save_checkpoint("last", tensors, state)
    return run


DROPPED = ("parameters", "order", "optimizer.v", "statistics.dropout_1.step")


@pytest.mark.parametrize("name", DROPPED)
def test_a_tensor_that_is_missing(stopped: RunFolder, tmp_path: Path, name: str) -> None:
    run = forged(stopped, tmp_path, lambda tensors, state: tensors.pop(name))
    with pytest.raises(
        RunError, match=f"the last checkpoint doesn't fit this run: it lacks {name}"
    ):
        resume(run.path)


@pytest.mark.parametrize("name", DROPPED)
@pytest.mark.parametrize("change", [lambda x: x.reshape(-1, 1), lambda x: x.to(torch.float64)])
def test_a_tensor_of_another_kind(
    stopped: RunFolder, tmp_path: Path, name: str, change: Callable[[Tensor], Tensor]
) -> None:
    def forge(tensors: Tensors, state: State) -> None:
        tensors[name] = change(tensors[name])

    run = forged(stopped, tmp_path, forge)
    with pytest.raises(RunError, match=rf"fit this run: {name} is \w+ \[[\d, ]*\], but should be"):
        resume(run.path)


def test_best_weights_that_are_missing(stopped: RunFolder, tmp_path: Path) -> None:
    def forge(tensors: Tensors, state: State) -> None:
        state["best"]["finished"] = 1
        tensors.pop("best.parameters", None)

    with pytest.raises(RunError, match=r"it lacks best\.parameters"):
        resume(forged(stopped, tmp_path, forge).path)


@pytest.mark.parametrize("key", ["train_seconds", "optimizer_steps", "plateau"])
@pytest.mark.parametrize("value", [..., None, "text", ["x"]])
def test_a_state_of_another_kind(
    stopped: RunFolder, tmp_path: Path, key: str, value: object
) -> None:
    def forge(tensors: Tensors, state: State) -> None:
        state.pop(key) if value is ... else state.update({key: value})

    run = forged(stopped, tmp_path, forge)
    with pytest.raises(RunError, match="the last checkpoint doesn't fit this run"):
        resume(run.path)


@pytest.mark.parametrize("epochs", [None, "text", -1, 3, 10**9])
def test_other_epochs_than_rows(stopped: RunFolder, tmp_path: Path, epochs: object) -> None:
    run = forged(stopped, tmp_path, lambda tensors, state: state.update(finished=epochs))
    with pytest.warns(UserWarning, match=f"stands for {epochs} epochs, but for 4 rows"):
        assert resume(run.path).exit_code == 0


def sealed(header: object, body: bytes) -> bytes:
    """A file whose checksum is right, whatever its header says."""
    text = json.dumps(header, separators=(",", ":")).encode()
    content = len(text).to_bytes(8, "little") + text + body
    start = content.index(b'"sha256":"') + 10
    digest = hashlib.sha256(content[:start] + b"0" * 64 + content[start + 64 :]).hexdigest()
    return content[:start] + digest.encode() + content[start + 64 :]


def headers() -> dict[str, object]:
    told = {"sha256": "0" * 64, "state": "{}"}
    return {
        "no metadata": {"x": told},
        "no state": {"__metadata__": {"sha256": "0" * 64}},
        "state too deep": {"__metadata__": {**told, "state": "[" * 100_000}},
        "state no object": {"__metadata__": {**told, "state": "[1]"}},
        "no type": {
            "__metadata__": told,
            "x": {"dtype": "Q9", "shape": [1], "data_offsets": [0, 4]},
        },
        "past the end": {
            "__metadata__": told,
            "x": {"dtype": "F32", "shape": [9], "data_offsets": [0, 36]},
        },
    }


@pytest.mark.parametrize("name", headers())
def test_no_checkpoint_of_minidl(name: str) -> None:
    with pytest.raises(ValueError, match="no checkpoint of minidl"):
        checkpoint.decode(sealed(headers()[name], b"0000"))


def test_it_is_one_line(stopped: RunFolder, tmp_path: Path) -> None:
    run = forged(stopped, tmp_path, lambda tensors, state: tensors.pop("order"))
    finished = minidl("resume", run.path)
    message = f"minidl: {run.path}: the last checkpoint doesn't fit this run: it lacks order\n"
    assert (finished.code, finished.err) == (2, message)
