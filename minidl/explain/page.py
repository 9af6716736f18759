"""A page of sections, each with its formulas and the numbers put in, in the formats of a report."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from minidl.report.tables.escape import latex, line, markdown, wrapped


@dataclass(frozen=True)
class Section:
    """A heading, formulas as they stand in a docstring, and lines; `values` are all digits."""

    title: str
    formulas: Sequence[str] = ()
    lines: Sequence[str] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    code: str = ""  # the language of lines that are code


@dataclass(frozen=True)
class Page:
    """What is shown of one step, one weight or one network's code."""

    title: str
    sections: Sequence[Section]
    notes: Sequence[str] = ()


def as_text(page: Page, format: str, width: int | None = None, *, bold: bool = False) -> str:
    """The page in one of the formats table, md, latex and json."""
    if format == "json":
        return json.dumps(_plain(page), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if format == "md":
        return "\n".join(_markdown(page))
    if format == "latex":
        return "\n".join(_latex(page))
    return "\n".join(_table(page, width, bold))


def _table(page: Page, width: int | None, bold: bool) -> Iterator[str]:
    def strong(text: str) -> str:
        return f"\033[1m{line(text)}\033[0m" if bold else line(text)

    yield strong(page.title)
    for section in page.sections:
        yield f"\n{strong(section.title)}"
        for text in section.formulas:
            yield from _indented(text, "    ", width)
        for text in section.lines:
            yield from [f"  {text}".rstrip()] if section.code else _indented(text, "  ", width)
    if page.notes:
        yield "\n" + "\n".join(wrapped(line(note), width) for note in page.notes)
    yield ""


def _indented(text: str, indent: str, width: int | None) -> list[str]:
    """A line, continued four columns further in where the terminal is too narrow."""
    room = None if width is None else max(20, width - len(indent) - 4)
    first, *more = wrapped(line(text), room).split("\n")
    return [indent + first, *(f"{indent}    {part.strip()}" for part in more)]


def _markdown(page: Page) -> Iterator[str]:
    yield f"## {markdown(page.title)}"
    for section in page.sections:
        yield f"\n### {markdown(section.title)}\n"
        if section.formulas:
            yield from (f"    {line(text)}" for text in section.formulas)
            yield ""
        if section.lines:
            fence = "`" * max(3, 1 + _longest_fence(section.lines))
            yield fence + (section.code or "text")
            yield from (text if section.code else line(text) for text in section.lines)
            yield fence
    if page.notes:
        yield "\n" + "\n\n".join(markdown(note) for note in page.notes)
    yield ""


def _latex(page: Page) -> Iterator[str]:
    yield "% needs lualatex or xelatex, and a monospaced font that has the signs of the formulas"
    yield f"\\section*{{{latex(page.title)}}}"
    for section in page.sections:
        yield f"\\subsection*{{{latex(section.title)}}}"
        yield r"\begin{verbatim}"
        for text in (*section.formulas, *section.lines):
            yield (text if section.code else line(text)).replace(r"\end{verbatim}", "")
        yield r"\end{verbatim}"
    yield from (f"% {line(note)}" for note in page.notes)
    yield ""


def _plain(page: Page) -> dict[str, Any]:
    sections = [
        {
            "title": section.title,
            "formulas": list(section.formulas),
            "lines": list(section.lines),
            **{name: _finite(value) for name, value in section.values.items()},
        }
        for section in page.sections
    ]
    return {"title": page.title, "sections": sections, "notes": list(page.notes)}


def _finite(value: Any) -> Any:
    """The value with null for what JSON has no number for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_finite(one) for one in value]
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    return value


def _longest_fence(lines: Sequence[str]) -> int:
    runs = [text.strip() for text in lines if text.strip().startswith("```")]
    return max((len(run) - len(run.lstrip("`")) for run in runs), default=0)
