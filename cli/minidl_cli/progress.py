"""What a training shows on stderr: a bar on a terminal, plain lines without one."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from minidl.plural import plural
from minidl.scores import PARTS, is_of_a_part
from minidl_cli.output import fitting, measured, say, sizes, to_go_on

if TYPE_CHECKING:
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

    from minidl.errors import Problem
    from minidl.runs.execute import Outcome
    from minidl.runs.member import MemberRun
    from minidl.store.run_folder import RunFolder
    from minidl.train.stopping import Row
    from minidl.train.trainer import Trainer

LINES = 10  # without a terminal, about so many in a whole training
MOST_REMARKS = 5
REDRAW_SECONDS = 0.1  # a bar drawn for each epoch would cost more than the epoch
BAR_WIDTH = 16
TIME_LEFT = len("0:00:00 ")


def progress_for(epochs: int, *, quiet: bool) -> Progress:
    """The display that fits where stderr goes."""
    if quiet:
        return Progress(epochs)
    return Bar(epochs) if sys.stderr.isatty() else Lines(epochs)


def text_or_stopping(text: str) -> ProgressColumn:
    """A bar's column of text, which says `stopping` from a signal on to its end."""
    from rich.progress import TextColumn
    from rich.text import Text

    from minidl.signals import is_stopping

    class Column(TextColumn):
        stopping = False

        def render(self, task: Task) -> Text:
            self.stopping = self.stopping or is_stopping()
            return Text("stopping") if self.stopping else super().render(task)

    return Column(text, markup=False)


