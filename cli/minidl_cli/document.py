"""A report's document as it is written: text, tables of other tools, or a page."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from minidl.errors import RunError
from minidl_cli.options import Format
from minidl_cli.output import say, show_text

if TYPE_CHECKING:
    from minidl.report.members.collect import Collection
    from minidl.report.tables.document import Document
    from minidl.spec import ReportTable


def refuse_another_file(output: Path) -> None:
    """Raises RunError where a page would replace something that minidl didn't write."""
    from minidl.report.html.page import HEAD, is_page
    from minidl.store import files

    if files.is_file(output) and (content := files.read(output, HEAD)) and not is_page(content):
        raise RunError(f"{output}: exists already, and isn't a report's page (use --overwrite)")


def script_of_pages() -> str | None:
    """What draws a page's charts; where it isn't there, a line says how to get it."""
    from minidl.report.html.bundle import plotly

    script = plotly()
    if script is None:
        say("a page that sorts, filters and zooms needs plotly: pip install 'minidl[html]'")
    return script


def page_of(
    made: Document,
    collection: Collection,
    tables: Sequence[ReportTable],
    script: str,
    *,
    replaced: bool,
) -> str:
    """The runs that the tables are about, in groups like those of the only one."""
    from minidl.report.html.bundle import as_page
    from minidl.report.html.data import PageData, as_json
    from minidl.report.tables.table import select, whole_keys

    by, members = None, list(collection.members)
    if len(tables) == 1 and members:
        (asked,) = tables
        members = select(members, asked.where)
        by = whole_keys(members, asked.by) if asked.by else None
    table = made.tables[0] if made.tables else None
    data = PageData(made.title, members, by, made.remarks, table)
    return as_page(made, as_json(data.all()), script, replaced=replaced)


def write_document(made: Document, format: Format, output: Path | None) -> None:
    """The document as text, and on stderr what the text doesn't say."""
    from minidl.report.tables.escape import line

    show_text(lambda width, bold: _text(made, format, width, bold), output)
    say_drawn(made)
    if format is Format.csv:
        for remark in made.remarks:
            print(line(remark), file=sys.stderr)


def say_drawn(made: Document) -> None:
    from minidl.report.tables.escape import line

    for drawn in made.figures:
        if drawn.path:
            print(f"drew {line(drawn.path)}", file=sys.stderr)


def _text(made: Document, format: Format, width: int | None, bold: bool) -> str:
    from minidl.report.tables import formats

    if format is Format.html:
        from minidl.report.html.page import as_html

        return as_html(made)
    if format is Format.csv:
        if len(made.tables) > 1:
            names = ", ".join(table.name for table in made.tables)
            raise RunError(f"a CSV file holds one table: choose --table NAME among {names}")
        return formats.as_csv(made.tables[0])
    if format is Format.table:
        return formats.as_table(made, width, bold=bold)
    renderers = {
        Format.md: formats.as_markdown,
        Format.latex: formats.as_latex,
        Format.json: formats.as_json,
    }
    return renderers[format](made)
