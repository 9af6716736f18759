"""What `minidl list` reads of a run, and what JSON says of one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minidl.errors import RunError
from minidl.scores import is_of_a_part
from minidl.store import files
from minidl.store.find import find_runs
from minidl.store.notes import Notes, read_notes
from minidl.store.run_folder import RunFolder
from minidl.store.run_record import RunRecord

if TYPE_CHECKING:
    from minidl.sweep.run import SweepOutcome


@dataclass(frozen=True)
class Row:
    """What is listed of a run; None where the run doesn't say."""

    name: str
    status: str
    sweep: str | None = None
    epochs: int | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None
    test_r2: float | None = None
    test_psnr: float | None = None
    parameters: int | None = None
    seconds: float | None = None
    started: str | None = None
    problem: str | None = None
    path: str = ""
    tags: Sequence[str] = ()
    note: str | None = None
    # What else can be asked for: metrics, and settings where they are read.
    others: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def get(self, key: str) -> Any:
        """The value under one of FIELDS, or of a metric or setting; None where there is none."""
        return getattr(self, key) if key in FIELDS else self.others.get(key)


FIELDS = tuple(name for name in Row.__dataclass_fields__ if name != "others")


@dataclass(frozen=True)
class SweepRow(Row):
    """All runs of a sweep as one."""

    runs: int = 0


def reader(*, settings: bool) -> Callable[[RunFolder, RunRecord], Row]:
    """What reads a run's row, with its config's settings or without.

    It raises RunError or ConfigError where a file of the run is damaged.
    """

    def read(run: RunFolder, record: RunRecord) -> Row:
        last = run.read_last_row(record) if files.is_file(run.metrics_path) else {}
        # With what it had when it was last stopped in its record.
        running = record.status == "running"
        scores = {**last, **({} if running else record.final)}
        notes, problem = _notes(run)
        return Row(
            name=run.path.name,
            status=run.status_now(record),
            sweep=run.sweep_name,
            epochs=_whole(last.get("epoch", record.epochs)),
            test_loss=_number(scores.get("test_loss")),
            test_accuracy=_number(scores.get("test_accuracy")),
            test_r2=_number(scores.get("test_r2")),
            test_psnr=_number(scores.get("test_psnr")),
            parameters=record.parameters,
            seconds=None if running else record.seconds,
            started=record.started,
            problem=problem,
            path=str(run.path),
            tags=notes.tags,
            note=notes.note or None,
            others={**(_settings(run, record) if settings else {}), **_numbers(scores)},
        )

    return read


def broken_row(run: RunFolder, error: Exception) -> Row:
    """The row of a damaged folder, which says what is wrong with it."""
    return Row(run.path.name, "broken", run.sweep_name, problem=str(error), path=str(run.path))


def described(run: RunFolder) -> dict[str, Any]:
    """A run as JSON has it: what `list` shows, and all metrics of the weights that count."""
    return _described(reader(settings=False)(run, run.read_record()))


def described_sweep(outcome: SweepOutcome) -> dict[str, Any]:
    """A sweep: how many runs ended in which way, and each of them, broken ones included."""
    path = outcome.folder.path
    runs = find_runs([path], reader(settings=False), broken_row)
    counts = {status: count for status, count in outcome.counts.items() if count}
    return {"path": path, "counts": counts, "runs": list(map(_described, runs))}


def _described(row: Row) -> dict[str, Any]:
    metrics = {name: value for name, value in row.others.items() if is_of_a_part(name)}
    return {**{key: row.get(key) for key in FIELDS}, "metrics": metrics}


def folded(rows: Sequence[Row], runs_dir: Path) -> list[Row]:
    """The rows with each sweep's as one, where its newest run stood.

    Of a sweep that is asked for itself, the runs.
    """
    folders: dict[Path, list[Row]] = {}
    for row in rows:
        place = Path(row.path)
        own = row.sweep is not None and place.parent != runs_dir
        folders.setdefault(place.parent if own else place, []).append(row)
    return [
        _sweep_row(place, own) if Path(own[0].path) != place else own[0]
        for place, own in folders.items()
    ]


def _sweep_row(folder: Path, rows: Sequence[Row]) -> SweepRow:
    from minidl.sweep.folder import SweepFolder

    counts = Counter(row.status for row in rows)
    counts["not begun"], _ = SweepFolder(folder).unbegun()
    counts = +counts
    status = ", ".join(f"{count} {name}" for name, count in counts.items())
    notes = {row.note for row in rows}
    return SweepRow(
        name=folder.name,
        status=next(iter(counts)) if len(counts) == 1 else status,
        started=rows[0].started,
        problem="\n".join(row.problem for row in rows if row.problem) or None,
        path=str(folder),
        tags=[tag for tag in rows[0].tags if all(tag in row.tags for row in rows)],
        note=notes.pop() if len(notes) == 1 else None,
        runs=counts.total(),
    )


def _notes(run: RunFolder) -> tuple[Notes, str | None]:
    """A run is none the worse for a damaged note."""
    try:
        return read_notes(run.path), None
    except RunError as error:
        return Notes(), str(error)


def _settings(run: RunFolder, record: RunRecord) -> dict[str, Any]:
    from minidl.report.members.configs import settings_of
    from minidl.spec.loader import decode

    return settings_of(decode(run.read_config(record), run.config_path), run.config_path)


def _numbers(scores: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: number for name, value in scores.items() if (number := _number(value)) is not None
    }


def _number(value: Any) -> float | None:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if good else None


def _whole(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(number)
