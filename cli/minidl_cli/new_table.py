"""The text of a config for a table: all that was found out, with the reasons as comments."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minidl.plural import plural

if TYPE_CHECKING:
    from minidl.data.survey import Survey
    from minidl.data.surveyed import Surveyed

COMMENT = 34  # the column in which comments begin
SMALLEST, FEWEST = 10, 3  # rows that make three parts: of a table, of a class
MOST_LISTED = 300  # columns that get a line each
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def config_for(table: Survey, data: Path, config: Path) -> str:
    """The whole config."""
    return "\n".join(
        [*_head(table, config), "", *_data(table, data, config), "", *_rest(table), ""]
    )


def _head(table: Survey, config: Path) -> Iterator[str]:
    shown = shlex.quote(str(config)) if str(config).isprintable() else "CONFIG"
    yield "# A config for a table; what it says of the columns was found by looking at them."
    yield f"# Train it:                           minidl train {shown}"
    yield f"# See what the data is taken for:     minidl validate {shown} --data"
    yield ""
    yield _line("seed: 0", "draws the split, weights and batch order")


def _data(table: Survey, data: Path, config: Path) -> Iterator[str]:
    rows = plural(table.rows, "row")
    sample = "" if table.sniffed.whole else ", the first of the file: only these were looked at"
    yield _line("data:", f"{rows}{sample}")
    yield "  type: csv"
    path = os.path.relpath(data.absolute(), config.absolute().parent)
    yield f"  path: {_text(path)}"
    yield from (f"  {line}" for line in _file(table))
    how = "the last column that can be one; --target names another" if table.proposed else ""
    if table.task == "classification":
        how = "; ".join(filter(None, [how, _shown(table.classes)]))
    yield _line(f"  target: {_text(table.target)}", how)
    whole = "numbers" if table.task == "regression" else f"{len(table.classes)} classes"
    yield _line(f"  task: {table.task}", whole)
    yield from _dropped(table)
    yield from _columns(table)
    yield from _missing(table)
    yield _line("  unknown: other", "words first seen later: none of the known, no error")
    yield _line(
        "  scale: standard", "numbers to mean 0 and std 1; or robust, minmax, quantile, log"
    )
    yield _line("  test_fraction: 0.2", "the share of rows kept for testing")
    if _validates(table):
        yield _line("  validation_fraction: 0.2", "of the others: these say when to stop")
    else:
        why = f"no validation part: a class has but {plural(table.fewest, 'row')}"
        yield _line("  validation_fraction: null", why)


def _validates(table: Survey) -> bool:
    """Whether each class has rows enough for a validation part."""
    if table.task == "regression":
        return table.rows >= SMALLEST
    return table.fewest >= FEWEST and round(0.16 * table.rows) >= len(table.classes)


def _file(table: Survey) -> Iterator[str]:
    from minidl.data.formats import format_of

    dialect, reasons = table.sniffed.dialect, table.sniffed.reasons
    if format_of(table.sniffed.source.path) != "text":
        if dialect.header is False:
            yield _line("header: false", reasons["header"])
        return
    yield f"delimiter: {_text(dialect.delimiter)}"
    yield _line(f"encoding: {dialect.encoding}", reasons.get("encoding", ""))
    header: Any = dialect.header
    shown = _list(header) if isinstance(header, tuple) else str(header).lower()
    yield _line(f"header: {shown}", reasons.get("header", ""))
    if dialect.skip_rows:
        yield _line(f"skip_rows: {dialect.skip_rows}", reasons.get("skip_rows", "the header"))
    if dialect.comment:
        yield _line(f"comment: {_text(dialect.comment)}", reasons.get("comment", ""))
    yield f"decimal: {_text(table.notation.decimal)}"
    if table.notation.thousands:
        yield f"thousands: {_text(table.notation.thousands)}"


def _dropped(table: Survey) -> Iterator[str]:
    if not table.dropped:
        return
    yield _line("  drop:", "columns that are left out")
    for column in table.dropped:
        yield _line(f"    - {_text(column.name)}", column.why)


def _columns(table: Survey) -> Iterator[str]:
    if len(table.columns) > MOST_LISTED:
        yield "  types:"
        for kind in ("number", "category", "boolean"):
            names = [c.name for c in table.features if c.kind == kind and not c.options]
            yield f"    {kind}: {_list(names)}"
    listed = [c for c in table.features if c.options or c.kind in ("date", "text")]
    listed = table.features if len(table.columns) <= MOST_LISTED else listed
    yield "  columns:" if listed or table.target_strip else "  columns: {}"
    for column in listed:
        yield _line(f"    {_text(column.name)}: {_kind(column)}", column.why)
    if table.target_strip:
        strip = f"{{type: number, strip: {_list(table.target_strip)}}}"
        yield _line(f"    {_text(table.target)}: {strip}", "the target")


def _kind(column: Surveyed) -> str:
    if not column.options:
        return column.kind
    options = ", ".join(f"{key}: {_value(value)}" for key, value in column.options.items())
    return f"{{type: {column.kind}, {options}}}"


def _missing(table: Survey) -> Iterator[str]:
    yield _line(
        f"  missing_values: {_list(table.missing_values)}", "cells that stand for it, and the empty"
    )
    numbers = [c.name for c in table.features if c.gaps and c.kind not in ("category", "text")]
    words = [c.name for c in table.features if c.gaps and c.kind in ("category", "text")]
    yield "  missing:"
    yield _line(
        "    number: median", f"in {_shown(numbers)}" if numbers else "none is missing here"
    )
    yield _line(
        "    category: category", f"in {_shown(words)}" if words else "none is missing here"
    )
    if table.target_gaps:
        yield _line("    target: drop", "rows without the target teach nothing")
    if numbers:
        yield _line("  indicator: true", "an input more says where a number was missing")


def _rest(table: Survey) -> Iterator[str]:
    rows = max(round(table.rows * (0.64 if _validates(table) else 0.8)), 1)
    batch = 16 if rows < 500 else 32 if rows < 5_000 else 128 if rows < 50_000 else 512
    epochs = min(max(round(6_000 * batch / rows), 20), 200)
    width = 16 if rows < 200 else 32 if rows < 5_000 else 64
    yield "model:"
    yield "  type: mlp"
    yield _line(f"  hidden: [{width}, {width}]", f"two layers for {plural(rows, 'training row')}")
    yield "  activation: relu"
    yield "  init: he"
    yield _line(f"  dropout: {0.2 if rows < 2_000 else 0.1}", "the fewer rows, the more")
    yield ""
    if table.task == "regression":
        yield _line("loss: mse", "for numbers")
    else:
        yield _line("loss: cross_entropy", "for classes")
    yield ""
    yield "optimizer:"
    yield "  type: adamw"
    yield _line(
        f"  lr: {0.003 if rows < 5_000 else 0.002}",
        "the first thing to change: try 3 times more or less",
    )
    yield "  weight_decay: 0.01"
    yield ""
    yield "schedule: {type: cosine}"
    yield ""
    yield "training:"
    yield f"  epochs: {epochs}"
    yield f"  batch_size: {batch}"
    patience = max(epochs // 5, 5)
    metric = "val_loss" if _validates(table) else "test_loss"
    yield _line(
        f"  early_stopping: {{metric: {metric}, patience: {patience}}}", "ends with the best"
    )


# YAML ----------------------------------------------------------------------------------------


def _line(text: str, why: str) -> str:
    why = "".join(c if c.isprintable() else "�" for c in why)
    return f"{text:<{COMMENT - 2}}  # {why}" if why else text


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        return _list(value)
    return _text(value) if isinstance(value, str) else str(value)


def _list(values: Any) -> str:
    return f"[{', '.join(map(_text, values))}]"


def _text(text: str) -> str:
    """A text as YAML reads it back; JSON's quotes are YAML's."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS | {"nan", "inf"}:
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _shown(names: Any) -> str:
    from minidl.data.messages import listed

    return listed(tuple(names), 4)
