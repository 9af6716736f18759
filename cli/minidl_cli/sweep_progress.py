"""What a sweep shows on stderr while it trains."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from minidl.plural import plural
from minidl.scores import higher_is_better
from minidl_cli.output import duration, fitting, measured, say, to_go_on
from minidl_cli.progress import text_or_stopping

if TYPE_CHECKING:
    from minidl.sweep.plan import SweepPlan
    from minidl.sweep.run import SweepOutcome
    from minidl.sweep.worker import News

READING_SECONDS = 2.0  # after which it is said how many configs are read
LINE_SECONDS = 10.0  # between two lines where there is no terminal
BAR_WIDTH = 24
MEANINGFUL_SECONDS = 2.0  # before that an estimate is a guess


def sweep_progress_for(plan: SweepPlan, *, quiet: bool) -> SweepProgress:
    """The display that fits where stderr goes."""
    if quiet:
        return SweepProgress(plan)
    return SweepBar(plan) if sys.stderr.isatty() else SweepLines(plan)


class Reading:
    """Says how far a large sweep's configs are read, on stderr; of a small one nothing."""

    def __init__(self, quiet: bool) -> None:
        self._next = math.inf if quiet else time.monotonic() + READING_SECONDS

    def __call__(self, read: int, count: int) -> None:
        if time.monotonic() > self._next:
            self._next = time.monotonic() + LINE_SECONDS
            say(f"{read:,} of {count:,} configs read")


class SweepProgress:
    """Keeps count and shows nothing; the base of the others."""

    def __init__(self, plan: SweepPlan) -> None:
        self.plan = plan
        self.total = plan.missing
        # Totals and what they are made of: a display that counts all members anew each time would
        # take the square of their number.
        self._work = sum(plan.seconds.values())
        self._done = 0.0
        self._shares: dict[str, float] = {}  # of each member's work: how much is done
        self._counts: Counter[str] = Counter()
        self._statuses: dict[str, str] = {}
        self._best: dict[str, tuple[float, str]] = {}  # by metric: of all that have ended
        self._running: dict[str, News] = {}
        self._started = time.monotonic()

    def __call__(self, news: Sequence[News]) -> None:
        """Take note of what workers say."""
        for one in news:
            self._counts[self._statuses.get(one.name, "")] -= 1
            self._counts[one.status] += 1
            self._statuses[one.name] = one.status
            share = 1.0 if one.has_ended else one.epoch / one.epochs
            self._done += self.plan.seconds[one.name] * (share - self._shares.get(one.name, 0.0))
            self._shares[one.name] = share
            self._running.pop(one.name, None)
            if one.status in ("done", "stopped"):
                self._best.update(self._better([one]))
            elif not one.has_ended:
                self._running[one.name] = one
        self.show()

    def _better(self, news: Iterable[News]) -> dict[str, tuple[float, str]]:
        """The best so far by metric, these among them: each value, and whose it is."""
        found = dict(self._best)
        for one in news:
            if one.best is None:
                continue
            sign = -1 if higher_is_better(one.metric) else 1
            known = found.get(one.metric)
            if known is None or sign * one.best < sign * known[0]:
                found[one.metric] = one.best, one.name
        return found

    @property
    def share(self) -> float:
        """How much of all the work is done."""
        return min(self._done / self._work, 1.0) if self._work else 1.0

    def show(self) -> None:
        """Bring what is seen up to date."""

    def close(self) -> None:
        """Leave the screen as it should stay."""

    def ended(self, outcome: SweepOutcome) -> None:
        """Called once, when all is written: an exit code other than 0 says why, in one line."""
        if outcome.received.signal:
            ended = f"interrupted (by {outcome.received.signal.name})"
            why = f"{ended}: {to_go_on(outcome.folder.path)}"
        else:
            go_on = [to_go_on(outcome.folder.path)] if outcome.unfinished else []
            why = ": ".join([_counts(outcome), *(_reasons(outcome)[:1] or go_on)])
        if outcome.exit_code:
            say(f"minidl: {outcome.folder.path}: {why}")

    @property
    def ended_count(self) -> int:
        """Members of this command's work that have ended."""
        return len(self._statuses) - self._counts["running"] - self._counts["interrupted"]

    def counts(self) -> str:
        """`12 running, 3 diverged`."""
        names = ("running", "diverged", "failed", "interrupted")
        return ", ".join(f"{self._counts[name]} {name}" for name in names if self._counts[name])

    def best(self) -> str:
        """The best value so far, and whose it is; of the first metric, if there are several.

        Of those that diverged or failed none is the best.
        """
        for metric, (value, name) in self._better(self._running.values()).items():
            return f"best {metric} {measured(metric, value)} ({name.rsplit('-', 1)[0]})"
        return ""

    def remaining(self) -> float | None:
        """Seconds to go, if that can be said yet."""
        elapsed = time.monotonic() - self._started
        share = self.share
        if elapsed < MEANINGFUL_SECONDS or not share:
            return None
        return elapsed * (1 - share) / share


class SweepLines(SweepProgress):
    """A line now and then."""

    def __init__(self, plan: SweepPlan) -> None:
        super().__init__(plan)
        self._shown = time.monotonic()
        done = len(plan.members) - plan.missing
        had = f", {done} of {len(plan.members)} done before" if done and not plan.part else ""
        names = ": ".join(filter(None, (plan.folder.path.name, plan.part)))
        say(f"{names}: {plural(plan.missing, 'run')}{had}")

    def show(self) -> None:
        if time.monotonic() - self._shown > LINE_SECONDS:
            self._shown = time.monotonic()
            left = self.remaining()
            parts = [
                f"{self.ended_count}/{self.total} ended",
                self.counts(),
                self.best(),
                f"about {duration(left)} left" if left is not None else "",
            ]
            say(", ".join(part for part in parts if part))

    def ended(self, outcome: SweepOutcome) -> None:
        for reason in _reasons(outcome):
            say(f"failed: {reason}")
        if outcome.received.signal or outcome.unfinished:
            say(to_go_on(outcome.folder.path))
        took = duration(time.monotonic() - self._started)
        say(f"{_counts(outcome) or 'nothing to do'} in {took}")


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
        columns.append(text_or_stopping("{task.fields[text]}"))
        self._bar = Progress(*columns, console=console, transient=True)
        self._task = self._bar.add_task("", total=1.0, ended=0, runs=self.total, text="starting")
        self._bar.start()

    def show(self) -> None:
        left = self.remaining()
        eta = f"{duration(left)} left" if left is not None else ""
        parts = [part for part in enumerate((eta, self.counts(), self.best())) if part[1]]
        # Left to itself, rich would rather shorten the count and the bar.
        text = fitting(parts or [(0, "")], max(self._bar.console.width - self._beside, 1))
        self._bar.update(self._task, completed=self.share, ended=self.ended_count, text=text)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._bar.stop()


def _counts(outcome: SweepOutcome) -> str:
    """`12 done, 3 diverged`."""
    return ", ".join(f"{count} {status}" for status, count in outcome.counts.items())


def _reasons(outcome: SweepOutcome) -> list[str]:
    """Why members failed, each reason once."""
    where = "(see error.txt in the run's folder)"
    return [f"{e.strip().splitlines()[-1]} {where}" for e in dict.fromkeys(outcome.errors)]
