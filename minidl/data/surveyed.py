"""What one column of a table seems to be, and why: for `minidl new`."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from minidl.data.cells import MANY_KINDS, SUSPECTS, Notation, parse_numbers, too_many_kinds, without
from minidl.data.columns import FALSE, TRUE
from minidl.data.messages import listed, quoted

if TYPE_CHECKING:
    from minidl.data.cells import Cells

MARKS = ("?", "-", "--", ".", "*", "NaN", "nan", "#VALUE!", "unknown", "missing")
FORMATS = (
    *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%b-%Y", "%b %d %Y", "%b %d, %Y"),
    *("%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%Y/%m/%d %H:%M", "%d-%b-%y"),
    *("%B %d, %Y", "%d %B %Y", "%d %b %Y", "%Y-%m", "%m/%d/%y", "%d.%m.%y", "%H:%M"),
)
TEXT_WORDS = 4  # in the mean cell of a text
MOST_CATEGORIES = 50
SKEWED = 20.0  # robust z beyond which an outlier drowns the scale


@dataclass
class Surveyed:
    """One column: `kind` (drop: leave it out), its options, and why.

    few: how many different values it has; marks: cells in it that seem to stand for missing.
    """

    name: str
    kind: str
    why: str
    options: dict[str, Any] = field(default_factory=dict)
    marks: tuple[str, ...] = ()
    gaps: bool = False
    few: int = 0


def surveyed(cells: Cells, notation: Notation, unnamed: tuple[str, ...]) -> Surveyed:
    name = str(cells.name)
    marks = _marks(cells, notation)
    present = without(cells, marks).dropna()
    column = _kind(name, present, notation, unnamed)
    column.marks, column.gaps = marks, len(present) < len(cells)
    column.few = int(present.nunique())
    return column


def _kind(name: str, present: Cells, notation: Notation, unnamed: tuple[str, ...]) -> Surveyed:
    rows, distinct = len(present), int(present.nunique())
    if not rows:
        return Surveyed(name, "drop", "no value")
    first = str(present.iloc[0])
    if distinct == 1:
        return Surveyed(name, "drop", f"always {quoted(first, 30)}")
    values, is_text = parse_numbers(present, notation)
    numeric = not is_text.any() and bool(np.isfinite(values).all())
    with np.errstate(all="ignore"):
        steps = numeric and rows > 2 and bool((np.diff(values) == 1).all())
    if name in unnamed and steps:
        return Surveyed(name, "drop", "a nameless index")
    is_id = re.search(r"(^|[\W_])(id|index|rownames?|row|uuid|key)$", name, re.IGNORECASE)
    called_id = is_id and not date_options(present)  # the index of a series is none
    if (
        distinct == rows
        and rows >= 10
        and (steps or called_id)
        and not name.lower().startswith("year")
    ):
        return Surveyed(name, "drop", "numbers the rows" if steps else "another in each row: an id")
    if numeric:
        return _number(name, present, values)
    if {str(word).lower() for word in present.unique()} <= TRUE | FALSE:
        return Surveyed(name, "boolean", f"{listed(words_of(present))}")
    if date := date_options(present):
        return Surveyed(name, "date", f"such as {quoted(first, 30)}", date)
    if strip := _units(present, notation):
        return Surveyed(name, "number", f"such as {quoted(first, 30)}", {"strip": strip})
    return _word(name, present)


def _number(name: str, present: Cells, values: Any) -> Surveyed:
    texts = present.unique()
    if any(re.fullmatch(r"0\d+", str(text)) for text in texts):
        word = _word(name, present)
        word.why = f"digits with zeros before them, such as {quoted(texts[0], 20)}: {word.why}"
        return word
    low, high = values.min(), values.max()
    why, options = f"{low:g} … {high:g}", {}
    with np.errstate(all="ignore"):
        quarter, middle, three = np.quantile(values, (0.25, 0.5, 0.75))
        width = (three - quarter) / 1.349 or values.std()
        outlying = width > 0 and max(high - middle, middle - low) / width > SKEWED
    if outlying:
        options["scale"] = "log" if low >= 0 and high > 10 else "quantile"
        why += ", with outliers"
    return Surveyed(name, "number", why, options)


def _word(name: str, present: Cells) -> Surveyed:
    words, rows = words_of(present), len(present)
    length = np.mean([len(str(cell).split()) for cell in present.iloc[:1000]])
    some = listed(tuple(word if len(word) < 24 else f"{word[:22]}…" for word in words), 4)
    if length >= TEXT_WORDS and 2 * len(words) > rows:
        return Surveyed(name, "text", f"such as {quoted(present.iloc[0], 30)}")
    if len(words) <= MOST_CATEGORIES and not too_many_kinds(len(words), rows):
        if len(words) * 2 <= rows or (len(words) <= 10 and len(words) < rows):
            return Surveyed(name, "category", some)
        return Surveyed(
            name, "drop", f"{len(words)} different words in {rows} rows, such as {some}"
        )
    if len(words) * 4 <= rows:
        return Surveyed(
            name, "category", f"{len(words)} words, such as {some}", {"max_categories": MANY_KINDS}
        )
    return Surveyed(name, "drop", f"{len(words)} different words in {rows} rows, such as {some}")


def words_of(present: Cells) -> tuple[str, ...]:
    return tuple(sorted(str(word) for word in present.unique()))


def _marks(cells: Cells, notation: Notation) -> tuple[str, ...]:
    """Which of its cells seem to stand for a missing value."""
    present = cells.dropna()
    words = [str(word) for word in present.unique()[:100_000]]
    likely = [w for w in words if w in MARKS or w.lower() in SUSPECTS]
    if not likely:
        return ()
    others = present[~present.isin(likely)]
    if others.empty:
        return ()
    _, is_text = parse_numbers(others, notation)
    if not is_text.any() or date_options(others):
        return tuple(likely)
    rest = {str(word) for word in others.unique()}
    codes = all(re.fullmatch(r"[A-Z]{2}", word) for word in rest)  # NA is Namibia among them
    signs = rest <= {"+", "-", "--", "++"}
    real = {"none", "missing", "unknown"}  # among words, these say something
    return tuple(
        w
        for w in likely
        if not (codes and w == "NA") and not (signs and w in ("-", "--")) and w.lower() not in real
    )


def date_options(present: Cells) -> dict[str, Any] | None:
    """The options of a column of dates, or None."""
    import pandas as pd

    sample = present.iloc[:1000].map(str)
    if not sample.str.contains(r"\d").all() or not sample.str.contains(r"\D").all():
        return None
    for way in (None, *FORMATS):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            times = pd.to_datetime(sample, format=way or "ISO8601", errors="coerce", utc=True)
        if times.isna().any():
            continue
        whole = pd.to_datetime(present.map(str), format=way or "ISO8601", errors="coerce", utc=True)
        if whole.isna().any():
            continue
        parts = ["days"] if whole.dt.normalize().nunique() > 1 else []
        parts += ["month"] if whole.dt.month.nunique() > 1 else []
        parts += ["weekday"] if whole.dt.day_of_week.nunique() > 2 and way != "%Y-%m" else []
        parts += ["hour"] if whole.dt.hour.nunique() > 1 else []
        return {**({"format": way} if way else {}), "parts": tuple(parts or ["days"])}
    return None


def _units(present: Cells, notation: Notation) -> tuple[str, ...]:
    """The texts around numbers such as `$1,200` or `12 kg`; empty where it holds other texts."""
    around: set[str] = set()
    for cell in present.unique()[:10_000]:
        match = re.fullmatch(
            r"([^\w\s.,+-]{0,2}|[A-Z]{1,3}\$?)\s*[-+]?[\d.,' ]*\d\s*([^\d\s]{0,6})", str(cell)
        )
        if match is None:
            return ()
        around |= {part for part in match.groups() if part}
        if len(around) > 2:
            return ()
    strip = tuple(sorted(around))
    own = Notation(notation.decimal, notation.thousands, strip)
    values, is_text = parse_numbers(present, own)
    return strip if strip and not is_text.any() and np.isfinite(values).all() else ()
