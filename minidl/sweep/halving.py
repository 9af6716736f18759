"""Successive halving: who trains on from one rung to the next."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from minidl.scores import higher_is_better
from minidl.spec import Member
from minidl.spec.search import Halving

Trial = Sequence[Member]  # those that differ by seed alone
Value = Callable[[Member], float]  # of the metric at the member's rung, or where it ended before


@dataclass(frozen=True)
class Round:
    """What trains side by side before a search decides again; `name` says which round it is."""

    name: str
    members: Sequence[Member]


def halving(search: Halving, trials: Sequence[Trial], value: Value) -> Iterator[Round]:
    """Rung after rung; `value` is asked once the members of a round have trained.

    Who is promoted follows from these values and the order of the trials, never from the time at
    which they came: a search that was killed decides again as it did, on any number of workers.
    """
    epochs = max(member.spec.training.epochs for trial in trials for member in trial)
    rungs = search.rungs(epochs)
    brackets: list[tuple[int, list[Trial]]] = []  # the rung at which they begin, who is left
    counts, waiting = search.brackets(len(trials), len(rungs)), list(trials)
    if len(counts) > 1:  # else the first values of a grid's keys would be in one bracket
        random.Random(search.seed).shuffle(waiting)
    for first, count in enumerate(counts):
        brackets.append((first, waiting[:count]))
        del waiting[:count]
    for step in range(len(rungs)):
        present = [
            [[_until(member, rungs[first + step]) for member in trial] for trial in left]
            for first, left in brackets
            if first + step < len(rungs)
        ]
        name = f"{'rung' if len(counts) == 1 else 'round'} {step + 1} of {len(rungs)}"
        yield Round(name, [member for left in present for trial in left for member in trial])
        brackets = [
            (first, _promoted(search, left, value))
            for (first, _), left in zip(brackets, present, strict=False)
        ]


def _until(member: Member, rung: int) -> Member:
    """The member as it stops at a rung: at the next evaluation, since it is judged by one."""
    every = member.spec.training.eval_every
    until = math.ceil(rung / every) * every
    return replace(member, until=until if until < member.spec.training.epochs else None)


def _promoted(search: Halving, trials: Sequence[Trial], value: Value) -> list[Trial]:
    """The best ones, best first; of equal ones the earlier. What has no value isn't promoted."""
    ranks = {index: _rank(search, trial, value) for index, trial in enumerate(trials)}
    order = sorted((index for index in ranks if ranks[index][1] < math.inf), key=ranks.__getitem__)
    return [trials[index] for index in order[: max(1, len(trials) // search.reduction)]]


def _rank(search: Halving, trial: Trial, value: Value) -> tuple[int, float]:
    """By the mean over its runs; after all others where some of these have no value."""
    values = [value(member) for member in trial]
    found = [one for one in values if math.isfinite(one)]
    if not found:
        return len(trial), math.inf
    mean = math.fsum(found) / len(found)
    return len(trial) - len(found), -mean if higher_is_better(search.metric or "") else mean
