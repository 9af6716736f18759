"""Each member of a stack leaves behind what it would leave alone."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from sweep.helpers import alone, as_stack, members, planned, sweep
from trainings import columns, distance, spec, train

from minidl.build import Experiment
from minidl.data import Dataset
from minidl.executors import Update
from minidl.runs import RunFolder
from minidl.spec import Spec, load_spec
from minidl.sweep import stack_run
from minidl.sweep.progress import Progress
from minidl.sweep.run import run
from minidl.sweep.stack_run import StackRun

# What the design promises for 50 epochs in float64; rounding alone stays near 1e-14.
TOLERANCE = 1e-8
LONG = ["training.dtype=float64", "training.epochs=50"]
DIVERGING = "optimizer.lr=1e200"


@dataclass(frozen=True)
class Stack:
    """What all members share, what each has for itself, how each ends, how often it shrinks."""

    shared: list[str]
    own: list[list[str]]
    statuses: list[str]
    shrinks: int = 0

    def specs(self) -> list[Spec]:
        return [spec(*LONG, *self.shared, *one) for one in self.own]


STACKS = {
    "sgd with rate, momentum, decay, start, schedule, dropout and seed of its own": Stack(
        ["loss=bce_with_logits", "training.clip_norm=1"],
        [
            ["optimizer.lr=0.3", "model.init=he", "schedule={type: cosine, warmup: 3}"],
            ["optimizer.momentum=0.9", "seed=1", "schedule={type: step, step_size: 9}"],
            ["optimizer.weight_decay=0.01", "model.init={constant: 0.1}"],
            ["model.dropout=0.3", "model.init=xavier", "schedule.warmup=5"],
        ],
        ["done"] * 4,
    ),
    "adam with betas, eps, decay and dropout of its own": Stack(
        ["loss=cross_entropy", "optimizer={type: adam, lr: 0.01}"],
        [
            ["optimizer.betas=[0.5, 0.9]", "model.dropout=0.5"],
            ["optimizer.eps=0.1", "model.dropout=0.1", "training.dropout_seed=5"],
            ["optimizer.weight_decay=0.1", "model.dropout=0.3", "training.seed=6"],
        ],
        ["done"] * 3,
    ),
    "early stopping with the best weights, dropout": Stack(
        [
            "training.early_stopping={metric: test_accuracy, patience: 6}",
            "optimizer={type: adam, lr: 0.02}",
            "model.dropout=0.2",
        ],
        [[f"seed={seed}"] for seed in range(6)],
        ["done"] * 6,
        shrinks=2,
    ),
    "a plateau of its own, evaluated every third epoch, beside two that diverge": Stack(
        [
            "schedule={type: plateau, metric: test_loss, patience: 0, factor: 0.7, warmup: 2}",
            "training.eval_every=3",
        ],
        [["seed=1"], [DIVERGING], ["optimizer.lr=0.5"], [DIVERGING, "seed=4"], ["seed=2"]],
        ["done", "diverged", "done", "diverged", "done"],
    ),
    "all but one diverge, each at an epoch of its own": Stack(
        ["optimizer.momentum=0.9", "model.dropout=0.1", "training.eval_every=2"],
        [
            ["schedule={type: multistep, milestones: [[4, 1e200]]}"],
            ["schedule={type: exponential, factor: 0.95}"],
            ["schedule={type: multistep, milestones: [[11, 1e200]]}"],
        ],
        ["diverged", "done", "diverged"],
        shrinks=1,
    ),
    "a plateau that goes on in a smaller stack": Stack(
        [
            "schedule={type: plateau, metric: train_loss, patience: 1, factor: 0.8, cooldown: 1}",
            "optimizer={type: rmsprop, lr: 0.01, momentum: 0.5, centered: true}",
            "training.stop_at={metric: train_accuracy, value: 0.7}",
        ],
        [
            [f"seed={seed}", f"optimizer.lr={lr}"]
            for seed, lr in enumerate([0.05, 0.002, 0.02, 0.03])
        ],
        ["done"] * 4,
        shrinks=1,
    ),
}


@pytest.fixture(autouse=True)
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minidl.report.plots.draw_run", lambda folder: None)  # they take seconds


@pytest.fixture
def shrinks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many networks the stack had each time that those that still ran went on by themselves."""
    seen: list[int] = []
    original = StackRun._shrink

    def counting(stack: StackRun) -> None:
        seen.append(stack.trainer.networks)
        original(stack)

    monkeypatch.setattr(StackRun, "_shrink", counting)
    return seen


@pytest.mark.parametrize("name", STACKS)
def test_fifty_epochs_in_float64_leave_the_same_folder(
    name: str, tmp_path: Path, shrinks: list[int]
) -> None:
    stack = STACKS[name]
    stacked = as_stack(stack.specs(), tmp_path / "stack")
    singles = [alone(one, tmp_path / "alone") for one in stack.specs()]
    assert [run.status for run in stacked] == stack.statuses
    assert len(shrinks) >= stack.shrinks  # else it proves less than it says
    for mine, shared in zip(singles, stacked, strict=True):
        _same_record(mine, shared)
        _same_metrics(mine, shared)
        _same_checkpoints(mine, shared)
        _same_predictions(mine, shared)


