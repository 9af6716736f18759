"""What a check found, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from minidl.plural import plural
from minidl.report.tables.sheet import Field, Record, Sheet
from minidl.verify.check import Checked
from minidl.verify.compare import AUTOGRAD, AUTOGRAD_OF_MODEL, DIFFERENCES
from minidl.verify.compiled import TOLERANCES, Compiled


def sheet_of(checked: Sequence[Checked]) -> Sheet:
    """A row per layer and tensor, and one for each compiled step; of one network or of several."""
    records: list[Record] = []
    for one in checked:
        made: list[Record] = [{**asdict(row), "compiled": None, "ok": row.ok} for row in one.rows]
        made += [_record_of(row) for row in one.compiled]
        records += [{"run": one.run, **record} if one.run else record for record in made]
    runs = [Field("run", lambda r: r["run"], number=False, key=True)] if checked[0].run else []
    fields = [
        *runs,
        Field("where", lambda r: r["key"], number=False, key=True),
        Field("layer", lambda r: r["layer"] + (", eval" if r["mode"] == "eval" else ""), False),
        Field("name", lambda r: r["name"], number=False),
        Field("gradient of", lambda r: r["quantity"], number=False),
        Field("differences", lambda r: _error(r["differences"])),
        Field("of entries", lambda r: f"{r['sampled']} of {r['entries']}"),
        Field("redrawn", lambda r: str(r["redrawn"] or "")),
        Field("autograd", lambda r: _error(r["autograd"])),
        Field("compiled", lambda r: "" if r["mode"] != "compiled" else _error(r["compiled"])),
        Field("", _verdict, number=False),
    ]
    return Sheet("gradients", f"Gradients of {checked[0].spec.name}", fields, records)


def notes_of(checked: Sequence[Checked]) -> list[str]:
    """What the table means, and what came out."""
    rows = [row for one in checked for row in one.rows]
    compiled = [row for one in checked for row in one.compiled]
    off = sum(not row.ok for row in rows)
    wrong = f"{plural(off, 'gradient')} of {len(rows)} off"
    result = wrong if off else "all gradients are right"
    if any(not row.ok for row in compiled):
        result += "; compiled code differs"
    return [
        f"Errors are parts of the largest entry, in float64. They may reach {DIFFERENCES:.0e} "
        f"against central differences and {AUTOGRAD:.0e} against autograd ({AUTOGRAD_OF_MODEL:.0e} "
        "for the model as a whole, where rounding grows from layer to layer).",
        *_about_code(compiled),
        f"{checked[0].spec.name}: {result}",
    ]


def _about_code(compiled: Sequence[Compiled]) -> list[str]:
    """What was compared of the compiled step, and why it wasn't compiled."""
    notes = [
        f"The training step isn't compiled: {reason}"
        for reason in dict.fromkeys(row.reason for row in compiled if row.reason)
    ]
    if any(not row.reason for row in compiled):
        single, double = TOLERANCES.values()
        notes.append(
            "Compiled, a training step must leave the same numbers in all tensors as the plain "
            f"one: within {double:.0e} in float64, {single:.0e} in float32."
        )
    return notes


def _record_of(row: Compiled) -> Record:
    """A compiled step beside the gradients: all parameters' gradients at once, and what follows."""
    return {
        "key": "model",
        "layer": row.layer,
        "name": row.code,
        "mode": "compiled",
        "quantity": "training step",
        "entries": row.entries,
        "differences": None,
        "sampled": 0 if row.error is None else row.entries,
        "redrawn": 0,
        "autograd": None,
        "tolerance": row.tolerance,
        "compiled": row.error,
        "ok": row.ok,
    }


def _error(value: Any) -> str:
    return "–" if value is None else "0" if value == 0 else f"{value:.1e}"


def _verdict(record: Record) -> str:
    if record["mode"] != "compiled":
        return "ok" if record["ok"] else "off"
    if record["compiled"] is None:
        return "not compiled"
    return "ok" if record["ok"] else "differs"
