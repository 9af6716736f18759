"""The page that sorts, filters and zooms: one file with all its code, or a server's files."""

from __future__ import annotations

import base64
import hashlib
import re
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from minidl.report.html.page import environment, parts
from minidl.report.tables.document import Document
from minidl.report.tables.escape import line
from minidl.store import files

BROWSER = Path(__file__).parent / "browser"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_IMPORT = re.compile(r'^import .*? from "\./(\w+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=function|class|const|let)", re.MULTILINE)


def plotly() -> str | None:
    """Plotly's script; None where its package isn't installed."""
    try:
        from plotly.offline import get_plotlyjs
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "plotly":
            raise
        return None
    # Spelled out, what no text file should hold, and what a browser would read as another line end.
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", str(get_plotlyjs()))


def as_page(document: Document, data: str, script: str, *, replaced: bool) -> str:
    """One file that needs nothing beside it: `data` of as_json, and Plotly's `script`.

    The document's tables and figures come after what the browser draws; `replaced` says that the
    first table is what that shows anyway, so it is for those without scripts. The policy lets no
    script run but these two, and nothing come from elsewhere. Plotly styles what it draws, so
    styles may be inline.
    """
    code = joined()
    policy = (
        f"default-src 'none'; script-src {_hash(script)} {_hash(code)}; "
        "style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    told = parts(document)
    told["tables"] = [
        {**table, "replaced": replaced and index == 0} for index, table in enumerate(told["tables"])
    ]
    return _page(
        **told,
        live=False,
        policy=policy,
        style=_read("style.css"),
        data=data,
        plotly=script,
        code=code,
    )


def live_page(title: str) -> str:
    """The same without data: a server has its code, and sends what there is to show."""
    return _page(title=line(title), live=True, tables=[], figures=[], remarks=[])


def _page(**given: Any) -> str:
    return environment().from_string(_read("index.html")).render(given) + "\n"


def joined() -> str:
    """All modules as one, those that are imported first."""
    sources = {path.name: _read(path.name) for path in _modules()}
    needed = {name: _IMPORT.findall(text) for name, text in sources.items()}
    order = TopologicalSorter(needed).static_order()
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", sources[name])) for name in order)


def _modules() -> list[Path]:
    return [path for path in files.entries(BROWSER) if path.suffix == ".js"]


def _read(name: str) -> str:
    return files.read(BROWSER / name).decode()


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
