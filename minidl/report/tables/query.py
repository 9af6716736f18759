"""A table as the command line describes it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, get_args

from minidl.errors import ConfigError, Problem, RunError
from minidl.report.members.measures import words
from minidl.report.tables.verdicts import OPTIMISTIC
from minidl.spec.loader import load
from minidl.spec.nodes import Place, plain
from minidl.spec.overrides import COMMAND_LINE
from minidl.spec.problems import did_you_mean
from minidl.spec.report import TABLE_METRICS, Epoch, ReportTable, Statistic


def query(
    by: str | None = None,
    metrics: Sequence[str] | None = None,
    epoch: Epoch = "last",
    stats: str = "mean,std",
    where: Sequence[str] | None = None,
    best_over: str | None = None,
    best_by: str | None = None,
    sort_by: str | None = None,
) -> ReportTable:
    """Raises RunError for a metric or statistic that there isn't; keys are left to the runs."""
    # Not validated like a config's: runs of other versions may have other keys.
    return ReportTable.model_construct(
        by=_names(by),
        metrics=_known("--metric", [m for given in metrics or () for m in given.split(",")]),
        epoch=epoch,
        stats=_known("--stats", stats.split(","), get_args(Statistic)) or ("mean", "std"),
        where=conditions(where or ()),
        best_over=best_over,
        best_by=(_known("--best-by", [best_by]) or (None,))[0] if best_by else None,
        sort_by=_names(sort_by),
    )


def _names(text: str | None) -> tuple[str, ...] | None:
    names = tuple(_name(part) for part in (text or "").split(",") if part.strip())
    return names or None


def _name(text: str) -> str:
    """A metric may also be called what stands at the head of its column: `test accuracy (%)`."""
    heads = {words(metric): metric for metric in TABLE_METRICS}
    head = text.strip().removesuffix(f" {OPTIMISTIC}").removesuffix(" (%)")
    return heads.get(head, text.strip())


def _known(
    option: str, names: Iterable[str], known: Sequence[str] = TABLE_METRICS
) -> tuple[Any, ...] | None:
    names = list(map(_name, names))
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known)
            raise RunError(f"{option}: expected one of {', '.join(known)}, but got {name!r}{hint}")
    return tuple(dict.fromkeys(names)) or None


def conditions(where: Sequence[str]) -> dict[str, Any]:
    """Each KEY=VALUE of --where. Raises RunError and ConfigError."""
    return dict(map(_condition, where))


def _condition(text: str) -> tuple[str, Any]:
    """`optimizer.lr=0.1` as key and value, read like a config's."""
    key, equals, value = text.partition("=")
    place, problems = Place(COMMAND_LINE, override=text), list[Problem]()
    if not equals or not key.strip():
        raise RunError(f"--where: expected KEY=VALUE, such as optimizer.lr=0.1, but got {text!r}")
    node = load(value, place, problems)
    if problems:
        raise ConfigError(problems)
    return key.strip(), plain(node) if node is not None else None
