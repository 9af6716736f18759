"""Training from Python, with the run folders that the commands leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minidl.api.progress import bar
from minidl.api.run import Run, run_at
from minidl.api.table import runs
from minidl.errors import RunError
from minidl.runs.execute import execute
from minidl.spec import Spec, dump, load_spec, load_sweep, parse_spec
from minidl.spec.given import Overrides, given_overrides
from minidl.sweep.begin import begun
from minidl.sweep.plan import SweepPlan
from minidl.sweep.run import SweepOutcome, run
from minidl.sweep.search import carry_out
from minidl.sweep.worker import News
from minidl.train.stopping import Observer

if TYPE_CHECKING:
    import pandas as pd

Config = Spec | str | PathLike[str] | Mapping[str, Any]


def train(
    config: Config,
    overrides: Overrides = (),
    *,
    runs_dir: str | PathLike[str] = "runs",
    name: str | None = None,
    overwrite: bool = False,
    threads: int = 1,
    observers: Sequence[Observer] = (),
    progress: bool | None = None,
) -> Run:
    """Train as a config says, and leave a run folder in `runs_dir`: `minidl train`.

    config: a Spec, a file's path, or a dict that holds what a file would; overrides: changes such
    as "optimizer.lr=0.01", or {"optimizer.lr": 0.01}; name: the folder's, which must be new unless
    `overwrite`; observers are called with each row of metrics.csv, and may return a reason to stop;
    progress: whether to show a bar, which only a notebook does if it is left out. A run that
    diverged says so in its `status`. Raises ConfigError, DataError, RunError; Ctrl-C raises
    KeyboardInterrupt, and leaves a run that `minidl resume` goes on with.

    >>> import minidl
    >>> config = {"data": "disk", "model": {"mlp": [8]}, "training": {"epochs": 2}}
    >>> run = minidl.train(config, ["optimizer.lr=0.5"], name="first")
    >>> run.status, len(run.history)
    ('done', 2)
    """
    spec = _spec(config, overrides)
    with bar(name or spec.name, spec.training.epochs, progress) as show:
        outcome = execute(
            spec,
            runs_dir=Path(runs_dir),
            name=name,
            overwrite=overwrite,
            threads=threads,
            observers=[*observers, lambda row: show(row["epoch"] or 0)],
        )
    if outcome.run.status == "interrupted":
        raise KeyboardInterrupt(f"{outcome.run.folder.path}: interrupted")
    return run_at(outcome.run.folder.path)


def sweep(
    config: str | PathLike[str] | Mapping[str, Any],
    overrides: Overrides = (),
    *,
    repeats: int | None = None,
    folds: int | None = None,
    runs_dir: str | PathLike[str] = "runs",
    name: str | None = None,
    jobs: int | None = None,
    stack: int | None = None,
    fail_fast: bool = False,
    progress: bool | None = None,
) -> pd.DataFrame:
    """Train a grid of runs side by side, and return them as `runs` does: `minidl sweep`.

    config: with or without a `sweep` block; overrides: also with several values,
    "optimizer.lr=0.1,0.01"; repeats: runs per point, with seed, seed + 1, …; folds: runs per point
    and repeat, each tested on another fold of the rows; jobs: workers, one per core if left out;
    stack: the most runs side by side in one; progress: as for `train`. The same call again does
    only what is missing. Raises ConfigError, DataError, RunError (also where a run failed, once the
    others have ended), and KeyboardInterrupt as `train` does.

    >>> import minidl
    >>> config = {"data": "disk", "model": {"mlp": [8]}, "training": {"epochs": 2}}
    >>> table = minidl.sweep(config, ["optimizer.lr=0.1,0.5"], name="rates")
    >>> table["optimizer.lr"].tolist()
    [0.1, 0.5]
    """
    loaded = load_sweep(config, overrides, repeats, runs_dir=Path(runs_dir), folds=folds)
    with begun(loaded, Path(runs_dir), name, stack=stack, jobs=jobs) as plans:

        def trained(plan: SweepPlan) -> SweepOutcome:
            with bar(plan.folder.path.name, plan.missing, progress) as show:
                ended: set[str] = set()

                def watch(news: Sequence[News]) -> None:
                    ended.update(one.name for one in news if one.has_ended)
                    show(len(ended))

                return run(plan, fail_fast=fail_fast, watch=watch)

        outcome = carry_out(plans, trained, fail_fast=fail_fast)
    if outcome.received.signal:
        raise KeyboardInterrupt(f"{outcome.folder.path}: interrupted")
    if outcome.errors:
        raise RunError("\n".join(outcome.errors))
    table = runs(outcome.folder.path)
    order = {member.name: place for place, member in enumerate(outcome.members)}
    return table.sort_values("name", key=lambda names: names.map(order), ignore_index=True)


def _spec(config: Config, overrides: Overrides) -> Spec:
    if not isinstance(config, Spec):
        return load_spec(config, overrides)
    changes = given_overrides(overrides)
    return parse_spec(dump(config), config.name, changes) if changes else config
