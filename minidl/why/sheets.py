"""Symptoms, remedies and proofs as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from minidl.report.tables.sheet import Field, Sheet
from minidl.why.evidence import Evidence
from minidl.why.prove import Proof
from minidl.why.remedies import Remedy
from minidl.why.symptoms import Symptom


def symptom_sheet(name: str, found: Sequence[Symptom]) -> Sheet:
    """A row for each, the most telling first."""
    return Sheet(
        "symptoms",
        f"{name}: what it shows, the most telling first",
        [
            Field("symptom", lambda r: r["name"], number=False, key=True),
            Field("where", lambda r: r["where"], number=False),
            Field("figure", lambda r: f"{r['figure']:.3g}"),
            Field("usual", lambda r: r["usual"], number=False),
            Field("which is", lambda r: r["says"], number=False),
        ],
        [asdict(one) for one in found],
    )


def remedy_sheet(tried: Sequence[Remedy], proven: Sequence[Proof] | None) -> Sheet:
    """A row for each remedy; what it came to, once that was tried."""
    effects = {id(proof.remedy): proof for proof in proven or ()}
    records: list[dict[str, Any]] = [
        {
            "overrides": list(remedy.overrides),
            "against": list(remedy.against),
            **({} if proven is None else _effect(effects.get(id(remedy)))),
        }
        for remedy in tried
    ]
    fields = [
        Field("what to try", lambda r: " ".join(r["overrides"]), number=False, key=True),
        Field("against", lambda r: ", ".join(r["against"]), number=False),
    ]
    if proven is not None:
        fields.append(Field("proven", lambda r: r["verdict"], number=False))
    return Sheet("remedies", "what might help", fields, records)


def _effect(proof: Proof | None) -> dict[str, Any]:
    if proof is None:
        return {"verdict": "its scores mean something else", "helps": None}
    of = proof.effect.of
    return {
        "verdict": str(proof),
        "helps": proof.helps,
        "metric": proof.effect.metric,
        "difference": of.mean,
        "ci95": of.ci95,
        "p": proof.effect.p,
        "seeds": proof.effect.n,
    }


def notes_of(
    evidence: Evidence, tried: Sequence[Remedy], proven: Sequence[Proof] | None
) -> list[str]:
    """What was looked at, and what is no more than a guess."""
    notes = []
    if evidence.repeated:
        notes.append(
            f"The run wasn't watched: its first {evidence.repeated} epochs were trained again for "
            "this (training.watch saves that)."
        )
    if tried and proven is None:
        notes.append("What might help is a guess until --prove has trained it.")
    return notes
