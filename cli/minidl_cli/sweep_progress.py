"""What a sweep shows on stderr while it trains."""

from __future__ import annotations

import contextlib
import shlex
import sys
import time
from collections import Counter
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from minidl.sweep.stacks import cost
from minidl_cli.output import harmless

if TYPE_CHECKING:
    from minidl.executors import Update
    from minidl.sweep.run import SweepOutcome, SweepPlan

LINE_SECONDS = 10.0  # between two lines where there is no terminal
BAR_WIDTH = 24
MEANINGFUL_SECONDS = 2.0  # before that an estimate is a guess


def sweep_progress_for(plan: SweepPlan, *, quiet: bool) -> SweepProgress:
    """The display that fits where stderr goes."""
    if quiet:
        return SweepProgress(plan)
    return SweepBar(plan) if sys.stderr.isatty() else SweepLines(plan)


class SweepProgress:
    """Keeps count and shows nothing; the base of the others."""

    def __init__(self, plan: SweepPlan) -> None:
        self.plan = plan
        self.total = plan.missing
        self._costs = [cost(job.members) for job in plan.jobs]
        self._shares = [0.0] * len(plan.jobs)  # how much of each stack is done
        self._statuses: dict[str, str] = {}
        self._best: dict[str, dict[str, float]] = {}  # by metric and name
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __call__(self, update: Update) -> None:
        """Take note of what an executor says."""
        if update.progress is not None:
            self._shares[update.job.number] = update.progress.epoch / update.progress.epochs
            self._statuses |= update.progress.statuses
            self._best.setdefault(update.progress.metric, {}).update(update.progress.best)
        elif update.kind == "failed":
            names = [member.name for member in update.job.members]
            running = [name for name in names if self._statuses.get(name, "running") == "running"]
            self._statuses |= dict.fromkeys(running, "failed")
        if update.kind != "progress":
            self._shares[update.job.number] = 1.0
        self.show()

    def show(self) -> None:
        """Bring what is seen up to date."""

    def close(self) -> None:
        """Leave the screen as it should stay."""

    def ended(self, outcome: SweepOutcome) -> None:
        """Called once, when all is written."""

    @property
    def ended_count(self) -> int:
        """Members of this command's work that have ended."""
        return sum(status != "running" for status in self._statuses.values())

    def counts(self) -> str:
        """`12 running, 3 diverged`."""
        counts = Counter(self._statuses.values())
        names = ("running", "diverged", "failed", "interrupted")
        return ", ".join(f"{counts[name]} {name}" for name in names if counts[name])

    def best(self) -> str:
        """The best value so far, and whose it is; of the first metric, if stacks have several."""
        from minidl.optim.schedules import greater_is_better  # not before it is needed: torch

        for metric, values in self._best.items():
            if values:
                choose = max if greater_is_better(metric) else min
                name = choose(values, key=lambda name: values[name])
                return f"best {metric} {values[name]:.4g} ({name.rsplit('-', 1)[0]})"
        return ""

    def remaining(self) -> float | None:
        """Seconds to go, if that can be said yet."""
        elapsed = time.monotonic() - self._started
        weighted = sum(c * share for c, share in zip(self._costs, self._shares, strict=True))
        share = weighted / sum(self._costs) if self._costs else 1.0
        if elapsed < MEANINGFUL_SECONDS or not share:
            return None
        return elapsed * (1 - share) / share


class SweepLines(SweepProgress):
    """A line now and then."""

    def __init__(self, plan: SweepPlan) -> None:
        super().__init__(plan)
        self._shown = time.monotonic()
        done = len(plan.members) - plan.missing
        had = f", {done} of {len(plan.members)} done before" if done else ""
        _say(f"{plan.folder.path.name}: {plan.missing} runs in {len(plan.jobs)} stacks{had}")

    def show(self) -> None:
        if time.monotonic() - self._shown > LINE_SECONDS:
            self._shown = time.monotonic()
            left = self.remaining()
            parts = [
                f"{self.ended_count}/{self.total} ended",
                self.counts(),
                self.best(),
                f"about {_duration(left)} left" if left is not None else "",
            ]
            _say(", ".join(part for part in parts if part))

    def ended(self, outcome: SweepOutcome) -> None:
        for error in dict.fromkeys(outcome.errors):
            _say(f"failed: {error.strip().splitlines()[-1]} (see error.txt in the run's folder)")
        counts = ", ".join(f"{count} {status}" for status, count in outcome.counts.items())
        if outcome.received.signal:
            _say(f"to go on: minidl resume {shlex.quote(str(outcome.folder.path))}")
        _say(f"{counts or 'nothing to do'} in {_duration(time.monotonic() - self._started)}")


class SweepBar(SweepLines):
    """A progress bar."""

    def __init__(self, plan: SweepPlan) -> None:
        super().__init__(plan)
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        console = Console(stderr=True)
        columns: list[Any] = [TextColumn("{task.fields[ended]}/{task.fields[runs]}")]
        self._beside = len(f"{self.total}/{self.total} ")  # what stands before the text
        if console.width >= 60:
            columns.append(BarColumn(bar_width=BAR_WIDTH))
            self._beside += BAR_WIDTH + 1
        columns.append(TextColumn("{task.fields[text]}", markup=False))
        self._bar = Progress(*columns, console=console, transient=True)
        self._task = self._bar.add_task("", total=1.0, ended=0, runs=self.total, text="starting")
        self._bar.start()

    def show(self) -> None:
        left = self.remaining()
        share = sum(map(float.__mul__, self._costs, self._shares)) / (sum(self._costs) or 1.0)
        eta = f"{_duration(left)} left" if left is not None else ""
        text = "  ".join(part for part in (eta, self.counts(), self.best()) if part)
        # Left to itself, rich would rather shorten the count and the bar.
        room = max(self._bar.console.width - self._beside, 1)
        text = text if len(text) <= room else text[: room - 1] + "…"
        self._bar.update(self._task, completed=share, ended=self.ended_count, text=text)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._bar.stop()


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest} s"


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # a terminal that is gone stops no training
        print(harmless(text), file=sys.stderr)
