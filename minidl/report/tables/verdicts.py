"""What differences between groups of runs come to, in a sentence."""

from __future__ import annotations

import math

from minidl.plural import plural
from minidl.report.members.groups import Statistics
from minidl.report.members.measures import words
from minidl.report.members.paired import LEVEL, Difference
from minidl.report.tables.numbers import mean_and_std
from minidl.report.tables.table import Table
from minidl.scores import is_share

BEST, UNDECIDED = "*", "≈"  # behind a mean
OPTIMISTIC = "†"  # at the head of a column


def verdict(one: Difference, first: str, second: str) -> str:
    """`adam beats sgd by 0.8 ± 0.3 points of test accuracy (10 seeds, p = 0.004)`."""
    pairs = plural(one.n, "fold" if one.folds else "seed" if one.by_seed else "pair")
    lost = [
        f"{name} diverged in {count}"
        for name, count in zip((first, second), one.diverged, strict=True)
        if count
    ]
    left_out = f"; {plural(one.unpaired, 'run')} without a partner left out" * (one.unpaired > 0)
    known = ", ".join([pairs, *lost, *([] if math.isnan(one.p) else [f"p = {one.p:.2g}"])])
    known = f"({known}{left_out})"
    if not one.decided:
        far = f"{_amount(one)} apart " if one.of.n > 1 else ""
        return f"{first} and {second}: undecided, {far}{known}{_more_seeds(one)}"
    better, worse = (first, second) if one.better else (second, first)
    return f"{better} beats {worse} by {_amount(one)} {known}"


def _amount(one: Difference) -> str:
    """The mean difference and half the width of its 95 % interval."""
    size = Statistics(one.of.n, abs(one.of.mean), one.of.ci95)
    unit = "points of " if is_share(one.metric) else "of "
    return f"{mean_and_std(size, one.metric)} {unit}{words(one.metric)}"


def _more_seeds(one: Difference) -> str:
    """How many would tell such a difference."""
    if one.folds:
        repeats = math.ceil(((one.seeds or 0) - one.n) / one.folds)
        return f"; about {plural(repeats, 'more repeat')} would tell" if repeats > 0 else ""
    least = math.ceil(1 - math.log2(one.level))  # with fewer, p can't be so small
    if one.n < least:
        more = max(one.seeds or 0, least) - one.n
        return f"; at least {plural(more, 'more seed')} would tell"
    if one.seeds is None or one.seeds <= one.n:
        return ""
    return f"; about {plural(one.seeds - one.n, 'more seed')} would tell"


def mark(difference: Difference | None) -> str:
    """What stands behind a mean: the best, or one that can't be told from it."""
    if difference is None:
        return BEST
    return "" if difference.decided else UNDECIDED


def legend(table: Table) -> str | None:
    """What a table's marks say; None where it has none."""
    known = [one for row in table.rows for one in row.against_best.values()]
    marks = {mark(one) for one in known}
    if not marks:
        return None
    by = "fold" if any(one and one.folds for one in known) else "seed"
    if UNDECIDED in marks:
        said = f"; {UNDECIDED} can't be told from it (paired by {by}, p > {LEVEL:g}"
    else:
        said = f", which beats all others (paired by {by}, p ≤ {LEVEL:g}"
    return f"{BEST} the best mean{said} by Holm's method)"


def optimism(table: Table) -> str | None:
    """What the mark at the heads of columns says; None where there is none."""
    if not (table.chosen_on_test and any(m.startswith("test_") for m in table.metrics)):
        return None
    chosen = ", ".join(table.chosen_on_test)
    return (
        f"{OPTIMISTIC} optimistic: the test part itself chose ({chosen}); a validation part"
        " (`data.validation` or `data.validation_fraction`) would leave it out of that"
    )