def _same_record(mine: RunFolder, shared: RunFolder) -> None:
    own, other = mine.read_record(), shared.read_record()
    for key in ("status", "reason", "epochs", "steps", "weights", "parameters", "seed", "decision"):
        assert own[key] == other[key], key
    for part in ("final", "best"):
        assert own.get(part, {}).keys() == other.get(part, {}).keys()
        for key, value in own.get(part, {}).items():
            if key not in ("seconds", "metric"):
                _close(other[part][key], value)
    assert mine.config_path.read_text() == shared.config_path.read_text()


def _close(shared: float | None, mine: float | None) -> None:
    near = None if mine is None else pytest.approx(mine, rel=TOLERANCE, abs=TOLERANCE)
    assert shared == near


def _same_metrics(mine: RunFolder, shared: RunFolder) -> None:
    own, other = columns(mine), columns(shared)
    assert own.keys() == other.keys()
    for name, cells in own.items():
        assert other[name] == pytest.approx(cells, rel=TOLERANCE, abs=TOLERANCE, nan_ok=True), name


def _same_checkpoints(mine: RunFolder, shared: RunFolder) -> None:
    for name in ("last", "best"):
        assert mine.has_checkpoint(name) == shared.has_checkpoint(name)
        if mine.has_checkpoint(name):
            (own, state), (other, other_state) = (
                run.load_checkpoint(name) for run in (mine, shared)
            )
            assert state["finished"] == other_state["finished"]
            assert state.get("optimizer_steps") == other_state.get("optimizer_steps")
            for key in own:
                if not key.startswith(("order", "dropout")):
                    assert distance(other[key], own[key]) < TOLERANCE, key
            if name == "last":
                assert (own["order"] == other["order"]).all()


def _same_predictions(mine: RunFolder, shared: RunFolder) -> None:
    assert mine.predictions_path.exists() == shared.predictions_path.exists()
    if mine.predictions_path.exists():
        own, other = mine.read_predictions(), shared.read_predictions()
        assert own.keys() == other.keys()
        for key, array in own.items():
            np.testing.assert_allclose(other[key], array, rtol=TOLERANCE, atol=TOLERANCE)


def test_a_run_with_a_members_seed_is_that_member(tmp_path: Path) -> None:
    """`minidl sweep … --repeats 3` and `minidl train … seed=2`."""
    done = sweep(tmp_path, *LONG, "optimizer.lr=0.1,0.3", options=["--repeats", 3])
    assert done.code == 0
    single = train(tmp_path, *LONG, "optimizer.lr=0.3", "seed=2").run
    (member,) = [run for run in members(tmp_path) if run.path.name.startswith("lr=0.3,seed=2-")]
    assert load_spec(member.config_path) == load_spec(single.config_path)
    _same_metrics(single, member)
    _same_checkpoints(single, member)
    others = [run for run in members(tmp_path) if run.path != member.path]
    assert all(columns(run) != columns(member) for run in others)


def test_those_who_left_hold_no_memory_of_the_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would hold all of its buffers, beside those of the smaller ones."""
    built: list[weakref.ref[Experiment]] = []
    build = stack_run.build

    def noting(specs: Sequence[Spec], data: Sequence[Dataset]) -> Experiment:
        experiment = build(specs, data)
        built.append(weakref.ref(experiment))
        return experiment

    alive: list[int] = []

    def watch(progress: Progress) -> None:
        gc.collect()
        alive.append(sum(one() is not None for one in built))

    monkeypatch.setattr(stack_run, "build", noting)
    monkeypatch.setattr(stack_run, "EVENT_SECONDS", -1.0)
    plan = planned(tmp_path, "optimizer.lr=0.1,1e30,1e31", "seed=0,1", jobs=1, stack=6)
    StackRun(plan.jobs[0], plan.folder, watch).train()
    assert len(built) == 2
    assert alive[-1] == 1
    assert [run.status for run in members(tmp_path)].count("diverged") == 4


@pytest.mark.parametrize(
    ("overrides", "metric"),
    [(["loss=mse,cross_entropy"], "test_accuracy"), (["data=noisy_sine,friedman1"], "test_mse")],
)
def test_the_best_so_far_is_told_by_a_metric_that_all_losses_share(
    overrides: list[str], metric: str, tmp_path: Path
) -> None:
    told: dict[str, float] = {}

    def watch(update: Update) -> None:
        if update.progress:
            assert update.progress.metric == metric
            told.update(update.progress.best)

    run(planned(tmp_path, *overrides, "training.epochs=5", jobs=1), watch=watch)
    choose = max if metric == "test_accuracy" else min
    for one in members(tmp_path):
        assert told[one.path.name] == choose(columns(one)[metric])
