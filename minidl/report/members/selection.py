"""Which part choices look at: the validation part where there is one, and what it means if not."""

from __future__ import annotations

import math
from collections.abc import Sequence

from minidl.report.members.collect import Member
from minidl.report.members.measures import words

# What a training may choose by, and how it is called.
_CHOOSING = {
    "training.early_stopping.metric": "early stopping",
    "training.stop_at.metric": "stop_at",
    "schedule.metric": "the schedule",
}


def on_validation(metric: str, members: Sequence[Member]) -> str:
    """The metric of the test part on the validation part, where each run that has it has both."""
    if not metric.startswith("test_"):
        return metric
    other = metric.replace("test_", "val_", 1)
    having = [member for member in members if math.isfinite(member.value(metric))]
    both = having and all(math.isfinite(member.value(other)) for member in having)
    return other if both else metric


def chosen_on_test(members: Sequence[Member], epoch: str) -> list[str]:
    """What the test part chose in some of the runs: its figures are optimistic then."""
    found: dict[str, None] = {}
    for member in members:
        for key, name in _CHOOSING.items():
            metric = str(member.settings.get(key))
            if metric.startswith("test_"):
                found[f"{name} by {words(metric)}"] = None
        metric = str(member.record.best.get("metric"))
        if epoch == "best" and metric.startswith("test_"):
            found[f"the best epoch by {words(metric)}"] = None
    return list(found)
