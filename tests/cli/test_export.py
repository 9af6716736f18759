"""minidl export: which files it writes, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from trainings import minidl, train

TOY = """\
data: {type: disk, train: 20, test: 10}
model: {mlp: [4]}
training: {epochs: 1}
"""


@pytest.mark.parametrize(
    ("format", "endings"),
    [
        ("torch", {".pt", ".py"}),
        ("safetensors", {".safetensors"}),
        ("python", {".py"}),
        ("c", {".c", ".h"}),
    ],
)
def test_the_files_have_the_runs_name(
    format: str, endings: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train(tmp_path, text=TOY).run
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    finished = minidl("export", run.path, "--format", format)
    assert finished.code == 0, finished.err
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {run.path.name + ending for ending in endings}
    assert {*finished.out.split()} == written
    again = minidl("export", run.path, "--format", format)
    assert again.code == 2
    assert "exists already (use --overwrite to replace it)" in again.err
    assert minidl("export", run.path, "--format", format, "--overwrite").code == 0


def test_a_name_with_another_ending_is_refused(tmp_path: Path) -> None:
    run = train(tmp_path, text=TOY).run
    finished = minidl("export", run.path, "--format", "c", "-o", tmp_path / "net.py")
    assert finished.code == 2
    assert finished.err.endswith("net.py: choose a name that ends with .c\n")


def test_there_must_be_weights(tmp_path: Path) -> None:
    finished = minidl("export", tmp_path / "none", "--format", "c")
    assert finished.code == 2
    assert "no such folder" in finished.err
