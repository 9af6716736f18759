"""What only a process of its own shows: signals, pipes, exit codes. A process costs a second."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from trainings import SMALL, minidl

from minidl import __version__
from minidl.store.run_folder import RunFolder

COMMAND = [sys.executable, "-m", "minidl_cli.main"]


def start(folder: Path, *overrides: str) -> subprocess.Popen[str]:
    """A long training, once it has finished an epoch."""
    config = folder / "small.yaml"
    config.write_text(SMALL)
    process = subprocess.Popen(
        [*COMMAND, "train", config, *overrides, "--runs-dir", folder, "--name", "run"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    metrics = folder / "run" / "metrics.csv"
    deadline = time.monotonic() + 60
    while not metrics.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    return process


@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(signal.SIGINT, 130, id="SIGINT"),
        pytest.param(signal.SIGTERM, 143, id="SIGTERM", marks=pytest.mark.slow),
    ],
)
def test_a_signal_ends_a_training_in_good_order(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    process = start(tmp_path, "training.epochs=10000000")
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert "Traceback" not in err
    assert f"interrupted (by {number.name})" in err
    assert f"minidl resume {tmp_path}/run" in err
    assert out == f"{tmp_path}/run\n"
    run = RunFolder.open(tmp_path / "run")
    record = run.read_record()
    assert record.status == "interrupted"
    assert record.epochs == len(run.read_columns()["epoch"]) > 0
    assert run.load_checkpoint("last")[1]["finished"] == record.epochs


@pytest.mark.parametrize("command", ["components", "--help", "list"])
def test_a_closed_pipe_ends_quietly_as_a_shell_knows_it(command: str, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    (tmp_path / "runs" / "r").mkdir(parents=True)
    (tmp_path / "runs" / "r" / "run.json").write_text("{}")
    done = subprocess.run([*COMMAND, command], cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert done.stderr == b""
    assert done.returncode == 141


def test_the_first_line_of_a_longer_output() -> None:
    # 141 unless `head` had read before all was written.
    command = f"{sys.executable} -m minidl_cli.main components | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.stdout == "data  What to learn from.\n"
    assert done.stderr == ""


def test_a_training_outlives_the_reader_of_its_progress(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*COMMAND, "train", "small.yaml", "--name", "run"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=writing,
    )
    os.close(writing)
    assert done.returncode == 0
    assert done.stdout == b"runs/run\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_stdout_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*COMMAND, "schema"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr == "minidl: standard output: No space left on device\n"


def test_the_installed_command_says_its_version() -> None:
    script = Path(sys.executable).parent / "minidl"
    if not script.exists():
        pytest.skip("minidl is not installed beside this Python")
    done = subprocess.run([script, "--version"], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout == f"minidl {__version__}\n"
    assert done.stderr == ""


def test_a_warning_is_one_line_and_the_work_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said once in a sweep, though each of its workers builds a network."""
    values = np.linspace(0, 255, 12 * 64).reshape(12, 1, 8, 8)
    np.savez(tmp_path / "x.npz", input=values, target=values)
    (tmp_path / "c.yaml").write_text(
        "data: {type: arrays, path: x.npz}\ntraining: {epochs: 1}\n"
        "model: {sequential: [{type: conv2d, out_channels: 1, padding: same}, sigmoid]}\n"
    )
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        done = minidl("sweep", "c.yaml", "optimizer.lr=0.1,0.2", "--jobs", 2, "--stack", 1)
    assert done.code == 0
    (line,) = [line for line in done.err.splitlines() if "arning" in line]
    assert line.startswith("minidl: warning: c.yaml:3:9: model: the network ends with a sigmoid")
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    "closed",
    [
        pytest.param(">&-", marks=pytest.mark.slow),
        "2>&-",
        pytest.param("<&- >&- 2>&-", marks=pytest.mark.slow),
    ],
)
def test_closed_streams_cost_a_training_nothing(closed: str, tmp_path: Path) -> None:
    """Nor does a file of the run get the number of standard error, and what is written there."""
    config = tmp_path / "small.yaml"
    config.write_text(SMALL)
    words = [*COMMAND, "train", str(config), "--runs-dir", str(tmp_path), "--name", "run"]
    ended = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0
    assert RunFolder.open(tmp_path / "run").status == "done"
    assert "Error" not in ended.stderr


def test_an_encoding_that_lacks_a_character_gets_its_number() -> None:
    done = subprocess.run(
        [*COMMAND, "components", "adam"],
        env=os.environ | {"PYTHONIOENCODING": "ascii:strict"},
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"The learning rate \u03b7." in done.stdout


def test_a_folder_that_hides_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one of a clone does for whoever starts `python -m minidl_cli.main` above it."""
    import importlib
    import types

    import minidl_cli

    hidden = types.ModuleType("minidl")
    hidden.__file__, hidden.__path__ = None, ["/somewhere/minidl"]
    monkeypatch.setitem(sys.modules, "minidl", hidden)
    with pytest.raises(ImportError, match="the folder /somewhere/minidl hides the package minidl"):
        importlib.reload(minidl_cli)
