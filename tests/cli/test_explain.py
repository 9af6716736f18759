"""explain and at: what they print, write and refuse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from explained import TINY
from trainings import minidl, train

pytestmark = pytest.mark.usefixtures("kept_programs")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return train(tmp_path, text=TINY, options=("--name", "run")).run.path


def test_explain_shows_the_network_as_a_table(config: Path) -> None:
    done = minidl("explain", config)
    assert done.code == 0
    assert "fc_1   Linear   2                6        4         8" in done.out
    assert "Sigmoid  y = 1 / (1 + e⁻ˣ)" in done.out
    layers = json.loads(minidl("explain", config, "--format", "json").out)["tables"][0]["rows"]
    assert [row["layer"] for row in layers] == ["fc_1", "act_1", "fc_2", "total"]
    assert "| fc\\_1 | Linear" in minidl("explain", config, "--format", "md").out.replace(
        "_1", "\\_1"
    )
    assert r"\begin{tabular}" in minidl("explain", config, "--format", "latex").out


def test_explain_takes_the_first_run_of_a_study(config: Path) -> None:
    config.write_text(TINY + "sweep: {grid: {model.hidden: [[3], [4]]}}\n")
    done = minidl("explain", config)
    assert "fc_1   Linear   3 " in done.out
    assert "Of 2 runs, the first: " in done.out


def test_explain_shows_a_step_of_a_config_and_of_a_run(config: Path, run: Path) -> None:
    of_config, of_run = (minidl("explain", path, "--step", 7) for path in (config, run))
    assert of_config.out.splitlines()[1:] == of_run.out.splitlines()[1:]
    assert of_run.out.startswith(f"Step 7 of {run}: step 2 of epoch 2, sample 0 of 5: number ")
    other = minidl("explain", run, "--step", 7, "--sample", 1)
    assert other.out != of_run.out
    chain = minidl("explain", run, "--step", 7, "--weight", "fc_1[1,0]")
    assert chain.out.startswith(f"fc_1.weight[1, 0] in step 7 of {run}")


def test_explain_shows_code(config: Path) -> None:
    done = minidl("explain", config, "--code", "--format", "md")
    assert "### Python: Linear" in done.out
    assert "```c" in done.out


def test_at_shows_and_writes_a_step(run: Path, tmp_path: Path) -> None:
    checkpoint, arrays = tmp_path / "c.safetensors", tmp_path / "a.npz"
    done = minidl("at", run, "--step", 20, "-o", checkpoint, "--arrays", arrays)
    assert done.code == 0
    assert f"{run} after step 20: step 5 of epoch 4" in done.out
    assert checkpoint.read_bytes() == (run / "checkpoints" / "last.safetensors").read_bytes()
    with np.load(arrays) as found:
        assert found["fc_1.weight"].shape == found["fc_1.weight.grad"].shape == (2, 2)
        assert found["act_1.output"].shape == (3, 2)
    again = minidl("at", run, "--step", 20, "-o", checkpoint)
    assert (again.code, again.err) == (
        2,
        f"minidl: {checkpoint}: exists already (use --overwrite to replace it)\n",
    )


def test_at_forks_a_run(run: Path) -> None:
    options = "--fork", "optimizer.lr=0.01", "--name", "other", "--runs-dir", run.parent, "-q"
    done = minidl("at", run, "--step", 10, *options)
    assert done.code == 0
    assert done.out == f"{run.parent / 'other'}\n"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("explain", "RUN", "--step", 21), "RUN: has no step 21: there are 20, 4 epochs of 5"),
        (("explain", "RUN", "--step", 5, "--sample", 3), "--sample: step 5 has no sample 3: the"),
        (("explain", "RUN", "--weight", "fc_3[0,0]"), "--weight: no parameter 'fc_3': there are"),
        (
            ("explain", "RUN", "--weight", "fc_2[0,0]", "--sample", 1),
            "--weight adds up all samples",
        ),
        (("explain", "RUN", "--code", "--step", 1), "--code shows the network's code: leave out"),
        (("explain", "RUN", "optimizer.lr=1", "--step", 1), "RUN: is a run, which repeats as it"),
        (("at", "RUN", "--step", 21), "RUN: has no step 21"),
        (("at", "RUN", "--step", 7, "--fork", "seed=1", "--name", "x"), "choose step 5 or 10"),
        (("at", "RUN", "--step", 5, "--fork", "seed=1"), "a fork needs both"),
        (("at", "nothing", "--step", 1), "nothing: no such folder"),
    ],
)
def test_bad_input_is_one_line(run: Path, arguments: tuple[object, ...], problem: str) -> None:
    done = minidl(*(run if argument == "RUN" else argument for argument in arguments))
    assert done.code == 2
    assert problem.replace("RUN", str(run)) in done.err
    assert done.err.count("\n") == 1
    assert done.out == ""
