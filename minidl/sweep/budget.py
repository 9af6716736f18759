"""What a search takes at most, in epochs, and what trying everything would."""

from __future__ import annotations

import math

from minidl.plural import plural
from minidl.spec import Sweep
from minidl.spec.search import Halving
from minidl.sweep.halving import halving
from minidl.sweep.search import trials_of


def budget(sweep: Sweep) -> str:
    """`at most 160 epochs, 22 % of the 720 of the whole grid`; nothing where there is no search."""
    search, members = sweep.search, sweep.members
    if search is None:
        return ""
    whole = sum(member.spec.training.epochs for member in members)
    trial = whole * sweep.block["repeats"] // len(members)
    points = sweep.space.size if sweep.space else math.inf
    if isinstance(search, Halving):
        epochs = _halved(search, sweep)
        most, of = whole, "all trials in full" if sweep.space else "the whole grid"
    else:
        epochs, most, of = trial * int(min(search.trials, points)), 0, ""
    if math.isfinite(points):
        most, of = trial * int(points), "the whole grid"
    share = f", {round(100 * epochs / most)} % of the {most:,} of {of}" if of else ""
    return f"at most {plural(epochs, 'epoch')}{share}"


def _halved(search: Halving, sweep: Sweep) -> int:
    """All are trained to the first rung, those that are promoted to the next …"""
    trained: dict[str, int] = {}
    for part in halving(search, trials_of(sweep.members), lambda member: 0.0):
        trained |= {member.name: member.epochs for member in part.members}
    return sum(trained.values())
