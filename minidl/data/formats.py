"""Tables in files that aren't text: Parquet, Feather and Excel, read by pandas.

This is the one place where a file's ending says what it is; all other files are text, which
`csvfile.py` reads.
"""

from __future__ import annotations

import datetime
import io
import zipfile
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from minidl.data.messages import quoted
from minidl.data.source import MEBIBYTE, Source
from minidl.data.target import label
from minidl.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Format = Literal["text", "parquet", "feather", "excel"]

_ENDINGS: dict[str, Format] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".feather": "feather",
    ".arrow": "feather",
    ".xlsx": "excel",
    ".xlsm": "excel",
}
PACKAGES = {"parquet": "pyarrow", "feather": "pyarrow", "excel": "openpyxl"}
MOST_UNPACKED = 1024 * MEBIBYTE  # of what is packed in such a file


def format_of(path: str | PurePath) -> Format:
    """What a file of that name holds."""
    return _ENDINGS.get(PurePath(path).suffix.lower(), "text")


def need_package(file: str, kind: str) -> None:
    """Raises DataError where the package that reads and writes this format isn't installed."""
    import importlib

    package = PACKAGES[kind]
    try:
        importlib.import_module(package)
    except ImportError as error:
        extra = "excel" if kind == "excel" else "parquet"
        raise DataError(
            f"{file}: {kind.capitalize()} needs the package {package}: pip install"
            f' "minidl[{extra}]"'
        ) from error


def read_frame(
    source: Source, most_cells: int, is_text: Callable[[str], bool] | None
) -> pd.DataFrame:
    """The rows of a Parquet or Feather file, numbered from 0, as pandas does.

    Columns of numbers and booleans have these types unless `is_text`, which None says of all; other
    cells are texts, None where missing. Raises DataError.
    """
    import pandas as pd

    kind = format_of(source.path)
    need_package(source.file, kind)
    try:
        _refuse_too_much(source, kind, most_cells)
        read: Any = pd.read_parquet if kind == "parquet" else pd.read_feather
        # Integers with gaps stay integers in pandas' own types.
        frame = read(io.BytesIO(source.content), dtype_backend="numpy_nullable")
    except DataError:
        raise
    except Exception as error:  # of many kinds, for files that are damaged
        raise _unreadable(source, kind, error) from error
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    return cells_of_frame(frame, source.file, is_text)


def cells_of_frame(
    frame: pd.DataFrame, file: str, is_text: Callable[[str], bool] | None
) -> pd.DataFrame:
    """The same of a frame of any types; the rows are numbered by their positions."""
    import pandas as pd

    if not len(frame):
        raise DataError(f"{file}: holds no rows")
    columns = {}
    for place, name in enumerate(frame.columns):
        cells = frame.iloc[:, place]
        if isinstance(cells.dtype, pd.CategoricalDtype):
            cells = cells.astype(object)
        name = str(name)
        cells = cells.reset_index(drop=True)
        if cells.dtype.kind in "biuf" and not (is_text is None or is_text(name)):
            columns[place] = pd.Series(cells.to_numpy(np.float64, na_value=np.nan))
        else:
            columns[place] = _texts(cells, name, file)
    table = pd.DataFrame(columns)
    table.columns = pd.Index([str(name) for name in frame.columns])
    table.index = pd.RangeIndex(len(frame), name="row")
    return table


def sheet_records(source: Source) -> Iterator[tuple[int, list[str]]]:
    """The rows of an Excel file's first sheet that aren't blank, with their numbers from 1.

    Cells are texts; a number is written as Python writes it. Raises DataError.
    """
    import pandas as pd

    need_package(source.file, "excel")
    try:
        with zipfile.ZipFile(io.BytesIO(source.content)) as archive:
            if sum(member.file_size for member in archive.infolist()) > MOST_UNPACKED:
                raise DataError(f"{source.file}: unpacks to more than a table may")
        frame = pd.read_excel(
            io.BytesIO(source.content), header=None, dtype=object, keep_default_na=False
        )
    except DataError:
        raise
    except Exception as error:
        raise _unreadable(source, "excel", error) from error
    texts = [_texts(cells, str(place), source.file).fillna("") for place, cells in frame.items()]
    for number, cells in enumerate(zip(*texts, strict=True), start=1):
        if any(cells):
            yield number, list(cells)


def _unreadable(source: Source, kind: str, error: Exception) -> DataError:
    reason = " ".join(str(error).split())[:200]
    return DataError(f"{source.file}: can't be read as {kind.capitalize()}: {reason}")


def _refuse_too_much(source: Source, kind: str, most_cells: int) -> None:
    """Raises DataError for a file that says that it holds more than is read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    unpacked = 0
    if kind == "parquet":
        about = pq.ParquetFile(io.BytesIO(source.content)).metadata
        rows, columns = about.num_rows, about.num_columns
        unpacked = sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))
    else:
        reader = pa.ipc.open_file(io.BytesIO(source.content))
        columns = len(reader.schema)
        rows = sum(reader.get_batch(i).num_rows for i in range(reader.num_record_batches))
    if rows * columns > most_cells or unpacked > MOST_UNPACKED:
        raise DataError(
            f"{source.file}: holds {rows:,} rows of {columns:,} columns, more than the"
            f" {most_cells:,} cells that are read; use `arrays`"
        )


def _texts(cells: pd.Series[Any], name: str, file: str) -> pd.Series[Any]:
    """Texts as the cells' values are written, None where missing. Raises DataError for others."""
    import pandas as pd

    def text(cell: Any) -> str | None:
        if isinstance(cell, str):
            return cell.strip() or None
        if cell is None or cell is pd.NA or cell is pd.NaT or cell != cell:
            return None
        if isinstance(cell, bool | np.bool_):
            return str(cell)  # as pandas writes it into CSV
        if isinstance(cell, datetime.datetime):
            return cell.isoformat()
        if isinstance(cell, int | float | np.number | Decimal | datetime.date | datetime.time):
            return label(cell)
        raise DataError(
            f"{file}: column {quoted(name)} holds {type(cell).__name__}s, neither numbers nor"
            " texts nor dates: leave it out of the file"
        )

    if cells.dtype.kind == "M":
        times = cells.dt.strftime("%Y-%m-%dT%H:%M:%S%z").where(cells.notna(), None).astype(object)
        whole = cells.dropna()
        dates: pd.Series[Any] = times.str.slice(0, 10)
        return dates if (whole == whole.dt.normalize()).all() else times
    found = [text(cell) for cell in cells]
    stamps = [cell for cell in cells if isinstance(cell, datetime.datetime)]
    if stamps and all(stamp.time() == datetime.time() for stamp in stamps if stamp == stamp):
        found = [one and one.removesuffix("T00:00:00") for one in found]
    return pd.Series(found, dtype=object)
