"""minidl lr: which learning rate suits a config."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from trainings import SMALL, Finished, minidl

from minidl.report.members.rates import Rates


def lr(folder: Path, *arguments: object, text: str = SMALL) -> Finished:
    config = folder / "small.yaml"
    config.write_text(text)
    return minidl("lr", config, "--runs-dir", folder / "runs", *arguments)


def test_it_trains_each_rate_and_says_which_suits(tmp_path: Path) -> None:
    done = lr(tmp_path, "--count", 7, "--epochs", 2, "--high", 1000)
    assert done.code == 0, done.err
    assert done.out == f"{tmp_path / 'runs' / 'small-lr'}\n"
    assert re.search(r"optimizer\.lr=\S+ suits \(the config has 0\.1\)", done.err)
    assert "; training diverges from " in done.err
    assert (tmp_path / "runs" / "small-lr" / "plots" / "lr.png").is_file()


def test_the_same_command_again_trains_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        done = lr(tmp_path, "--count", 5, "--epochs", 1)
    assert "5 of 5 done before" in done.err


def test_a_schedule_and_what_ends_a_training_early_are_left_out(tmp_path: Path) -> None:
    ending = "schedule: {type: cosine, epochs: 5}\n"
    done = lr(tmp_path, "--count", 5, "--epochs", 2, "-q", text=SMALL + ending)
    assert done.code == 0, done.err
    config = next((tmp_path / "runs" / "small-lr").glob("*/config.yaml")).read_text()
    assert "type: constant" in config
    assert "early_stopping: null" in config


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--low", 2, "--high", 1], "expected 0 < low < high"),
        (["optimizer.lr=1,2"], "a comma makes a list of runs"),
        (["--count", 3], "'--count'"),
    ],
)
def test_what_makes_no_rates_is_refused(
    tmp_path: Path, arguments: list[object], message: str
) -> None:
    done = lr(tmp_path, *arguments)
    assert done.code == 2
    assert message in done.err
    assert not (tmp_path / "runs").exists()


def rates(*losses: float) -> Rates:
    return Rates(np.geomspace(1e-6, 10, len(losses)), np.array(losses, dtype=float))


def test_one_lucky_run_is_not_the_rate_to_take() -> None:
    found = rates(1, 1, 1, 0.9, 0.01, 0.9, 0.7, 0.5, 0.4, 0.3, 0.4, 0.6, np.nan, np.nan)
    assert found.suggested == found.rates[9]
    assert found.diverges_from == found.rates[12]


def test_a_loss_far_beyond_the_first_counts_as_diverged() -> None:
    found = rates(1, 1, 1, 1, 0.9, 0.8, 0.7, 0.6, 1e9, np.nan)
    assert found.diverges_from == found.rates[8]
    assert found.suggested in found.rates[5:8]


def test_where_all_diverge_no_rate_suits() -> None:
    found = rates(*[np.nan] * 6)
    assert (found.suggested, found.diverges_from) == (None, found.rates[0])
