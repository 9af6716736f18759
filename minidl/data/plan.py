"""What is to become of each column: a config's options, put together for one column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from minidl.data.cells import NAN, PLAIN, Notation, mostly_text
from minidl.data.messages import absent_columns, composed
from minidl.errors import DataError

if TYPE_CHECKING:
    from minidl.data.cells import Cells
    from minidl.spec.table import CsvData

NUMBERS = ("number", "ordinal", "boolean", "date", "cyclic")


@dataclass(frozen=True)
class Plan:
    """How a column is read, and what it becomes; `kind` is one of `minidl.spec`'s, or auto."""

    kind: str = "auto"
    missing_values: tuple[str, ...] = NAN
    missing: str = "error"
    missing_category: str = "error"  # for an `auto` column that turns out to be of words
    indicator: bool = False
    scale: str = "standard"
    notation: Notation = PLAIN
    period: float = 0.0
    order: tuple[str, ...] = ()
    format: str | None = None
    parts: tuple[str, ...] = ()
    min_count: int = 1
    max_categories: int | None = None
    unknown: str = "error"
    words: int = 0
    hashed: bool = False

    def settled(self, cells: Cells) -> Plan:
        """The same with a kind: numbers where at least half of the values are, else categories."""
        if self.kind != "auto":
            return self
        if mostly_text(cells, self.notation) and mostly_text(cells):
            return replace(self, kind="category", missing=self.missing_category)
        return replace(self, kind="number")


def plans(spec: CsvData, names: Sequence[str], file: str) -> dict[str, Plan]:
    """The plan of each of the columns. Raises DataError for options of columns that are absent."""
    known = [*names, spec.target]
    listed = [(f"columns.{key}", key) for key in spec.columns]
    kinds = {kind: getattr(spec.types, kind) for kind in type(spec.types).model_fields}
    listed += [(f"types.{kind}", key) for kind, keys in kinds.items() for key in keys]
    wrong = [
        f"{file}: {absent_columns([key], known)} (`{place}` of the config)"
        for place, key in listed
        if not matching(key, known)
    ]
    if wrong:
        raise DataError(*wrong)
    return {name: _plan(spec, name, kinds) for name in names}


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """The columns that a name or a pattern such as `x_*` means; a name goes first."""
    pattern = composed(pattern)
    names = list(names)
    return [pattern] if pattern in names else [n for n in names if fnmatchcase(n, pattern)]


def _plan(spec: CsvData, name: str, kinds: dict[str, tuple[str, ...]]) -> Plan:
    given = {composed(key): column for key, column in spec.columns.items()}
    own: Any = given.get(name) or next(
        (column for key, column in given.items() if fnmatchcase(name, key)), None
    )
    kind = (
        own.type
        if own
        else next(
            (kind for kind, keys in kinds.items() if any(matching(key, [name]) for key in keys)),
            "auto",
        )
    )
    of_numbers, of_words = _missing(spec)
    markers = NAN if spec.missing_values is None else spec.missing_values
    plan = Plan(
        kind=kind,
        missing_values=markers,
        missing=of_numbers if kind in (*NUMBERS, "auto") else of_words,
        missing_category=of_words,
        indicator=spec.indicator,
        scale=spec.scale or ("standard" if spec.standardize else "none"),
        notation=Notation(spec.decimal, spec.thousands),
        parts=("days", "month", "weekday"),
        min_count=spec.rare.min_count if spec.rare else 1,
        max_categories=spec.max_categories,
        unknown=spec.unknown,
        words=200,
    )
    if own is None:
        return plan
    changes = {
        key: value
        for key in own.option_names()
        if key not in ("type", "rare", "strip", "missing_values")
        and (value := getattr(own, key)) is not None
    }
    if getattr(own, "rare", None):
        changes["min_count"] = own.rare.min_count
    if own.missing_values is not None:
        changes["missing_values"] = (*markers, *own.missing_values)
    if getattr(own, "strip", None):
        changes["notation"] = replace(plan.notation, strip=own.strip)
    return replace(plan, **changes)


def _missing(spec: CsvData) -> tuple[str, str]:
    """What `missing` means for numbers, and for words: these have no mean, but can be a word."""
    if not isinstance(spec.missing, str):
        return spec.missing.number, spec.missing.category
    return spec.missing, spec.missing if spec.missing in ("error", "drop") else "category"


def keeps_texts(spec: CsvData, name: str) -> bool:
    """Whether the cells of a column are wanted as they stand, even where all are numbers."""
    if name == composed(spec.target) and spec.task != "regression":
        return True
    if name in spec.columns:
        return spec.columns[name].type != "number" or bool(getattr(spec.columns[name], "strip", ()))
    others = [key for key, column in spec.columns.items() if column.type != "number"]
    others += [key for kind in spec.types.model_fields_set for key in getattr(spec.types, kind)]
    return any(matching(key, [name]) for key in others)


def drops_target(spec: CsvData) -> bool:
    """Whether a row without its target is left out rather than an error."""
    if isinstance(spec.missing, str):
        return spec.missing == "drop"
    return "drop" in (spec.missing.number, spec.missing.category, spec.missing.target)


def target_notation(spec: CsvData) -> Notation:
    """How the numbers of a regression's target are written."""
    own = spec.columns.get(spec.target)
    return Notation(spec.decimal, spec.thousands, getattr(own, "strip", ()))
