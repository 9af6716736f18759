"""What a check found, as a table."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from minidl.plural import plural
from minidl.report.sheet import Field, Record, Sheet
from minidl.verify.check import Checked
from minidl.verify.compare import AUTOGRAD, AUTOGRAD_OF_MODEL, DIFFERENCES


def sheet_of(checked: Checked) -> Sheet:
    """A row per layer and tensor."""
    records = [{**asdict(row), "networks": row.networks or 1, "ok": row.ok} for row in checked.rows]
    fields = [
        Field("where", lambda r: r["key"], number=False, key=True),
        Field("layer", lambda r: r["layer"] + (", eval" if r["mode"] == "eval" else ""), False),
        Field("name", lambda r: r["name"], number=False),
        Field("networks", lambda r: str(r["networks"])),
        Field("gradient of", lambda r: r["quantity"], number=False),
        Field("differences", lambda r: _error(r["differences"])),
        Field("of entries", lambda r: f"{r['sampled']} of {r['entries']}"),
        Field("redrawn", lambda r: str(r["redrawn"] or "")),
        Field("autograd", lambda r: _error(r["autograd"])),
        Field("", _verdict, number=False),
    ]
    return Sheet("gradients", f"Gradients of {checked.spec.name}", fields, records)


def notes_of(checked: Checked) -> list[str]:
    """What the table means, and what came out."""
    off = sum(not row.ok for row in checked.rows)
    wrong = f"{plural(off, 'gradient')} of {len(checked.rows)} off"
    result = wrong if off else "all gradients are right"
    return [
        f"Errors are parts of the largest entry, in float64. They may reach {DIFFERENCES:.0e} "
        f"against central differences and {AUTOGRAD:.0e} against autograd ({AUTOGRAD_OF_MODEL:.0e} "
        "for the model as a whole, where rounding grows from layer to layer).",
        f"{checked.spec.name}: {result}",
    ]


def _error(value: Any) -> str:
    return "–" if value is None else "0" if value == 0 else f"{value:.1e}"


def _verdict(record: Record) -> str:
    return "ok" if record["ok"] else "off"
