"""Two or more runs, or groups of runs: what differs in their configs and in their metrics."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

from minidl.errors import RunError
from minidl.report.members.collect import Collection, Member, collect, run_folders
from minidl.report.members.cost import OVER, Cost
from minidl.report.members.groups import Group, Statistics, goodness, group_by
from minidl.report.members.measures import words
from minidl.report.members.paired import (
    UNSCORED,
    Difference,
    comparable,
    difference,
    holm,
    same_data,
)
from minidl.report.members.selection import chosen_on_test
from minidl.report.members.settings import SEEDS, Value, point, sort_key, value_id, varying
from minidl.report.tables.equal_cost import at_equal, crossings
from minidl.report.tables.table import default_score
from minidl.scores import MORE, accuracy_of, higher_is_better, without_part
from minidl.spec.report import TABLE_METRICS
from minidl.store.names import clean_name
from minidl.store.run_folder import RunFolder, is_run, is_sweep

MOST_SIDES = 12  # columns that a reader still compares
MOST_PAIRED = 3  # of which all pairs get a sentence
MOST_KEYS = 4  # that make a name
LONGEST_FIGURE = 100  # bytes of a figure's name


@dataclass(frozen=True)
class Side:
    """What is compared with the others: a run, or all runs of a folder."""

    name: str
    path: Path
    group: Group

    def value(self, key: str) -> list[Value]:
        """The values of a key among the runs, each once; empty where none has it."""
        runs = [member.settings for member in self.group.members if key in member.settings]
        values = {value_id(settings[key]): settings[key] for settings in runs}
        return sorted(values.values(), key=sort_key)

    @property
    def diverged(self) -> bool:
        """Whether all its runs did."""
        return self.group.count("diverged") == len(self.group.members)

    @property
    def status(self) -> str:
        """`done`, or `8 done, 2 diverged` for a group."""
        counts: dict[str, int] = {}
        for member in self.group.members:
            counts[member.status] = counts.get(member.status, 0) + 1
        if len(self.group.members) == 1:
            return self.group.members[0].status
        return ", ".join(f"{count} {status}" for status, count in counts.items())


@dataclass(frozen=True)
class Comparison:
    """Settings that differ, and each metric's statistics by side."""

    sides: Sequence[Side]
    settings: Mapping[str, Sequence[Sequence[Value]]]
    metrics: Mapping[str, Sequence[Statistics]]
    notes: Sequence[str]
    differences: Sequence[tuple[int, int, Difference]] = ()  # of two sides each, Holm's p
    over: str = "epoch"  # what curves are drawn over

    @property
    def telling(self) -> Sequence[tuple[int, int, Difference]]:
        """The pairs that get a sentence: all of a few sides; of many, those with the best."""
        if len(self.sides) <= MOST_PAIRED or not self.differences:
            return self.differences
        best = self.best(self.differences[0][2].metric)
        return [one for one in self.differences if best in one[:2]]

    def like(self, metric: str) -> bool:
        """Whether a metric means the same on all sides, so that one may be the better."""
        return comparable([side.group for side in self.sides], metric)

    def best(self, metric: str) -> int | None:
        """The side with the best mean; None where there is no single one.

        What diverged is never the best, whatever it reached, however soon.
        """
        if metric in UNSCORED or not self.like(metric):
            return None
        means = [
            math.nan if side.diverged else statistics.mean
            for side, statistics in zip(self.sides, self.metrics[metric], strict=True)
        ]
        known = [mean for mean in means if math.isfinite(mean)]
        if len(known) < 2:
            return None
        best = max(known) if higher_is_better(metric) else min(known)
        return means.index(best) if known.count(best) == 1 else None


def compare(
    paths: Sequence[Path],
    epoch: str = "last",
    per: Cost | None = None,
    per_epoch: Callable[[Member], float] = lambda member: 1.0,
) -> Comparison:
    """Reads two or more run folders, or folders of runs; of a single folder, its groups of runs.

    per: the cost at which they are compared, of which an epoch takes `per_epoch` (seconds are in
    metrics.csv). Raises RunError and ConfigError.
    """
    paths = run_folders(paths)
    if len(paths) > MOST_SIDES:
        raise RunError(
            f"compare shows {MOST_SIDES} runs at most, but got {len(paths)}: "
            "`minidl report` has a row for each"
        )
    notes: list[str] = []
    if len(paths) == 1:
        sides = _sides_of(paths[0], notes)
    else:
        found = [_members(path, notes) for path in paths]
        sides = [
            Side(name, path, Group({}, members))
            for name, path, members in zip(_names(paths), paths, found, strict=True)
        ]
    if per is not None:
        groups, note = at_equal([side.group for side in sides], per, per_epoch)
        sides = [replace(side, group=group) for side, group in zip(sides, groups, strict=True)]
        notes.append(note)
    everyone = [member.settings for side in sides for member in side.group.members]
    keys = varying(everyone) + [key for key in SEEDS if any(key in s for s in everyone)]
    settings = {key: [side.value(key) for side in sides] for key in keys}
    differing = {
        key: values
        for key, values in settings.items()
        if len({tuple(map(value_id, value)) for value in values}) > 1
    }
    over = OVER[per] if per else "epoch"
    made = Comparison(sides, differing, _metrics(sides, epoch), notes, over=over)
    if unlike := [words(metric) for metric in made.metrics if not made.like(metric)]:
        same = same_data([side.group for side in sides])
        what = "of different losses" if same else "on different data"
        notes.append(f"{what}, which say nothing about each other: {', '.join(unlike)}")
    runs = [member for side in sides for member in side.group.members]
    if chosen := chosen_on_test(runs, epoch):
        notes.append(
            f"figures of the test part are optimistic, since it chose: {', '.join(chosen)}"
        )
    made = replace(made, differences=_differences(made, epoch))
    if per is not None:
        named = [(side.name, side.group) for side in made.sides]
        notes.extend(crossings(named, made.telling, over))
    return made


