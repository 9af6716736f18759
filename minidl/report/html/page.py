"""A report as a plain HTML page: tables and pictures, no script, nothing beside it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from minidl.report.tables.document import Document
from minidl.report.tables.escape import line
from minidl.report.tables.formats import titled

if TYPE_CHECKING:
    from jinja2 import Environment

HEAD = 2048  # bytes, in which a page says who made it
# What the page that sorts and filters has, too.
_TABLE = """\
<div class="wide"><table>
<thead><tr>
{% for column in table.columns %}
<th scope="col"{% if column.number %} class="number"{% endif %}>{{ column.head }}</th>
{% endfor %}
</tr></thead>
<tbody>
{% for row in table.rows %}
<tr>{% for cell, number in row %}<td{% if number %} class="number"{% endif %}>{{ cell }}</td>\
{% endfor %}</tr>
{% endfor %}
</tbody>
</table></div>
"""
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
      content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="generator" content="minidl">
<title>{{ title }}</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; color: #222; margin: 2rem auto; max-width: 72rem;
         padding: 0 1rem; }
  h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
  .wide { overflow-x: auto; }
  table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
  th, td { padding: .25rem .75rem; text-align: left; }
  td { white-space: nowrap; }
  th { border-bottom: 2px solid #b5b5b5; vertical-align: bottom; }
  td { border-bottom: 1px solid #e9e9e9; }
  .number { text-align: right; }
  figure { margin: 2rem 0; } img { max-width: 100%; height: auto; }
  h1, h2, .remarks { overflow-wrap: anywhere; } .remarks { color: #6b6b6b; }
</style>
</head>
<body>
<h1>{{ title }}</h1>
{% for table in tables %}
{% if table.title %}<h2>{{ table.title }}</h2>{% endif %}
{% include "table.html" %}
{% endfor %}
{% for figure in figures %}
<figure><img src="data:image/png;base64,{{ figure.data }}" alt="{{ figure.title }}"></figure>
{% endfor %}
{% if remarks %}
<ul class="remarks">
{% for remark in remarks %}
<li>{{ remark }}</li>
{% endfor %}
</ul>
{% endif %}
</body>
</html>
"""


def as_html(document: Document) -> str:
    """Tables and figures, without scripts; everything that users wrote is escaped."""
    return environment().from_string(_PAGE).render(parts(document)) + "\n"


def is_page(content: bytes) -> bool:
    """Whether a file begins as a page of minidl's does."""
    return b'<meta name="generator" content="minidl">' in content[:HEAD]


def environment() -> Environment:
    """Jinja2 as pages need it."""
    from jinja2 import DictLoader, Environment, StrictUndefined

    return Environment(
        loader=DictLoader({"table.html": _TABLE}),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )


def parts(document: Document) -> dict[str, Any]:
    """What a page says of a document, its words on one line each."""
    tables = []
    for title, made in titled(document):
        cells = zip(*(column.cells for column in made), strict=True)
        rows = [
            [(line(cell), column.number) for cell, column in zip(row, made, strict=True)]
            for row in cells
        ]
        columns = [{"head": line(column.head), "number": column.number} for column in made]
        tables.append({"title": line(title), "columns": columns, "rows": rows})
    figures = [
        {"title": line(drawn.title), "data": base64.b64encode(drawn.png).decode()}
        for drawn in document.figures
    ]
    remarks = [line(remark) for remark in document.remarks]
    return {
        "title": line(document.title),
        "tables": tables,
        "figures": figures,
        "remarks": remarks,
    }
