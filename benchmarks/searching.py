"""Searches beside what they spare: halving beside its whole grid, TPE beside random draws.

    python benchmarks/searching.py halving [MIN_EPOCHS]
    python benchmarks/searching.py tpe [SEEDS [TRIALS]]

`halving` trains configs/studies/batch_size_by_lr.yaml (70 points, ten seeds each) whole and halved,
and says which point wins by test loss in each, and whether they differ (paired by seed). `tpe`
searches five options of an MLP on digits by the validation loss, and prints the best so far at half
of the trials and at the end, beside that of random draws. Nothing is left on the disk.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

import minidl
from minidl.report.members.collect import Member, collect
from minidl.report.members.paired import difference
from minidl.report.tables.trials import trials_of, value_of
from minidl.report.tables.verdicts import verdict

STUDY = Path(__file__).parent.parent / "configs/studies/batch_size_by_lr.yaml"
DIGITS = {
    "data": {"type": "digits", "validation_fraction": 0.2},
    "model": {"type": "mlp", "hidden": [32]},
    "loss": "cross_entropy",
    "optimizer": "sgd",
    "training": {"epochs": 10, "batch_size": 50, "eval_every": 10},
}
SPACE = {
    "optimizer.lr": {"log_uniform": [1e-4, 10]},
    "optimizer.momentum": {"uniform": [0.01, 0.99]},
    "optimizer.weight_decay": {"log_uniform": [1e-6, 1e-1]},
    "model.dropout": {"uniform": [0.01, 0.7]},
    "model.init": {"choice": ["he", "xavier", {"type": "uniform"}]},
}


def halving(folder: Path, min_epochs: int) -> None:
    config = yaml.safe_load(STUDY.read_text())
    config.pop("report")
    search = {"type": "halving", "min_epochs": min_epochs, "metric": "test_loss"}
    whole = searched(config, folder, "whole")
    config["sweep"]["search"] = search
    halved = searched(config, folder, "halved")
    best, found = (trials_of(members, "test_loss")[0] for members in (whole, halved))
    epochs = [sum(member.value("epochs") for member in members) for members in (whole, halved)]
    print(f"epochs: {epochs[1]:,.0f} of {epochs[0]:,.0f}, {epochs[1] / epochs[0]:.1%}")
    for name, group in (("whole grid", best), ("halving", found)):
        loss = value_of(group, "test_loss")
        print(f"{name}: {point(group.settings)}, test loss {loss.mean:.5f} ± {loss.std:.5f}")
    if point(best.settings) != point(found.settings):
        trials = trials_of(whole, "test_loss")
        same = next(trial for trial in trials if point(trial.settings) == point(found.settings))
        print(verdict(difference(best, same, "test_loss"), "the whole grid's", "halving's"))


def point(settings: Any) -> str:
    keys = ("model.activation", "training.batch_size", "optimizer.lr")
    return ", ".join(f"{key}={settings[key]}" for key in keys)


def tpe(folder: Path, seeds: int, trials: int) -> None:
    bests: dict[str, list[list[float]]] = {"random": [], "tpe": []}
    for seed in range(seeds):
        for kind, found in bests.items():
            search = {"type": kind, "trials": trials, "metric": "val_loss", "seed": seed}
            config = {**DIGITS, "sweep": {"search": search, "space": SPACE}}
            members = searched(config, folder, f"{kind}_{seed}")
            values = {one.record.trial: one.value("val_loss") for one in members}
            order = [values.get(number, float("nan")) for number in range(trials)]
            best = [min(x for x in order[:n] if x == x) for n in (trials // 2, trials)]
            found.append(best)
            print(f"seed {seed}, {kind}: best val loss {best[0]:.5f}, then {best[1]:.5f}")
    for kind, found in bests.items():
        half, end = (statistics.fmean(column) for column in zip(*found, strict=True))
        print(f"{kind}: {half:.5f} after {trials // 2} trials, {end:.5f} after {trials}")


def searched(config: dict[str, Any], folder: Path, name: str) -> list[Member]:
    minidl.sweep(config, runs_dir=folder, name=name)
    return list(collect([folder / name]).members)


def main() -> None:
    kind, *given = sys.argv[1:]
    numbers = [int(word) for word in given]
    with tempfile.TemporaryDirectory() as folder:
        if kind == "halving":
            halving(Path(folder), *(numbers or [20]))
        else:
            tpe(Path(folder), *(numbers + [5, 200][len(numbers) :]))


if __name__ == "__main__":
    main()
