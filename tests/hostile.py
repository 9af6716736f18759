"""Words that would like to be something else: a formula, markup, a command, a movement."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
from html.parser import HTMLParser
from typing import Any

# Sixty, by where they would do harm.
HOSTILE = [
    # spreadsheets
    "=cmd()",
    "=HYPERLINK(\"http://x\",\"y\")",
    "@SUM(1)",
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "-1e",
    "\t=1",
    "\r=1",
    "＝1+1",
    '"=1"',
    # numbers, which stay as they are
    "-1",
    "+2.5e3",
    "007",
    "1e400",
    # HTML
    "<svg onload=alert(1)>",
    "<script>alert(1)</script>",
    '"><img src=x onerror=y>',
    "' onmouseover='x",
    "&lt;b&gt; &amp;",
    "</td></table><!--",
    "]]><![CDATA[",
    "{{ 7*7 }} {% raw %}",
    "javascript:alert(1)",
    # LaTeX, mathtext
    "\\input{/etc/passwd}",
    "\\write18{rm}",
    "\\end{tabular}",
    "$x^2$ and 50 % of #1 & ~_{}",
    "$\\frac{$",
    "x^2_3",
    "% comment",
    "[1ex] *",
    "\\\\",
    # Markdown
    "a|b||c",
    "`code` *bold* _em_ [link](http://x) ![i](y)",
    "# head",
    "> quote",
    "1. list",
    "---",
    "```",
    "https://example.org www.example.org @somebody",
    "<http://example.org>",
    "~~gone~~ ==mark==",
    # terminals
    "\x1b[31mred\x1b[0m",
    "\x1b]8;;http://x\x07link",
    "\x1b]0;title\x07",
    "\x9b2J",
    "a\x08\x08b",
    "[red]markup[/red]",
    # directions, lines, nothing
    "\u202eesrever\u2066",
    "\u200fmark\u061c",
    "\u200b\ufeffzero",
    "two\nlines\r\n",
    "a\u2028b\u2029c\x85d",
    "NUL\0here",
    "\ud800",
    "",
    " ",
    # size and shape
    "猫" * 30,
    "e" + "\u0301" * 50,
    "x" * 3000,
    # files and options
    "../../etc/passwd",
    "--help",
    "null",
]  # fmt: skip
# What no output may hold: all that moves a cursor or turns the writing, but for line ends.
FORBIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")


def runs_a_formula(cell: str) -> bool:
    """Whether a spreadsheet would take a cell of a CSV for more than text or a number."""
    return cell.startswith(_FORMULA) and not _NUMBER.fullmatch(cell)


class Page(HTMLParser):
    """All tags, attributes and cells of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.scripts: list[str] = []
        self.cells: list[str] = []
        self.heads: list[str] = []
        self.inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.inside = tag
        if tag == "script":
            self.scripts.append("")
        {"td": self.cells, "th": self.heads}.get(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "script":
            self.scripts[-1] += data
        for tag, cells in (("td", self.cells), ("th", self.heads)):
            if self.inside == tag:
                cells[-1] += data


def check_csv(text: str) -> list[list[str]]:
    """Rows of one length, none of whose cells is a formula."""
    rows = list(csv.reader(io.StringIO(text), strict=True))
    assert len({len(row) for row in rows}) == 1
    assert not [cell for row in rows for cell in row if runs_a_formula(cell)]
    return rows


def check_html(text: str) -> Page:
    """Our tags alone, and nothing that runs or is fetched."""
    page = Page(text)
    assert page.tags <= {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "div", "table", "thead",
        "tbody", "tr", "th", "td", "figure", "img", "ul", "li",
    }  # fmt: skip
    assert not {name for name in page.attributes if name.startswith("on") or name == "href"}
    assert len(page.cells) % len(page.heads) == 0
    return page


def check_page(text: str) -> dict[str, Any]:
    """A page with scripts: our tags alone, our two scripts, and data that are JSON."""
    page = Page(text)
    assert page.tags <= {
        "html", "head", "meta", "link", "title", "style", "body", "header", "main", "section",
        "h1", "h2", "p", "span", "div", "table", "thead", "tbody", "tr", "th", "td", "figure",
        "img", "ul", "li", "script", "button", "input", "select", "option", "label", "output",
        "details", "summary",
    }  # fmt: skip
    assert not {name for name in page.attributes if name.startswith("on")}
    data, plotly, code = page.scripts
    for script in (plotly, code):
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in text
    assert text.count("<script") - plotly.count("<script") == 3
    found: dict[str, Any] = json.loads(data)
    return found


def check_markdown(text: str) -> list[list[str]]:
    """Tables whose rows have one length; no mark of theirs is left active."""
    rows = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
        for row in text.split("\n")
        if row.startswith("|")
    ]
    assert len({len(row) for row in rows}) == 1
    for cells in rows:
        for cell in cells:
            bare = re.sub(r"&(#[0-9]+|[a-z]+);", "", cell)
            assert not re.search(r"(?<!\\)[`*$\[\]<>~#!&]", bare), cell
            assert not re.match(r"[-+=](?!-)\s|\d+[.)]\s", cell), cell
    for link in ("http://", "https://", "www."):
        assert link not in text
    return rows


def check_latex(text: str) -> list[str]:
    """No command but ours, rows of one length, nothing active that stands for more than itself."""
    ours = {
        "usepackage", "begin", "end", "centering", "caption", "toprule", "midrule", "bottomrule",
        "pm", "textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater",
        "textbar", "char",
    }  # fmt: skip
    active = "\n".join(row for row in text.split("\n") if not row.startswith("%"))
    assert set(re.findall(r"\\([A-Za-z]+)", active)) <= ours
    rows = re.findall(r"^    (.*) \\\\$", active, re.MULTILINE)
    assert len({len(re.findall(r"(?<!\\)&", row)) for row in rows}) == 1
    for row in rows:
        assert not re.search(r"(?<!\\)[%#_~^]", row)
        assert not row.startswith(("[", "*"))  # an option of the \\ before
        bare = row.replace("\\{", "").replace("\\}", "")
        assert bare.count("{") == bare.count("}")
        assert len(re.findall(r"(?<!\\)\$", row)) % 2 == 0
    return rows
