"""Samples as a table, the likely wrong labels first."""

from __future__ import annotations

import math
from typing import Any

from minidl.again.samples import Samples
from minidl.plural import plural
from minidl.report.tables.sheet import Field, Sheet


def sample_sheet(found: Samples, most: int | None = None) -> Sheet:
    """A row for each sample, or for the first `most`."""
    suspects = found.suspects
    records: list[dict[str, Any]] = [
        {
            **({} if found.files is None else {"file": int(found.files[i]) + 1}),
            "sample": int(found.numbers[i]),
            "label": found.class_names[found.labels[i]],
            "answer": found.class_names[found.answers[i]],
            "agreed": float(found.agreed[i]),
            "learned": float(found.learned[i]),
            "forgotten": float(found.forgotten[i]),
            "never": int(found.never[i]),
            "runs": int(found.runs[i]),
            "suspect": bool(suspects[i]),
        }
        for i in found.doubted_first()[:most].tolist()
    ]
    fields = [
        *([] if found.files is None else [Field("file", lambda r: str(r["file"]), key=True)]),
        Field("sample", lambda r: str(r["sample"]), key=True),
        Field("label", lambda r: r["label"], number=False),
        Field("answered", lambda r: r["answer"], number=False),
        Field("agree", lambda r: f"{100 * r['agreed']:.0f} %"),
        Field("learned", lambda r: _epoch(r["learned"])),
        Field("forgotten", lambda r: f"{r['forgotten']:.1f}"),
        Field("never learned", lambda r: f"{r['never']} of {r['runs']}"),
        Field("remark", lambda r: "likely wrong" if r["suspect"] else "", number=False),
    ]
    return Sheet("samples", "training samples, the likely wrong labels first", fields, records)


def notes_of(found: Samples, shown: int) -> list[str]:
    """What the table leaves out, and what its columns are."""
    count = len(found.labels)
    suspects = int(found.suspects.sum())
    never = int((found.never == found.runs).sum())
    rest = f" The first {shown:,} are shown: --top N shows more." if shown < count else ""
    nothing = [
        f"Nothing was learned: no epoch answered more than {100 * found.accuracy:.1f} % of the "
        f"training samples right, and the most frequent label alone is {100 * found.usual:.1f} % "
        "of them. So no label is doubted."
    ] * found.nothing_learned
    return [
        *nothing,
        f"Of {plural(count, 'training sample')}, likely labelled wrong: {suspects:,}; learned by "
        f"no run: {never:,}.{rest}",
        "agree: the share of answers that gave the label, over all runs, up to the epoch of each "
        f"with the least {found.part} loss. learned: the median first epoch that was right. "
        "forgotten: how often a right answer was wrong an epoch later, per run.",
    ]


def _epoch(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:g}"
