"""minidl sweep --confirm: what the sweep chose, trained on fresh seeds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minidl.plural import plural
from minidl_cli.output import say, show

if TYPE_CHECKING:
    from minidl.report.members.confirmed import Confirmed
    from minidl.spec import Sweep
    from minidl.sweep.run import SweepOutcome


@dataclass(frozen=True)
class Confirmation:
    """How the fresh runs ended, what their figures are, and by how much the sweep's flattered."""

    outcome: SweepOutcome
    found: Sequence[Confirmed]

    @classmethod
    def of(
        cls,
        folder: Path,
        count: int,
        train: Callable[[Sweep, Path, str], SweepOutcome],
        *,
        quiet: bool,
    ) -> Confirmation:
        """`train` the best of a sweep's points on `count` fresh seeds, beside its folder."""
        outcome, found = _confirmed(folder, count, train, quiet=quiet)
        return cls(outcome, found)

    def show(self) -> None:
        """On stdout: the folder, and a sentence for each metric."""
        show(self.outcome.folder.path)
        for one in self.found:
            show(_sentence(one))

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        from minidl_cli.listed import described_sweep

        metrics = {
            one.metric: {
                "mean": one.fresh.mean,
                "std": one.fresh.std,
                "n": one.fresh.n,
                "diverged": one.diverged,
                "chosen_mean": one.chosen.mean,
                "flattering": one.flattering,
                "flattering_ci95": one.ci95,
            }
            for one in self.found
        }
        return {**described_sweep(self.outcome), "metrics": metrics}


def _confirmed(
    folder: Path, count: int, train: Callable[[Sweep, Path, str], SweepOutcome], *, quiet: bool
) -> tuple[SweepOutcome, list[Confirmed]]:
    from minidl.report.members.collect import collect
    from minidl.report.members.confirmed import best_group, confirmed, fresh_seeds
    from minidl.report.members.measures import words
    from minidl.report.members.settings import point, varying
    from minidl.report.tables.table import default_metrics, default_score
    from minidl.spec import load_sweep
    from minidl_cli.sweep_progress import Reading

    members = collect([folder]).members
    metric = default_score(members)
    best = best_group(members, metric)
    values = point(best.settings, varying([member.settings for member in members]))
    if not quiet:
        say(f"the best by {words(metric)}: {values or best.members[0].name}")
    seeds = fresh_seeds(members, best, count)
    config = best.members[0].folder.config_path
    again = load_sweep(config, seeds, None, Reading(quiet), folder.parent)
    which = hashlib.sha256(repr(best.members[0].experiment).encode()).hexdigest()[:8]
    outcome = train(again, folder.parent, f"{folder.name}-confirmed-{which}")
    fresh = collect([outcome.folder.path]).members
    metrics = dict.fromkeys([metric, *default_metrics(members)])
    return outcome, confirmed(best, fresh, metrics)


def _sentence(one: Confirmed) -> str:
    """`test accuracy: 93.1 ± 0.6 % over 10 fresh runs; the sweep's 95.0 % flattered by …`."""
    from minidl.report.members.groups import Statistics
    from minidl.report.members.measures import words
    from minidl.report.tables.numbers import mean_and_std
    from minidl.report.tables.numbers import one as number
    from minidl.scores import is_share

    percent = " %" if is_share(one.metric) else ""
    points = " points" if is_share(one.metric) else ""
    mean = Statistics(one.fresh.n, one.fresh.mean, one.fresh.ci95)
    by = Statistics(one.fresh.n, abs(one.flattering), one.ci95)
    lost = f" ({one.diverged} more diverged)" if one.diverged else ""
    verb = "flattered" if one.flattering >= 0 else "was too modest"
    runs = plural(one.fresh.n, "fresh run")
    said = f"{words(one.metric)}: {mean_and_std(mean, one.metric)}{percent} over {runs}{lost}"
    swept = f"the sweep's {number(one.chosen.mean, one.metric)}{percent}"
    return f"{said}; {swept} {verb} by {mean_and_std(by, one.metric)}{points}"
