"""What the tests of sweeps share: small sweeps, killed ones, and members beside single runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from trainings import SMALL, Finished, minidl, text_of_metrics

from minidl.runs.execute import execute
from minidl.spec import Spec, Sweep, load_sweep
from minidl.store.run_folder import RunFolder, is_run
from minidl.sweep.folder import SweepFolder
from minidl.sweep.plan import SweepPlan, plan
from minidl.sweep.run import SweepOutcome, run
from minidl.sweep.search import carry_out, checked, plans
from minidl.sweep.worker import News

KINDS = "loss=mse,bce_with_logits,cross_entropy"  # of three kinds


def sweep(
    folder: Path, *overrides: str, text: str = SMALL, options: Sequence[object] = ()
) -> Finished:
    """`minidl sweep` of a config in `folder`, into `folder`/runs/small."""
    config = folder / "small.yaml"
    config.write_text(text)
    return minidl(
        "sweep", config, *overrides, "--runs-dir", folder / "runs", "--device", "cpu", *options
    )


def loaded(folder: Path, *overrides: str, text: str = SMALL) -> Sweep:
    """The same as a library call makes it."""
    config = folder / "small.yaml"
    config.write_text(text)
    return load_sweep(config, [*overrides, "device=cpu"], runs_dir=folder / "runs")


def planned(folder: Path, *overrides: str, text: str = SMALL, **options: Any) -> SweepPlan:
    """What such a sweep has to do."""
    one = loaded(folder, *overrides, text=text)
    return plan(one, SweepFolder.create(folder / "runs", one), **options)


def members(folder: Path) -> list[RunFolder]:
    """The members' run folders, by name."""
    return runs_of(folder / "runs" / "small")


def runs_of(place: Path) -> list[RunFolder]:
    """Those of a sweep's folder, by name."""
    return [RunFolder.open(path) for path in sorted(place.iterdir()) if is_run(path)]


def statuses(folder: Path) -> list[str]:
    """How the members stand, in their names' order."""
    return [run.status for run in members(folder)]


def alone(spec: Spec, folder: Path, name: str | None = None) -> RunFolder:
    """A spec trained by itself."""
    return execute(spec, runs_dir=folder, name=name).run.folder


class Killed(BaseException):
    """What no code catches, as it can't catch SIGKILL."""


def kill_after(epoch: int) -> Callable[[Sequence[News]], None]:
    """Watches a sweep and kills it once a member has reached that epoch."""

    def watch(news: Sequence[News]) -> None:
        if any(one.epoch == epoch for one in news):
            raise Killed

    return watch


def carried_out(folder: Path, *overrides: str, **options: Any) -> SweepFolder:
    """A whole sweep, or what is left of it."""
    todo = planned(folder, *overrides, **{"jobs": 1, **options})
    assert run(todo).exit_code == 0
    return todo.folder


def searched(
    folder: Path,
    text: str,
    *overrides: str,
    watch: Callable[[Sequence[News]], None] = lambda news: None,
    jobs: int = 1,
    **options: Any,
) -> SweepOutcome:
    """A whole search, or what is left of it."""
    one = loaded(folder, *overrides, text=text)
    todo = plans(one, SweepFolder.create(folder / "runs", one), checked(one), jobs=jobs, **options)
    outcome = carry_out(todo, partial(run, watch=watch), fail_fast=False)
    assert outcome.exit_code == 0, outcome
    return outcome


def assert_same(folder: Path, whole: Path) -> None:
    """The same members with the same files, all that tells the time aside."""
    mine, theirs = members(folder), members(whole)
    assert [run.path.name for run in mine] == [run.path.name for run in theirs]
    for one, other in zip(mine, theirs, strict=True):
        assert_same_run(one, other)


def assert_same_run(one: RunFolder, other: RunFolder) -> None:
    """Equal to the bit, all that tells the time aside."""
    assert text_of_metrics(one) == text_of_metrics(other)
    assert one.config_path.read_bytes() == other.config_path.read_bytes()
    own, expected = one.read_record(), other.read_record()
    for key in ("status", "reason", "epochs", "steps", "weights", "parameters", "seed"):
        assert getattr(own, key) == getattr(expected, key), key
    for part in ("final", "best"):
        assert _timeless(getattr(own, part)) == _timeless(getattr(expected, part)), part
    for name in ("last", "best"):
        _assert_same_checkpoint(one, other, name)
    assert one.predictions_path.exists() == other.predictions_path.exists()
    if one.predictions_path.exists():
        arrays, wanted = one.read_predictions(), other.read_predictions()
        assert arrays.keys() == wanted.keys()
        for key in wanted:
            np.testing.assert_array_equal(arrays[key], wanted[key], key)


def _timeless(part: dict[str, Any] | None) -> dict[str, Any]:
    return {key: value for key, value in (part or {}).items() if key != "seconds"}


def _assert_same_checkpoint(one: RunFolder, other: RunFolder, name: str) -> None:
    assert one.has_checkpoint(name) == other.has_checkpoint(name)
    if one.has_checkpoint(name):
        (own, state), (expected, wanted) = (run.load_checkpoint(name) for run in (one, other))
        assert own.keys() == expected.keys()
        for key in own:
            torch.testing.assert_close(own[key], expected[key], rtol=0, atol=0, equal_nan=True)
        for key in ("finished", "optimizer_steps", "plateau"):
            assert state.get(key) == wanted.get(key), key
