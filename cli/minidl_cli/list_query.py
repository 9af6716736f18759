"""Which runs `minidl list` lists, in which order, with which columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from minidl.errors import RunError
from minidl_cli.listed import FIELDS, Row

# What a column is called at its head, or in --where.
_SYNONYMS = {"tag": "tags", "when": "started", "time": "seconds", "epoch": "epochs"}
_METRIC = re.compile("(train|val|test)_[a-z0-9]+")


def split_names(text: str | None) -> list[str]:
    """`lr, status` → the names, as they stand in rows where that is clear at once."""
    names = [name.strip() for name in (text or "").split(",")]
    return [_SYNONYMS.get(name.replace(" ", "_"), name.replace(" ", "_")) for name in names if name]


def asks_for_settings(names: Sequence[str]) -> bool:
    """Whether configs must be read for these: fields and metrics need none."""
    return any(name.lstrip("-") not in FIELDS and not _METRIC.fullmatch(name) for name in names)


def full_names(names: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """Names as they stand in the rows: of a setting, `lr` for optimizer.lr will do.

    Raises RunError for what no run has, and for what several keys could mean.
    """
    known = dict.fromkeys(key for row in rows for key in row.others)
    return [_full_name(name, list(known)) if rows else name for name in names]


def condition(text: str) -> tuple[str, str]:
    """`optimizer.lr=0.1` as a name and the text of a value. Raises RunError."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise RunError(f"--where: expected KEY=VALUE, such as status=failed, but got {text!r}")
    return split_names(name)[0], value.strip()


def matches(row: Row, name: str, text: str) -> bool:
    """Whether a row has this value: equal as a number, or written the same; one of its tags."""
    from minidl.report.members.settings import show, value_id
    from minidl.spec.loader import resolve

    value = row.get(name)
    if name == "tags":
        return text in row.tags
    written = {text, text.strip("'\"")}
    return show(value) in written or value_id(value) == value_id(resolve(text))


def ordered(rows: Sequence[Row], names: Sequence[str]) -> list[Row]:
    """By these, each from small to large and a metric's best first; `-name` turns that around.

    What a run doesn't have comes last. Of equals, the newest first, as they come.
    """
    from minidl.report.members.settings import sort_key
    from minidl.scores import higher_is_better

    made = list(rows)
    for name in reversed(names):
        key, down = name.removeprefix("-"), name.startswith("-")
        down ^= higher_is_better(key) and _METRIC.fullmatch(key) is not None
        there = [row for row in made if not _is_missing(row.get(key))]
        there.sort(key=lambda row: sort_key(_plain(row.get(key))), reverse=down)
        made = [*there, *(row for row in made if _is_missing(row.get(key)))]
    return made


def _full_name(name: str, known: list[str]) -> str:
    from minidl.report.tables.table import full_key
    from minidl.spec.problems import did_you_mean

    sign = "-" if name.startswith("-") else ""
    name = name.removeprefix("-")
    if name in FIELDS or name in known:
        return sign + name
    if found := full_key(known, name):
        return sign + found
    if several := [key for key in known if key.endswith(f".{name}")]:
        raise RunError(f"{name!r} is the end of several keys: write one of {', '.join(several)}")
    raise RunError(f"no run has the key {name!r}{did_you_mean(name, [*FIELDS, *known])}")


def _is_missing(value: Any) -> bool:
    return value is None or value == () or value == []


def _plain(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, (list, tuple)) else value
