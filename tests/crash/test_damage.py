"""A file that was cut short or changed is told, never loaded; what is sound is used."""

from __future__ import annotations

import csv
import io
import random
import re
import shutil
import warnings
from pathlib import Path

import pytest
from attempts import TIMES
from crash.helpers import assert_same, copy
from trainings import KilledError, kill_after, minidl, spec

from minidl.errors import DamageWarning, RunError
from minidl.runs.execute import execute, resume
from minidl.runs.restart import Restart
from minidl.store.run_folder import RunFolder

pytestmark = [pytest.mark.torture]

CONFIG = (
    *("training.checkpoint_every=1", "training.epochs=6", "optimizer=adam", "model.dropout=0.2"),
    "training.early_stopping={patience: 50, restore_best: true}",
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that came to its end."""
    folder = tmp_path_factory.mktemp("whole") / "runs"
    return execute(spec(*CONFIG), runs_dir=folder, name="run").run.folder


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The same run, killed in epoch 5: its checkpoints are those of epochs 4 and 3."""
    folder = tmp_path_factory.mktemp("stopped") / "runs"
    with pytest.raises(KilledError):
        execute(spec(*CONFIG), runs_dir=folder, name="run", observers=[kill_after(5)])
    return RunFolder(folder / "run")


def another(run: RunFolder, tmp_path: Path) -> RunFolder:
    shutil.rmtree(tmp_path / "runs", ignore_errors=True)
    return RunFolder(copy(run.path, tmp_path / "runs" / "run"))


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position % len(content)] ^= 1 << position % 8
    path.write_bytes(content)


DAMAGE = {  # of which files → from which epoch it goes on, and what is said to be damaged
    ("last",): (3, r"last\.safetensors: .*: training goes on from the previous checkpoint, of ep"),
    ("last", "previous"): (0, r"previous\.safetensors: .*: training starts again"),
    ("best",): (4, ""),
    ("previous",): (4, ""),
    ("last", "best"): (3, r"last\.safetensors"),
    ("metrics, first row",): (0, r"metrics\.csv: is damaged: .*: training starts again"),
    ("metrics, last row",): (3, r"metrics\.csv: is damaged: .*: training goes on from the prev"),
}


@pytest.mark.parametrize("parts", DAMAGE, ids=" and ".join)
def test_what_is_damaged_is_trained_again(
    parts: tuple[str, ...], whole: RunFolder, stopped: RunFolder, tmp_path: Path
) -> None:
    run = another(stopped, tmp_path)
    epoch, said = DAMAGE[parts]
    rows = run.metrics_path.read_bytes().splitlines(keepends=True)
    for part in parts:
        if part.startswith("metrics"):
            last = sum(map(len, rows[:5])) - 5  # that of the last checkpoint
            flip(run.metrics_path, len(rows[0]) + 3 if "first" in part else last)
        else:
            flip(run.checkpoint_path(part), 12_345)
    assert Restart.find(run).epoch == epoch
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        resume(run.path)
    assert_same(run, whole)
    if said:
        (warning,) = caught
        assert warning.category is DamageWarning
        assert re.search(said, str(warning.message))
    else:
        assert not caught


def test_the_command_says_what_is_damaged_in_one_line(stopped: RunFolder, tmp_path: Path) -> None:
    run = another(stopped, tmp_path)
    flip(run.checkpoint_path("last"), 999)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        ended = minidl("resume", run.path, "--quiet")
    assert ended.code == 0
    assert ended.err == (
        f"minidl: warning: {run.checkpoint_path('last')}: the checksum doesn't fit: the file is "
        "damaged: training goes on from the previous checkpoint, of epoch 3\n"
    )


def test_metrics_cut_at_any_byte_are_told(
    whole: RunFolder, stopped: RunFolder, tmp_path: Path
) -> None:
    """In a run that has ended, by whoever reads them; in one that goes on, by `resume`."""
    for run in (another(whole, tmp_path / "a"), another(stopped, tmp_path / "b")):
        content = run.metrics_path.read_bytes()
        for length in range(len(content)):
            run.metrics_path.write_bytes(content[:length])
            assert_told(run, length)


def test_metrics_changed_at_any_byte_are_told(
    whole: RunFolder, stopped: RunFolder, tmp_path: Path
) -> None:
    for run in (another(whole, tmp_path / "a"), another(stopped, tmp_path / "b")):
        content = run.metrics_path.read_bytes()
        for position in range(len(content)):
            run.metrics_path.write_bytes(content)
            flip(run.metrics_path, position)
            assert_told(run, position)


def assert_told(run: RunFolder, position: int) -> None:
    """The record of either run holds a checksum, as does each checkpoint."""
    with pytest.raises(RunError, match=r"metrics\.csv: is damaged"):
        run.read_columns()
    restart = Restart.find(run)
    if position >= run.load_checkpoint("last")[1]["metrics"]["bytes"]:
        assert restart.damage == ()  # the row of an epoch that is trained again
        return
    assert restart.checkpoint != "last"
    assert any("metrics.csv: is damaged" in line for line in restart.damage)
    if restart.checkpoint:  # then the rows up to it are those that were written
        assert restart.columns["epoch"] == list(range(1, restart.epoch + 1))


@pytest.mark.parametrize("name", ["last", "best"])
def test_a_damaged_checkpoint_is_never_loaded(name: str, whole: RunFolder, tmp_path: Path) -> None:
    run = another(whole, tmp_path)
    path = run.checkpoint_path(name)
    content = path.read_bytes()
    generator = random.Random(name)
    for _ in range(256 * TIMES):
        path.write_bytes(content[: generator.randrange(len(content))])
        with pytest.raises(RunError, match=f"{name}\\.safetensors: "):
            run.load_checkpoint(name)
    for _ in range(500 * TIMES):
        changed = bytearray(content)
        changed[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
        path.write_bytes(changed)
        with pytest.raises(RunError, match=f"{name}\\.safetensors: "):
            run.load_checkpoint(name)


def test_a_report_marks_a_damaged_run_and_goes_on(whole: RunFolder, tmp_path: Path) -> None:
    for name in ("sound", "metrics", "config"):
        copy(whole.path, tmp_path / name)
    flip(tmp_path / "metrics" / "metrics.csv", 200)
    config = tmp_path / "config" / "config.yaml"
    config.write_text(config.read_text().replace("lr: 0.001", "lr: 0.002"))
    ended = minidl("report", tmp_path, "--format", "json")
    assert ended.code == 0
    assert "metrics.csv: is damaged: the checksum doesn't fit" in ended.out
    assert "config.yaml: isn't what the run began with" in ended.out
    listed = minidl("list", "--runs-dir", tmp_path, "--format", "csv").out
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(listed))}
    statuses = {name: row["status"] for name, row in rows.items()}
    assert statuses == {"sound": "done", "metrics": "broken", "config": "done"}
    problem = "metrics.csv: is damaged: the checksum doesn't fit"
    assert rows["metrics"]["problem"] == f"{tmp_path}/metrics/{problem}"


@pytest.mark.parametrize("file", ["run.json", "config.yaml"])
@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_a_damaged_record_or_config_is_one_line(
    file: str, damage: str, stopped: RunFolder, tmp_path: Path
) -> None:
    run = another(stopped, tmp_path)
    path = run.path / file
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        middle = content.index(b"seed") + 6
        rest = b"" if damage == "cut" else content[middle:].replace(b"0", b"7", 1)
        path.write_bytes(content[:middle] + rest)
    ended = minidl("resume", run.path)
    assert (ended.code, ended.out) == (2, "")
    assert file in ended.err
    assert len(ended.err.splitlines()) == 1
