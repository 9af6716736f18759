"""run.json and metrics.csv as text: strict JSON, and numbers that come back as they went in."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from minidl.plural import plural

_FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # the wide ones are the narrow ones to a spreadsheet
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
_CHECKSUM = "checksum"


def encode(record: Mapping[str, Any]) -> bytes:
    """Strict JSON in the record's own order, and the checksum of all that it says.

    NaN and infinities become null; paths, NumPy numbers and arrays are fine.
    """
    plain = _plain(record)
    return _text({**plain, _CHECKSUM: _checksum(plain)}, indent=2) + b"\n"


def decode(content: bytes) -> dict[str, Any]:
    """Raises ValueError where the content is anything but one strict JSON object.

    So it does where the record isn't what its checksum stands for, if it has one.
    """
    try:
        text = content.decode(json.detect_encoding(content), "surrogatepass")
        record = _DECODER.decode(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(record, dict):
        raise ValueError("it must hold a JSON object")
    checksum = record.pop(_CHECKSUM, None)
    if checksum is not None and checksum != _checksum(record):
        raise ValueError("the checksum doesn't fit")
    return record


def encode_row(cells: Iterable[str | float | int | None]) -> str:
    """A line of the table: floats exactly (repr), None as an empty cell, NaN as `nan`."""
    return ",".join([_cell(cell) for cell in cells]) + "\n"


def decode_columns(content: bytes) -> dict[str, list[float]]:
    """The table by column, an empty cell as NaN; whole numbers stay integers.

    A last line without its line end was being written when the process died: it is left out.
    Raises ValueError, which names the line.
    """
    lines = content.decode().split("\n")[:-1]
    names = lines[0].split(",") if lines else []
    rows = [_numbers(line, len(names), number) for number, line in enumerate(lines[1:], 2)]
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


def decode_last_row(content: bytes) -> dict[str, float]:
    """The last row of the table, as `decode_columns` has it; empty where there is none."""
    lines = content.count(b"\n")
    if lines < 2:
        return {}
    end = content.rindex(b"\n")
    names = content[: content.index(b"\n")].decode().split(",")
    last = content[content.rindex(b"\n", 0, end) + 1 : end].decode()
    return dict(zip(names, _numbers(last, len(names), lines), strict=True))


def spreadsheet_safe(value: Any) -> Any:
    """A CSV cell: text that a spreadsheet would run as a formula gets an apostrophe in front.

    Numbers are no formulas, written as text neither: the class -1 stays `-1`.
    """
    formula = isinstance(value, str) and value[:1] in _FORMULA and not _NUMBER.fullmatch(value)
    return f"'{value}" if formula else value


def _plain(value: Any) -> Any:
    """The value as JSON has it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist"):  # NumPy's numbers and arrays, tensors
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _checksum(plain: Any) -> str:
    return hashlib.sha256(_text(plain)).hexdigest()


def _text(plain: Any, indent: int | None = None) -> bytes:
    text = json.dumps(plain, indent=indent, ensure_ascii=False, allow_nan=False)
    # backslashreplace spells a lone surrogate as \udXXX, which is how JSON escapes it too.
    return text.encode("utf-8", "backslashreplace")


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} isn't JSON")


def _integer(text: str) -> int:
    if len(text) > 20:
        raise ValueError(f"an integer of {len(text):,} digits")
    return int(text)


_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_int=_integer)


def _cell(value: str | float | int | None) -> str:
    if type(value) is float:  # nearly all are
        return repr(value)
    if value is None:
        return ""
    return str(value) if isinstance(value, (str, int)) else repr(float(value))


def _numbers(line: str, columns: int, number: int) -> list[float]:
    cells = line.split(",")
    if len(cells) != columns:
        raise ValueError(
            f"line {number} has {plural(len(cells), 'cell')}, but the header has {columns}"
        )
    try:
        return [_number(cell) for cell in cells]
    except ValueError:
        raise ValueError(f"line {number} holds something that isn't a number") from None


def _number(cell: str) -> float:
    if "." in cell:  # most cells have one
        return float(cell)
    if not cell:
        return math.nan
    try:
        return int(cell)
    except ValueError:
        return float(cell)
