"""Variables of the environment that Python, matplotlib, a terminal or minidl itself reads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from attempts import Part, in_parts

CONFIG = """\
data: {type: moons, train: 30, test: 10}
model: {type: mlp, hidden: [3]}
loss: bce_with_logits
training: {epochs: 2, batch_size: 10}
"""
MATPLOTLIBRC = """\
backend: nowhere
text.usetex: True
figure.figsize: abc
font.size: 40
axes.facecolor: red
savefig.dpi: 10
"""
# All at once: figures come out as ever.
IGNORED = {
    "MPLBACKEND": "nowhere",
    "MATPLOTLIBRC": "matplotlibrc",
    "TZ": ":/dev/zero",
    "COLUMNS": "0",
    "LINES": "abc",
    "TERM": "nowhere",
    "PYTHONWARNINGS": "nowhere",
}
# One at a time: what can't be is said, in a line.
OTHERS = [
    *(("LC_ALL", value) for value in ("tr_TR.UTF-8", "nowhere", "POSIX")),
    *(("HOME", value) for value in ("", "relative", "/nowhere")),
    *((name, "/proc/nowhere") for name in ("MPLCONFIGDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")),
    *(("OMP_NUM_THREADS", value) for value in ("abc", "0", "-1", "99999999999")),
    *(("MINIDL_LANES", value) for value in ("", "abc", "3", "-1")),
    *(("MINIDL_COMPILE_TIMEOUT", value) for value in ("", "abc", "-1", "nan", "inf")),
    *(("CC", value) for value in ("", "/nowhere", "false", "cc -bogus")),
    *(("PYTHONWARNINGS", "error"), ("PYTHONIOENCODING", "ascii"), ("PYTHONUTF8", "0")),
    *(("PYTHONOPTIMIZE", "2"), ("SOURCE_DATE_EPOCH", "abc"), ("CUDA_VISIBLE_DEVICES", "abc")),
    *(("TZ", "UTC+999"), ("FORCE_COLOR", "1"), ("NO_COLOR", "1"), ("TMPDIR", "/nowhere")),
    *(("COLUMNS", value) for value in ("", "-5", "1", "99999999999")),
]


def train(folder: Path, name: str, **variables: str) -> subprocess.CompletedProcess[str]:
    (folder / "c.yaml").write_text(CONFIG)
    return subprocess.run(
        [sys.executable, "-m", "minidl_cli.main", "train", "c.yaml", "--name", name],
        cwd=folder,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )


def figures(folder: Path, name: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "runs" / name).rglob("*.png")}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_figures_are_drawn_as_ever(tmp_path: Path) -> None:
    usual, other = tmp_path / "usual", tmp_path / "other"
    for folder, variables in ((usual, {}), (other, IGNORED)):
        folder.mkdir()
        if folder == other:
            (folder / "matplotlibrc").write_text(MATPLOTLIBRC)
        finished = train(folder, "a", **variables)
        assert finished.returncode == 0, finished.stderr
    assert len(figures(usual, "a")) > 1
    assert figures(usual, "a") == figures(other, "a")


@in_parts(16, sample=6, every=4)
@pytest.mark.timeout(600)
def test_any_value_of_a_variable(part: Part, tmp_path: Path) -> None:
    wrong = []
    for number, (name, value) in enumerate(part.of(OTHERS)):
        finished = train(tmp_path, str(number), **{name: value})
        if finished.returncode not in (0, 1, 2) or "Traceback" in finished.stderr:
            wrong.append(f"{name}={value}: {finished.returncode}: {finished.stderr}")
    assert not wrong, "\n".join(wrong)
