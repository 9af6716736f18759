"""Trials that Optuna proposes: by results alone, and the same ones again."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import optuna
import pytest
from sweep.helpers import Killed, kill_after, members, searched
from trainings import SMALL, text_of_metrics

from minidl.errors import RunError
from minidl.spec import Sweep, load_sweep
from minidl.sweep.folder import SweepFolder
from minidl.sweep.halving import Value
from minidl.sweep.tpe import tpe

BLOCK = """\
sweep:
  search: {type: tpe, trials: 8, parallel: 3}
  space:
    optimizer.lr: {log_uniform: [1.0e-3, 1.0e+4]}
    optimizer: {choice: [sgd, {type: sgd, momentum: 0.9}]}
    training.batch_size: {int: [15, 17]}
"""


def swept(**search: object) -> Sweep:
    return load_sweep(
        {
            "data": "disk",
            "model": "mlp",
            "sweep": {
                "search": {"type": "tpe", "trials": 40, "parallel": 4, **search},
                "space": {"optimizer.lr": {"uniform": [0.1, 9]}, "seed": {"int": [0, 10**6]}},
            },
        }
    )


def rates(sweep: Sweep, value: Value) -> list[float]:
    """What is proposed where members have these values."""
    assert sweep.space
    search: Any = sweep.search
    found = tpe(search, sweep.space, value)
    return [one.values["optimizer.lr"] for part in found for one in part.members]


def near(rate: float) -> Value:
    return lambda member: abs(member.values["optimizer.lr"] - rate)


def test_trials_gather_where_results_are_good() -> None:
    far = near(3)
    for found in (
        rates(swept(metric="test_loss"), far),
        rates(swept(metric="test_accuracy"), lambda member: -far(member)),
    ):
        assert sum(abs(rate - 3) < 1 for rate in found[20:]) > 10


def test_the_same_values_bring_about_the_same_trials_and_a_seed_others() -> None:
    first = rates(swept(), near(3))
    assert rates(swept(), near(3)) == first
    assert rates(swept(seed=1), near(3)) != first
    assert len(set(first)) == len(first) == 40


def test_what_diverged_is_told_as_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    states = []
    tell = optuna.Study.tell

    def spied(study: optuna.Study, *given: Any, **options: Any) -> Any:
        states.append(options.get("state"))
        return tell(study, *given, **options)

    monkeypatch.setattr(optuna.Study, "tell", spied)
    numbers = iter(range(40))
    rates(swept(), lambda one: math.nan if next(numbers) % 4 else 1.0)
    assert states == [None, *[optuna.trial.TrialState.FAIL] * 3] * 10


@pytest.mark.usefixtures("progress_at_each_epoch", "kept_programs")
@pytest.mark.filterwarnings("ignore:.*before the first checkpoint")
def test_killed_and_resumed_it_has_the_same_trials(tmp_path: Path) -> None:
    """With another number of workers."""
    (tmp_path / "whole").mkdir()
    whole = searched(tmp_path / "whole", SMALL + BLOCK)
    assert [member.trial for member in whole.members] == list(range(8))
    for _ in range(2):
        with pytest.raises(Killed):
            searched(tmp_path, SMALL + BLOCK, watch=kill_after(2))
    again = searched(tmp_path, SMALL + BLOCK, jobs=2)
    assert [member.name for member in again.members] == [one.name for one in whole.members]
    for one, other in zip(members(tmp_path), members(tmp_path / "whole"), strict=True):
        assert text_of_metrics(one) == text_of_metrics(other)

    folder = SweepFolder.open(tmp_path / "runs" / "small")
    assert folder.unbegun() == (0, 8)
    larger = BLOCK.replace("trials: 8", "trials: 9")
    assert len(searched(tmp_path, SMALL + larger).members) == 9
    for block in (BLOCK, larger.replace("e+4", "e+3")):
        with pytest.raises(RunError, match="holds another sweep"):
            searched(tmp_path, SMALL + block)


@pytest.mark.usefixtures("kept_programs")
def test_in_a_small_space_each_point_is_trained_once(tmp_path: Path) -> None:
    block = "sweep: {search: {type: tpe, trials: 6}, space: {seed: {int: [1, 2]}}, repeats: 1}\n"
    outcome = searched(tmp_path, SMALL + block)
    assert sorted(member.spec.seed for member in outcome.members) == [1, 2]
    assert outcome.folder.unbegun() == (0, 0)


def test_without_optuna_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(RunError) as caught:
        rates(swept(), near(3))
    assert str(caught.value) == 'TPE needs the package optuna: pip install "minidl[search]"'
