"""The shipped configs load, say how to run them, and train."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from minidl.runs.execute import execute
from minidl.spec import load_spec
from minidl.store.run_folder import RunFolder

ROOT = Path(__file__).parent.parent
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))


def comment(config: Path) -> list[str]:
    """The lines of the comment that opens a config."""
    lines = config.read_text().splitlines()
    end = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    return [line.lstrip("# ") for line in lines[:end]]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_config_is_named_like_its_file_and_says_how_to_run_it(config: Path) -> None:
    assert load_spec(config).name == config.stem
    assert any(line.startswith(f"minidl train configs/{config.name}") for line in comment(config))


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_what_to_change_first_can_be_changed(config: Path) -> None:
    line = next(line for line in comment(config) if line.startswith("Change first: "))
    changes = [word.rstrip(",") for word in shlex.split(line) if "=" in word]
    assert changes
    for change in changes:
        load_spec(config, [change])


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_config_trains(config: Path, tmp_path: Path) -> None:
    spec = load_spec(config, ["training.epochs=2", "device=cpu"])
    if spec.data.type in ("photo_patches", "shapes"):
        fewer = ["data.train=64", "data.test=16"]
        spec = load_spec(config, ["training.epochs=2", "device=cpu", *fewer])
    execute(spec, runs_dir=tmp_path, name="run")
    run = RunFolder.open(tmp_path / "run")
    assert (run.status, run.read_record().epochs) == ("done", 2)
