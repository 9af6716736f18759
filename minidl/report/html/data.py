"""Runs → what a page is given of them, as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from minidl.errors import RunError
from minidl.report.html.film import CELLS, FEWEST, film_of
from minidl.report.html.layers import layers_of
from minidl.report.html.plane import plane_of
from minidl.report.html.thin import kept_epochs, rounded
from minidl.report.members.collect import Member, error_of
from minidl.report.members.configs import SECTION
from minidl.report.members.groups import Group, Statistics, group_by
from minidl.report.members.measures import curve, words
from minidl.report.members.selection import chosen_on_test
from minidl.report.members.series import series
from minidl.report.members.settings import FOLD, Value, heads, labels, point, value_id, varying
from minidl.report.tables.escape import line
from minidl.report.tables.table import COUNTS, Table, default_metrics, default_score
from minidl.report.tables.verdicts import OPTIMISTIC, mark
from minidl.scores import higher_is_better
from minidl.store.metrics import BESIDE

MOST_NUMBERS = 1_100_000  # in all curves: some 8 MB
MOST_POINTS, FEWEST_POINTS = 240, 24  # of a curve
MOST_METRICS = 24  # columns of a table
MOST_LAYERS = 300_000  # numbers of dynamics in all
MOST_PLANES = 300  # runs whose decisions are there: some 1.3 MB
MOST_FILMS = 3_000_000  # letters of all frames of their films
MOST_FRAMES = 60  # of a run
MOST_LOG = 2000  # characters of what a run was told
_UNDER_WAY = ("running", "interrupted", "stopped")

Json = dict[str, Any]


@dataclass
class PageData:
    """What a page shows of runs; `by` names the keys that its groups have in common.

    Runs that differ by seed alone are a group where it is None. A `table` of the same groups says
    which means are the best.
    """

    title: str
    members: Sequence[Member]
    by: Sequence[str] | None = None
    notes: Sequence[str] = ()
    table: Table | None = None
    sections: dict[str, int] = field(default_factory=dict)  # of configs, and their places
    _left: int = MOST_LAYERS
    _planes: int = MOST_PLANES
    _films: dict[Path, int] = field(default_factory=dict)  # letters of each run's film

    def __post_init__(self) -> None:
        members = self.members
        self.groups = group_by(members, self.by)
        apart = varying([group.settings for group in self.groups]) if len(self.groups) > 1 else []
        self.group_keys = apart if self.by is None else list(self.by)
        settings = [member.settings for member in members]
        self.keys = list(dict.fromkeys([*(self.by or ()), *varying(settings)]))
        known = {name: None for m in members for name in self.curves_of(m) if name not in BESIDE}
        self.drawn = sorted(known, key=lambda name: (name == "lr", name.startswith("train_")))
        first = default_metrics(members)
        further = [m for one in members for m in (*one.record.final, *one.record.measures)]
        also = [name for name in (*self.drawn, *further) if "_" in name]
        self.metrics = list(dict.fromkeys([*first, *also]))[:MOST_METRICS]
        curves = (len(members) + 3 * len(self.groups)) * len(self.drawn)
        points = MOST_NUMBERS // max(curves, 1)
        self.points = min(max(points, FEWEST_POINTS), MOST_POINTS)

    def all(self) -> Json:
        """Everything, as `browser/` reads it."""
        self._left, self._planes, self._films = MOST_LAYERS, MOST_PLANES, {}
        at = self._group_of()
        first = default_metrics(self.members)
        return {
            "title": line(self.title),
            "keys": [
                self._key(key, head) for key, head in zip(self.keys, heads(self.keys), strict=True)
            ],
            "grouped": [self.keys.index(key) for key in self.group_keys],
            "metrics": [self._metric(name, name in first) for name in self.metrics],
            "marks": {name: marks for name in first if (marks := self._marks(name))},
            "score": default_score(self.members),
            "drawn": [{"name": name, "words": line(words(name))} for name in self.drawn],
            "runs": [self.run(member, at[id(member)]) for member in self.members],
            "groups": [self.group(group) for group in self.groups],
            "sections": [*self.sections],
            "notes": list(map(line, self.notes)),
        }

    def some(self, names: Collection[Path]) -> Json:
        """The runs in these folders and their groups: [place, what `all` has there] each."""
        at, known = self._group_of(), len(self.sections)
        runs = [(i, m) for i, m in enumerate(self.members) if m.folder.path in names]
        groups = {at[id(member)] for _, member in runs}
        return {
            "runs": [[i, self.run(member, at[id(member)])] for i, member in runs],
            "groups": [[i, self.group(self.groups[i])] for i in sorted(groups)],
            "sections": [*self.sections][known:],
        }

    def shape(self) -> tuple[Any, ...]:
        """What must be equal for `some` to fit a page that has had `all`."""
        return (
            *(self.keys, [list(self._values(key)) for key in self.keys], self.group_keys),
            *(self.metrics, self.drawn, self.points, self.notes),
            *(default_metrics(self.members), default_score(self.members)),
            [[member.folder.path for member in group.members] for group in self.groups],
        )

    def _metric(self, name: str, first: bool) -> Json:
        chose = name.startswith("test_") and chosen_on_test(self.members, "last")
        head = f"{words(name)} {OPTIMISTIC}" if chose else words(name)
        return {"name": name, "words": line(head), "up": higher_is_better(name), "first": first}

    def _marks(self, metric: str) -> list[str] | None:
        """What stands behind the mean of each group in the table, if it has any marks."""
        rows = self.table.rows if self.table else ()
        known = {tuple(row.runs): row.against_best for row in rows}
        groups = (tuple(member.name for member in group.members) for group in self.groups)
        found = [known.get(runs, {}) for runs in groups]
        if not any(metric in one for one in found):
            return None
        return [mark(one[metric]) if metric in one else "" for one in found]

    def _group_of(self) -> dict[int, int]:
        """The place of each member's group, by the member's identity."""
        return {id(member): i for i, group in enumerate(self.groups) for member in group.members}

    def run(self, member: Member, group: int) -> Json:
        """One run: where its values stand in those of the keys, its metrics, curves and config."""
        columns = self.curves_of(member)
        table = [curve(columns, name) for name in self.drawn]
        epochs = columns.get("epoch", np.empty(0))
        blank = np.full(epochs.shape, math.nan)
        values = np.array([blank if one is None else one for one in table]).reshape(len(table), -1)
        kept = kept_epochs(values, self.points) if epochs.size else np.empty(0, dtype=int)
        final = [self._final(member, name) for name in self.metrics]
        seconds = member.value("train_seconds")
        return {
            "name": line(member.name),
            "group": group,
            "status": member.status,
            "seed": _said(member.settings.get("seed")),
            "fold": _said(member.settings.get(FOLD)),
            "at": [self._place(key, member) for key in self.keys],
            "final": rounded(np.array(final), 6),
            "epochs": int(epochs[-1]) if epochs.size and math.isfinite(epochs[-1]) else 0,
            "of": _said(member.settings.get("training.epochs")),
            "seconds": rounded(np.array([seconds]))[0],
            "config": self._config(member),
            "log": log_of(member),
            "epoch": rounded(epochs[kept], 9),
            "curves": [None if one is None else _short(rounded(one[kept])) for one in table],
            "dynamics": self._dynamics(member),
            "plane": self._plane(member),
            "film": self._film(member),
        }

    def group(self, group: Group) -> Json:
        """Its counts, mean and deviation of each metric, and mean curves with their bands.

        They are those of its finished runs; as long as there are none, of those under way.
        """
        running = not group.finished
        counted = (
            [m for m in group.members if m.status in _UNDER_WAY] if running else group.finished
        )
        found = [
            Statistics.of((self._final(member, metric) for member in counted), group.test_share)
            for metric in self.metrics
        ]
        return {
            "label": line(point(group.settings, self.group_keys)) or "all runs",
            "at": [self._place(key, group.members[0]) for key in self.group_keys],
            "n": len(group.finished),
            "counts": {name: n for name in COUNTS if (n := group.count(name))},
            "mean": rounded(np.array([one.mean for one in found]), 6),
            "std": rounded(np.array([one.std for one in found]), 3),
            "curves": [self._band(group.members, name, running) for name in self.drawn],
        }

    def _final(self, member: Member, metric: str) -> float:
        """A metric as the run ended, or as far as it is."""
        if member.status in _UNDER_WAY:
            return _last(curve(self.curves_of(member), metric))
        return member.value(metric)

    def _band(self, members: Sequence[Member], metric: str, running: bool) -> list[Any] | None:
        """Epochs, mean, and the ends of mean ± std; None where no run has the metric."""
        made = series(members, metric, "std", [], unfinished=running)
        if made is None or not made.epochs.size:
            return None
        lines = np.array([made.mean, made.low, made.high])
        kept = kept_epochs(lines, self.points)
        found = [_short(rounded(one[kept])) for one in lines]
        return [rounded(made.epochs[kept], 9), *found]

    def _key(self, key: str, head: str) -> Json:
        values = self._values(key)
        return {
            "key": line(key),
            "head": line(head),
            "values": [_said(value) for value in values.values()],
            "texts": [line(text) for text in labels([*values.values()])],
        }

    def _values(self, key: str) -> dict[Any, Value]:
        """A key's values, each once, in the order of the runs."""
        have = (m.settings[key] for m in self.members if key in m.settings)
        return {value_id(value): value for value in have}

    @cached_property
    def _places(self) -> dict[str, dict[Any, int]]:
        return {k: {v: i for i, v in enumerate(self._values(k))} for k in self.keys}

    def _place(self, key: str, member: Member) -> int:
        """Where a run's value stands in those of the key; -1 where it has none."""
        return self._places[key][value_id(member.settings[key])] if key in member.settings else -1

    def _config(self, member: Member) -> list[int]:
        """config.yaml in sections, most of which many runs have in common."""
        try:
            text = member.folder.read_config(member.record).decode(errors="replace")
        except RunError:  # changed since it was read
            return []
        # Each as it stands, but for characters that could turn or move what is beside them.
        parts = (
            "".join(f"{line(row)}\n" for row in part.splitlines())
            for part in SECTION.split(text)
            if part
        )
        return [self.sections.setdefault(part, len(self.sections)) for part in parts]

    def _plane(self, member: Member) -> Json | None:
        """What the run decides over the plane, of the first runs that have one."""
        found = plane_of(member) if self._planes > 0 else None
        self._planes -= found is not None
        return found

    def _dynamics(self, member: Member) -> Json | None:
        """What went on in the layers of a run, as long as there is room for it."""
        found = layers_of(member) if self._left > 0 else None
        if found is not None:
            layers = sum(map(len, found["of"].values()))
            self._left -= layers * len(found["epoch"])
        return found

    def _film(self, member: Member) -> Json | None:
        """What the run answered from epoch to epoch, of the first runs that recorded it."""
        path = member.folder.path
        self._films.pop(path, None)  # a run that trains gets more of it
        if sum(self._films.values()) >= MOST_FILMS:
            return None
        frames = max(MOST_FILMS // len(self.members) // CELLS, FEWEST)
        if found := film_of(member, min(frames, MOST_FRAMES)):
            self._films[path] = CELLS * len(found["frames"])
        return found

    @staticmethod
    def curves_of(member: Member) -> Mapping[str, np.ndarray]:
        """metrics.csv by column; empty where it is missing or damaged, which the log says."""
        try:
            return member.columns
        except RunError:
            return {}


def log_of(member: Member) -> list[str]:
    """What a run was told: remarks on its data, why it ended, by what force it went on."""
    record = member.record
    told = [*record.remarks]
    told += [f"ended: {record.reason}"] if record.reason else []
    told += [f"went on by force: {one}" for one in record.forced]
    told += [f"failed{error_of(member.folder)}"] if member.status == "failed" else []
    return [line(one)[:MOST_LOG] for one in told]


def as_json(data: Mapping[str, Any]) -> str:
    """JSON that no script element ends in, whatever it says."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _short(values: list[Any]) -> Any:
    """One number for many that are equal, as rates often are."""
    return values[0] if len(values) > 1 and len({*values}) == 1 else values


def _last(values: Iterable[float] | None) -> float:
    known = [value for value in (() if values is None else values) if math.isfinite(value)]
    return float(known[-1]) if known else math.nan


def _said(value: Value) -> Value:
    """As JSON has it."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**53:
        return str(value)
    return line(value) if isinstance(value, str) else value