def _differences(comparison: Comparison, epoch: str) -> list[tuple[int, int, Difference]]:
    """Of all pairs of sides, in the metric that `report` shows by default."""
    groups = [side.group for side in comparison.sides]
    metric = default_score([member for group in groups for member in group.members])
    if not comparison.like(metric):
        return []
    pairs = list(combinations(range(len(groups)), 2))
    made = [difference(groups[i], groups[j], metric, epoch) for i, j in pairs]
    return [(i, j, one) for (i, j), one in zip(pairs, holm(made), strict=True) if one.n]


def plot_path(paths: Sequence[Path]) -> Path | None:
    """Where the figure belongs: beside the runs, or among the plots of the one sweep.

    It is named after the runs, so that another comparison doesn't take its place. None where they
    lie in unlike folders.
    """
    paths = [path.resolve() for path in run_folders(paths)]
    parents = {path.parent for path in paths}
    if len(paths) > 1 and len(parents) > 1:
        return None
    folder, name = paths[0], "comparison"
    if len(paths) > 1:
        folder, names = parents.pop(), [path.name for path in paths]
        name = "-".join([name, *names])
        if len(name.encode()) > LONGEST_FIGURE:
            digest = hashlib.sha256("/".join(names).encode("utf-8", "surrogateescape")).hexdigest()
            name = f"comparison-of-{len(names)}-{digest[:8]}"
        name = clean_name(name)
    return (folder / "plots" if is_sweep(folder) else folder) / f"{name}.png"


def _sides_of(path: Path, notes: list[str]) -> list[Side]:
    """The groups of runs in a folder, the best ones if they are many; of one group, its runs."""
    if is_run(path):
        raise RunError(f"compare needs two runs at least, but {path} is one: minidl compare A B")
    groups = group_by(_members(path, notes), None)
    if len(groups) == 1:
        groups = [Group(groups[0].settings, [member]) for member in groups[0].members]
    if len(groups) == 1:
        raise RunError(f"compare needs two runs at least, but {path} holds one")
    if len(groups) > MOST_SIDES:
        metric = default_score([member for group in groups for member in group.members])
        groups.sort(key=lambda group: goodness(group.statistics(metric).mean, metric))
        notes.append(
            f"the {MOST_SIDES} best of {len(groups)} by {words(metric)}: "
            "`minidl report` has a row for each"
        )
    shown = groups[:MOST_SIDES]
    keys = varying([group.settings for group in shown])
    shown.sort(key=lambda group: [sort_key(group.settings.get(key)) for key in keys])
    names = [point(group.settings, keys) for group in shown]
    if len(keys) > MOST_KEYS or len(set(names)) < len(names):
        names = [_whole_name(group) for group in shown]
    return [Side(name, path, group) for name, group in zip(names, shown, strict=True)]


def _whole_name(group: Group) -> str:
    others = len(group.members) - 1
    return group.members[0].name + (f" and {others} more" if others else "")


def _members(path: Path, notes: list[str]) -> Sequence[Member]:
    if is_run(path):
        run = RunFolder.open(path)
        return [Member.read(run, run.read_record())]
    found: Collection = collect([path])
    notes.extend(f"{path}: {note}" for note in found.notes)
    notes.extend(broken.note for broken in found.broken)
    if not found.members:
        raise RunError(f"{path}: holds no run that can be read")
    return found.members


def _metrics(sides: Sequence[Side], epoch: str) -> dict[str, list[Statistics]]:
    """Every metric that some side trained by; a single run's whether it finished or not."""
    found = {}
    members = [member for side in sides for member in side.group.members]
    seen = {metric for member in members for metric in member.record.final}
    for metric in TABLE_METRICS:
        if accuracy_of(metric):
            continue  # says the same as accuracy
        if without_part(metric) in MORE and metric not in seen:
            continue  # of the predictions: `report` has them
        statistics = [_of(side, metric, epoch) for side in sides]
        if any(of.n for of in statistics):
            found[metric] = statistics
    return found


def _of(side: Side, metric: str, epoch: str) -> Statistics:
    members = side.group.members
    if len(members) == 1:
        return Statistics.of([members[0].value(metric, epoch)])
    return side.group.statistics(metric, epoch)


def _names(paths: Sequence[Path]) -> list[str]:
    """The folders' names, with as many parents as tell them apart."""
    parts = [path.resolve().parts for path in paths]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(own[-length:]) for own in parts]
        if len(set(names)) == len(names):
            return names
    raise RunError("compare needs different runs, but two of these are the same folder")
