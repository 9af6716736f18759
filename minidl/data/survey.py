"""What the columns of a table seem to be, with the reasons: for `minidl new`."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from minidl.data.cells import Notation, parse_numbers, too_many_kinds, without
from minidl.data.csvfile import parse_rows
from minidl.data.messages import Problems, absent_columns, quoted
from minidl.data.sniff import Sniffed, sniff
from minidl.data.source import Source
from minidl.data.surveyed import Surveyed, date_options, surveyed, words_of
from minidl.data.target import MOST_INTEGER_CLASSES
from minidl.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from minidl.data.cells import Cells


@dataclass
class Survey:
    """A table, as it seems; `columns` in the file's order, the target among them."""

    sniffed: Sniffed
    notation: Notation
    columns: list[Surveyed]
    target: str
    proposed: bool  # whether the target is a guess
    task: str
    classes: tuple[str, ...]
    fewest: int  # rows of a class
    target_gaps: bool
    target_strip: tuple[str, ...]
    missing_values: tuple[str, ...]
    rows: int

    @property
    def features(self) -> list[Surveyed]:
        return [c for c in self.columns if c.name != self.target and c.kind != "drop"]

    @property
    def dropped(self) -> list[Surveyed]:
        return [c for c in self.columns if c.name != self.target and c.kind == "drop"]


def survey(source: Source, target: str | None) -> Survey:
    """Looks at a table. Raises DataError where it holds none, or lacks the target."""
    sniffed = sniff(source)
    problems = Problems()
    found = parse_rows(sniffed.source, sniffed.dialect, problems)
    problems.check()
    table = found.table
    if table.empty:
        problems.add(*found.ragged_problems(source.file))
        problems.check()
    notation = _notation(table)
    columns = [surveyed(table[name], notation, found.unnamed) for name in table.columns]
    _drop_copies(table, columns)
    by_name = {column.name: column for column in columns}
    chosen = target or _proposed(columns)
    if chosen not in by_name:
        raise DataError(f"{source.file}: {absent_columns([chosen], by_name)} (--target)")
    own = by_name[chosen]
    if all(column.kind == "drop" or column is own for column in columns):
        others = "; ".join(f"{quoted(c.name)} {c.why}" for c in columns if c is not own)
        raise DataError(
            f"{source.file}: beside the target {quoted(chosen)} there is no column to learn from"
            f"{f' ({others})' if others else ''}"
        )
    cells = without(table[chosen], own.marks)
    task, classes = _task(cells, own, notation, source.file)
    _check_classes(chosen, classes, len(cells), source.file)
    marks = {mark for column in columns for mark in column.marks}
    if any(
        not c.options.get("missing_values") and _keeps(table[c.name], c, marks) for c in columns
    ):
        for column in columns:  # a marker in one column is a word in another
            if column.marks:
                column.options["missing_values"] = column.marks
        marks = set()
    return Survey(
        sniffed,
        notation,
        columns,
        chosen,
        target is None,
        task,
        classes,
        int(cells.value_counts().min()),
        bool(cells.isna().any()),
        own.options.get("strip", ()) if task == "regression" else (),
        tuple(sorted(marks)),
        len(table),
    )


def _keeps(cells: Cells, column: Surveyed, marks: set[str]) -> bool:
    """Whether it has a word that stands for a missing value in other columns."""
    others = marks - set(column.marks)
    return column.kind not in ("drop", "number") and bool(others) and bool(cells.isin(others).any())


def _notation(table: pd.DataFrame) -> Notation:
    """Which signs numbers are written with, by those that only one reading allows."""
    votes: Counter[str] = Counter()
    for name in table.columns:
        cells = table[name].dropna().iloc[:2000].map(str)
        texts = cells[cells.str.fullmatch(r"\D{0,3}[-+]?[\d.,' ]*\d\D{0,4}")]
        if 2 * len(texts) <= len(cells) or date_options(texts):
            continue
        for sign in (",", "."):
            of_it = texts[texts.str.contains(sign, regex=False)]
            groups = of_it.str.fullmatch(rf"\D*[1-9]\d{{0,2}}(?:\{sign}\d{{3}})+(?:[.,]\d+)?\D*")
            if len(of_it):
                votes[f"thousands {sign}" if groups.all() else f"decimal {sign}"] += 1
        votes["thousands '"] += int(texts.str.contains(r"\d'\d{3}").any())
    both = (table[name].dropna().map(str) for name in table.columns)
    if any(cells.str.fullmatch(r"\D*\d{1,3}(?:\.\d{3})+,\d+\D*").any() for cells in both):
        return Notation(",", ".")
    decimal = "," if votes["decimal ,"] > votes["decimal ."] else "."
    other = "." if decimal == "," else ","
    marks = (sign for sign in (other, "'") if votes[f"thousands {sign}"])
    return Notation(decimal, next(marks, None))


def _drop_copies(table: pd.DataFrame, columns: list[Surveyed]) -> None:
    seen: dict[int, str] = {}
    for column in columns:
        if column.kind == "drop":
            continue
        cells = table[column.name].fillna("")
        key = hash(tuple(cells))
        other = seen.setdefault(key, column.name)
        if other != column.name and bool(
            (table[other].fillna("").to_numpy() == cells.to_numpy()).all()
        ):
            column.kind, column.why = "drop", f"the same as {quoted(other)}"


def _proposed(columns: list[Surveyed]) -> str:
    """The last column that can be a target."""
    for column in reversed(columns):
        if column.kind in ("number", "boolean") or (
            column.kind == "category" and "max_categories" not in column.options
        ):
            return column.name
    return columns[-1].name


def _task(
    cells: Cells, own: Surveyed, notation: Notation, file: str
) -> tuple[str, tuple[str, ...]]:
    present = cells.dropna()
    if present.nunique() < 2:
        raise DataError(f"{file}: target {quoted(own.name)}: {own.why}: there is nothing to learn")
    reading = Notation(notation.decimal, notation.thousands, own.options.get("strip", ()))
    values, is_text = parse_numbers(present, reading)
    if not is_text.any():
        distinct = present.nunique()
        whole = bool((values == np.floor(values)).all())
        repeats = distinct <= MOST_INTEGER_CLASSES and 2 * distinct <= len(present)
        zeros = any(re.fullmatch(r"0\d+", str(text)) for text in present.unique())
        if not (whole and repeats) and not zeros:
            return "regression", ()
    return "classification", words_of(present)


def _check_classes(name: str, classes: tuple[str, ...], rows: int, file: str) -> None:
    if too_many_kinds(len(classes), rows) or len(classes) == rows >= 10:
        raise DataError(
            f"{file}: target {quoted(name)} holds {len(classes)} different words in {rows} rows,"
            f" such as {quoted(classes[0])}: too many to learn; name another with --target"
        )
