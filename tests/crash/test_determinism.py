"""The same config gives the same bytes, today and in another process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from crash.helpers import NORMALISED, command, run_of, runs_of, tensors_equal, whole, without_clock
from crash.server import Server

CONV = "model={type: sequential, layers: [{conv2d: 3}, relu, max_pool2d, flatten, linear]}"
OVERRIDES = {
    "mlp": (),
    "normalised": (NORMALISED, "loss=cross_entropy"),
    "images": (CONV, "data={type: digits, images: true, test_fraction: 0.9}", "loss=cross_entropy"),
    "regression": ("data=noisy_sine", "optimizer={type: sgd, lr: 0.1, momentum: 0.9}"),
}


@pytest.mark.parametrize("name", OVERRIDES)
def test_the_same_config_twice(name: str, server: Server, tmp_path: Path) -> None:
    first, second = (trained(server, tmp_path / str(i), *OVERRIDES[name]) for i in range(2))
    assert_equal(first, second)


def test_the_same_config_in_a_new_process(server: Server, tmp_path: Path) -> None:
    """With other hashes, more threads and another working directory."""
    first = trained(server, tmp_path / "first")
    folder = tmp_path / "second"
    folder.mkdir()
    words = [sys.executable, "-m", "minidl_cli.main", *map(str, command(folder))]
    variables = {"PYTHONHASHSEED": "123", "OMP_NUM_THREADS": "2"}
    variables = {**os.environ, **variables, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(words, env=variables, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert_equal(first, folder)


def test_the_same_sweep_twice(server: Server, tmp_path: Path) -> None:
    for name in ("first", "second"):
        whole(server, tmp_path / name, kind="sweep")
    assert_equal(tmp_path / "first", tmp_path / "second")
    assert len(list(runs_of(tmp_path / "first"))) == 4


def trained(server: Server, folder: Path, *overrides: str) -> Path:
    folder.mkdir()
    ended = server.run(*command(folder, *overrides))
    assert ended.code == 0, ended.err
    return folder


def assert_equal(first: Path, second: Path) -> None:
    for one, other in zip(runs_of(first), runs_of(second), strict=True):
        assert without_clock(one) == without_clock(other)
        assert len(without_clock(one)) == 4
        for name in ("last", "best"):
            assert tensors_equal(one.load_checkpoint(name)[0], other.load_checkpoint(name)[0])
        assert one.config_path.read_bytes() == other.config_path.read_bytes()
    assert run_of(first).path.exists()
