"""What a run's record says of its inputs and outputs, and whether that fits together."""

from __future__ import annotations

import math

from minidl.data import Preprocessing
from minidl.data.encoding import Encoding
from minidl.store.run_record import RunRecord

# What it must say, and what besides for each task.
_NEEDED = ("task", "input_shape", "outputs", "weights")
_NEEDED_BY_TASK = {
    "classification": ("class_names", "decision"),
    "regression": ("target_names",),
    "images": ("output_shape",),
}


def damage(record: RunRecord) -> str:
    """What keeps it from being predicted with; empty where nothing does. Raises DataError."""
    for key in (*_NEEDED, *_NEEDED_BY_TASK.get(record.task or "", ())):
        if not getattr(record, key):
            return f"no '{key}'"
    misfit = _misfit(record)
    return f"{misfit} fits nothing else in it" if misfit else ""


def encoding_of(record: RunRecord) -> Encoding:
    """The one that the network was trained with; one-hot targets say no more than indices."""
    outputs, decision = record.outputs or 0, record.decision or {}
    if record.task == "images":
        return Encoding.of_images(tuple(record.output_shape))
    if record.task == "regression":
        return Encoding("values", outputs)
    if decision.get("kind") == "threshold":
        return Encoding("column", outputs, threshold=decision["at"])
    return Encoding("index", outputs)


def _misfit(record: RunRecord) -> str | None:
    """A key of a run's record that doesn't fit its input shape and its number of outputs."""
    if record.weights not in ("last", "best"):
        return "weights"
    if record.preprocessing is not None:
        inputs = Preprocessing.from_dict(record.preprocessing).feature_names
        if len(inputs) != math.prod(record.input_shape):
            return "preprocessing"
    if record.task == "images":
        return None
    outputs = record.outputs or 0
    if record.decision is not None:
        return None if len(record.class_names) == max(2, outputs) else "class_names"
    scale = record.target_scale or {}
    if any(len(values) != outputs for values in scale.values()):
        return "target_scale"
    return None if len(record.target_names) == outputs else "target_names"