class Progress:
    """Shows nothing; the base of the others. It observes rows and wants no stop."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def started(self, folder: RunFolder, trainer: Trainer) -> None:
        """Called once, when training begins."""

    def __call__(self, row: Row) -> None:
        """Called after each epoch."""

    def close(self) -> None:
        """Leave the screen as it should stay."""

    def ended(self, outcome: Outcome) -> None:
        """Called once, when all is written: an exit code other than 0 says why, in one line."""
        run = outcome.run
        if outcome.exit_code:
            say(f"minidl: {run.folder.path}: {_how(run)}: {_next(run)}")


class Lines(Progress):
    """A line now and then."""

    def __init__(self, epochs: int) -> None:
        super().__init__(epochs)
        self._shown: int | None = None  # None until the header: a resumed run sees old rows

    def started(self, folder: RunFolder, trainer: Trainer) -> None:
        samples = {name: part.samples for name, part in trainer.parts.items()}
        say(
            f"{folder.path.name}: {trainer.optimizer.flat.described()}, "
            f"{sizes(samples)}, {trainer.optimizer.flat.data.device}"
        )
        remarks = folder.read_record().remarks
        for remark in remarks[:MOST_REMARKS] if not trainer.finished else ():
            say(f"note: {remark}")
        if len(remarks) > MOST_REMARKS:
            say(f"and {len(remarks) - MOST_REMARKS} more notes, which `validate --data` lists")
        if trainer.finished:
            say(f"goes on after epoch {trainer.finished}")
        self._shown = trainer.finished * LINES // self.epochs

    def __call__(self, row: Row) -> None:
        if self._shown is None:
            return
        epoch = int(row["epoch"] or 0)
        share = epoch * LINES // self.epochs
        if share > self._shown or epoch == self.epochs:
            self._shown = share
            say(f"epoch {epoch}/{self.epochs}  {_metrics(row)}  lr {row['lr']:.4g}")

    def ended(self, outcome: Outcome) -> None:
        run = outcome.run
        final = _metrics(run.record.final, ("val", "test"), run.record.baseline)
        restored = run.status == "done" and run.record.weights == "best"
        weights = " with the best weights" if restored and final else ""
        say(
            f"{_how(run)}{': ' if final else ''}{final}{weights}, "
            f"{run.trainer.train_seconds:.2f} s training, {run.record.seconds or 0:.2f} s in all"
        )
        if outcome.exit_code:
            say(_next(run))


class Bar(Lines):
    """A progress bar with loss, accuracy, rate, speed and the time to go."""

    def __init__(self, epochs: int) -> None:
        super().__init__(epochs)
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress
        from rich.table import Column

        console = Console(stderr=True)
        wide = 2 * len(str(epochs)) + 1
        count = Column(no_wrap=True, min_width=wide)
        columns: list[Any] = [TextColumn("{task.completed}/{task.total}", table_column=count)]
        self._beside = wide + 1 + TIME_LEFT  # what stands beside the text
        if console.width >= 60:
            columns.append(BarColumn(bar_width=BAR_WIDTH))
            self._beside += BAR_WIDTH + 1
        left = TimeRemainingColumn(compact=True, table_column=Column(no_wrap=True, min_width=5))
        columns += [text_or_stopping("{task.fields[row]}"), left]
        self._bar = RichProgress(*columns, console=console, transient=True)
        self._task = self._bar.add_task("", total=epochs, row="")
        self._drawn = 0.0
        self._before = (0.0, 0.0)

    def started(self, folder: RunFolder, trainer: Trainer) -> None:
        super().started(folder, trainer)
        self._bar.start()

    def __call__(self, row: Row) -> None:
        now = time.perf_counter()
        if now - self._drawn < REDRAW_SECONDS and row["epoch"] != self.epochs:
            return
        steps = row["step"] or 0
        speed = (steps - self._before[0]) / (now - self._before[1])
        # Where there is no room for all, fewer are shown rather than cut numbers.
        rank = {"val": 0, "test": 0, "train": 1}
        parts = [(rank[name.split("_")[0]], shown) for name, shown in _measured(row)]
        parts += [(2, f"lr {row['lr']:.3g}"), (3, f"{speed:,.0f} steps/s")]
        text = fitting(parts, self._bar.console.width - self._beside)
        self._bar.update(self._task, completed=row["epoch"], row=text if self._drawn else "")
        self._drawn, self._before = now, (steps, now)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._bar.stop()


def _metrics(
    row: Row | Mapping[str, Any],
    parts: tuple[str, ...] = PARTS,
    baseline: Mapping[str, float] | None = None,
) -> str:
    shown = _measured(row, baseline or {})
    return "  ".join(text for name, text in shown if name.split("_")[0] in parts)


def _measured(
    row: Row | Mapping[str, Any], baseline: Mapping[str, float] = MappingProxyType({})
) -> Iterator[tuple[str, str]]:
    """Each metric's name, and how it is shown, beside what predicting all rows alike comes to."""
    for name, value in row.items():
        if value is not None and is_of_a_part(name):
            shown = f"{name.replace('_', ' ')} {measured(name, value)}"
            if name in baseline:
                alike = "majority" if name.endswith("accuracy") else "mean"
                shown += f" ({alike} {measured(name, baseline[name])})"
            yield name, shown


def _how(run: MemberRun) -> str:
    """`done after 250 epochs`."""
    reason = f" ({run.reason})" if run.reason else ""
    return f"{run.status}{reason} after {plural(run.record.epochs or 0, 'epoch')}"


def _next(run: MemberRun) -> str:
    """What to do about a run that isn't done."""
    if run.status == "interrupted":
        return to_go_on(run.folder.path)
    return str(_advice(run))


def _advice(run: MemberRun) -> Problem:
    """What most often helps against divergence, and the place to change."""
    lr = run.spec.optimizer.lr
    rate = run.trainer.optimizer.lr
    now = rate[run.network] if isinstance(rate, list) else rate
    if now > lr:
        return run.spec.problem("schedule", f"the rate was {now:g}: try a lower one")
    message = f"{lr:g} may be too much: try a lower rate, such as optimizer.lr={lr / 10:g}"
    return run.spec.problem("optimizer.lr", message)
