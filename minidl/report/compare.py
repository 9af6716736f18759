"""Two or more runs, or groups of runs: what differs in their configs and in their metrics."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from minidl.errors import RunError
from minidl.report.collect import Collection, Member, collect
from minidl.report.groups import Group, Statistics
from minidl.report.measures import higher_is_better
from minidl.report.settings import SEEDS, Value, sort_key, value_id, varying
from minidl.runs import RunFolder, is_run
from minidl.spec.report import TABLE_METRICS

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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

    def best(self, metric: str) -> int | None:
        """The side with the best mean; None where there is no single one."""
        means = [statistics.mean for statistics in self.metrics[metric]]
        known = [mean for mean in means if math.isfinite(mean)]
        if len(known) < 2 or metric in ("parameters", "epochs"):
            return None
        best = max(known) if higher_is_better(metric) else min(known)
        return means.index(best) if known.count(best) == 1 else None


def compare(paths: Sequence[Path], epoch: str = "last") -> Comparison:
    """Reads two or more run folders, or folders of runs. Raises RunError and ConfigError."""
    if len(paths) < 2:
        raise RunError("compare needs two runs at least: minidl compare A B")
    names = _names(paths)
    notes: list[str] = []
    sides = []
    for name, path in zip(names, paths, strict=True):
        members = _members(path, notes)
        sides.append(Side(name, path, Group({}, members)))
    everyone = [member.settings for side in sides for member in side.group.members]
    keys = varying(everyone) + [key for key in SEEDS if any(key in s for s in everyone)]
    settings = {key: [side.value(key) for side in sides] for key in keys}
    differing = {
        key: values
        for key, values in settings.items()
        if len({tuple(map(value_id, value)) for value in values}) > 1
    }
    return Comparison(sides, differing, _metrics(sides, epoch), notes)


def draw(comparison: Comparison, notes: list[str]) -> Figure | None:
    """The sides' curves laid over each other: loss, and accuracy, R² or PSNR; bands for groups."""
    from minidl.report import style
    from minidl.report.lines import Line, legend
    from minidl.report.lines import draw as draw_lines
    from minidl.report.measures import words
    from minidl.report.picture import MOST_LINES, looks, panels, tall
    from minidl.report.series import series

    shown = comparison.sides[:MOST_LINES]
    drawn: dict[str, list[Line]] = {}
    for metric in ("train_loss", "test_loss", "test_accuracy", "test_r2", "test_psnr"):
        for side, look in zip(shown, looks([side.name for side in shown]), strict=True):
            made = series(_drawable(side), metric, "std", notes)
            if made is not None:
                drawn.setdefault(metric, []).append(Line(side.name, *look, made))
    if not drawn:
        return None
    losses = [line for metric in ("train_loss", "test_loss") for line in drawn.get(metric, [])]
    groups = any(len(side.group.members) > 1 for side in shown)
    below = ["mean ± std of each folder's runs" if groups else "single runs"]
    if len(shown) < len(comparison.sides):
        below.append(f"{len(shown)} of {len(comparison.sides)} lines")
    figure, (row,) = panels("Comparison", below, 1, len(drawn), tall((3.9, 3.3), len(shown)), 1.8)
    for axes, (metric, lines) in zip(row, drawn.items(), strict=True):
        draw_lines(axes, metric, lines, "auto", losses if metric.endswith("loss") else lines)
        style.label(axes, "epoch", words(metric))
    legend(row[-1], "run", [line for lines in drawn.values() for line in lines][: len(shown)])
    return figure


def _drawable(side: Side) -> list[Member]:
    """A single run's curve is drawn however far it came."""
    members = list(side.group.members)
    if len(members) > 1 or members[0].status in ("done", "diverged"):
        return members
    run = members[0]
    return [Member(run.folder, run.settings, {**run.record, "status": "done"})]


def _members(path: Path, notes: list[str]) -> Sequence[Member]:
    if is_run(path):
        return [Member.read(RunFolder.open(path))]
    found: Collection = collect([path])
    notes.extend(f"{path}: {note}" for note in found.notes)
    notes.extend(f"damaged and left out: {broken.problem}" for broken in found.broken)
    if not found.members:
        raise RunError(f"{path}: holds no run that can be read")
    return found.members


def _metrics(sides: Sequence[Side], epoch: str) -> dict[str, list[Statistics]]:
    """Every metric that some side has; a single run's whether it finished or not."""
    found = {}
    for metric in TABLE_METRICS:
        if metric.endswith("_error"):
            continue  # says the same as accuracy
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
