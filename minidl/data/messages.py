"""What the messages about data are made of: places, values, and what may have been meant."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from minidl.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from minidl.data.cells import Cells


MOST_PROBLEMS = 50
MOST_ROWS = 10  # that are named of one column


class Problems:
    """Collects what is wrong with a file, so that all of it can be fixed at once.

    `with problems.noted():` goes on after a DataError; `check` raises what was found.
    """

    def __init__(self) -> None:
        self.found: dict[str, None] = {}  # each once
        self._unlisted = 0

    def add(self, *problems: str) -> None:
        for problem in problems:
            if len(self.found) < MOST_PROBLEMS:
                self.found[problem] = None
            else:
                self._unlisted += 1

    @contextmanager
    def noted(self) -> Iterator[None]:
        try:
            yield
        except DataError as error:
            self.add(*error.problems)

    def check(self) -> None:
        """Raises DataError with all problems, if there are any."""
        more = [f"and {self._unlisted:,} more problems"] if self._unlisted else []
        if self.found:
            raise DataError(*self.found, *more)


def cell_error(file: str, cells: Cells, wrong: NDArray[np.bool_], what: str) -> DataError:
    """An error about the first of the `wrong` cells (N,), which also names the others' rows."""
    row, *others = map(_row, cells.index[wrong][: 1 + MOST_ROWS])
    count = int(wrong.sum()) - 1
    rows = ", ".join(map(str, others)) + (", …" if count > len(others) else "")
    more = f" (and {count:,} more in this column: row{'s' * (count > 1)} {rows})" if count else ""
    return DataError(f"{file}: row {row}, column {quoted(cells.name)}: {what}{more}")


def _row(label: object) -> str:
    """The number of a row; where a table has several files, with its own."""
    return f"{label[1]} of {label[0]}" if isinstance(label, tuple) else str(label)


def rows_of(index: pd.Index[Any]) -> NDArray[np.int64]:
    """The rows' numbers in their files."""
    return index.get_level_values(-1).to_numpy(dtype=np.int64)


def files_of(index: pd.Index[Any]) -> NDArray[np.int64] | None:
    """Which of several files each row is from, counted from 0; None where there is but one."""
    import pandas as pd

    return index.codes[0].astype(np.int64) if isinstance(index, pd.MultiIndex) else None


def quoted(text: object, limit: int = 60) -> str:
    """The text in quotes, control characters escaped, cut where it is long."""
    written = str(text)
    return repr(written if len(written) <= limit else written[: limit - 1] + "…")


def listed(names: tuple[str, ...], limit: int = 10) -> str:
    """'a', 'b' and 3 more."""
    shown = ", ".join(quoted(name) for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"


def absent_columns(wanted: Iterable[str], have: Iterable[object]) -> str:
    """What to say about wanted columns that a table doesn't have; empty when all are there."""
    names = tuple(str(name) for name in have)
    known = set(names)
    absent = tuple(name for name in map(composed, wanted) if name not in known)
    if not absent:
        return ""
    word = "column" if len(absent) == 1 else "columns"
    message = f"no {word} {listed(absent)}; the table has {listed(names)}"
    if len(names) == 1 and (doubt := delimiter_doubt(names[0])):
        return f"{message}: {doubt}"
    if all(_is_number(name) for name in names):
        return f"{message}: is the header row missing?"
    for name in names:
        if _looks(name) == _looks(absent[0]):
            message = f"{message}; {quoted(name)} only looks equal"
            return f"{message}: it is {name!a}, not {absent[0]!a}"
    alike = [name for name in names if name.lower() == absent[0].lower()]
    close = alike or get_close_matches(absent[0], names, n=1)
    return f"{message}; did you mean {quoted(close[0])}?" if close else message


def composed(name: str) -> str:
    """A name in Unicode's composed form (NFC), in which names are compared."""
    return unicodedata.normalize("NFC", name)


# Letters of Greek and Cyrillic that look like those of Latin.
_TWINS = str.maketrans(
    "АВЕКМНОРСТХаеорсухіјѕΑΒΕΖΗΙΚΜΝΟΡΤΥΧοѵ", "ABEKMHOPCTXaeopcyxijsABEZHIKMNOPTYXov"
)


def _looks(name: str) -> str:
    """The same for names that look the same."""
    plain = unicodedata.normalize("NFKC", name).translate(_TWINS)
    return "".join(c for c in plain if c.isprintable())


def delimiter_doubt(header: str) -> str:
    """What to ask where a header of one column looks like several; empty where it doesn't."""
    found = next((character for character in ";\t|, " if character in header), None)
    return f"is the delimiter right? {json.dumps(found)} would split it" if found else ""


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
