"""RunRecord: what run.json says of a run, key by key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from minidl.store import records

STATUSES = ("running", "done", "failed", "diverged", "interrupted", "stopped")
ENDED = ("done", "diverged")  # of themselves: nothing is left to train
STOPPED = "stopped"  # by a search, which found others better; a larger one may let it go on

_LARGEST = 100_000_000


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_size(value: Any) -> bool:
    return _is_whole(value) and 0 < value <= _LARGEST


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict)


def _list_of(is_right: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(is_right, value))


def _is_decision(value: Any) -> bool:
    kind = value.get("kind") if isinstance(value, dict) else None
    return kind == "argmax" or (kind == "threshold" and _is_number(value.get("at")))


def _is_scale(value: Any) -> bool:
    numbers = _list_of(_is_number)
    return (
        _is_mapping(value) and value.keys() == {"mean", "std"} and all(map(numbers, value.values()))
    )


def _is_range(value: Any) -> bool:
    return _list_of(_is_number)(value) and len(value) in (0, 2)


def _is_numbers(value: Any) -> bool:
    return _is_mapping(value) and all(map(_is_number, value.values()))


def _is_weights(value: Any) -> bool:
    return value in ("last", "best")


_texts, _sizes = _list_of(_is_text), _list_of(_is_size)


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, (Mapping, Sequence)) and not value)


def _key(
    is_right: Callable[[Any], bool],
    *,
    beside: str | None = None,
    empty: Callable[[], Any] = lambda: None,
) -> Any:
    """A key: what tells whether a value is what minidl writes there.

    An empty value is left out, unless the key `beside` has one.
    """
    return field(default_factory=empty, metadata={"is_right": is_right, "beside": beside})


@dataclass(kw_only=True)
class RunRecord:
    """What run.json says, in its order. None or empty: it doesn't say, or there is none."""

    name: str | None = _key(_is_text)  # the config's
    status: str | None = _key(_is_text)  # one of STATUSES; "running" until all files are there
    # The command line that began it.
    command: Sequence[str] = _key(_texts, beside="started", empty=tuple)
    seed: int | None = _key(_is_whole)
    config_sha256: str | None = _key(_is_text)  # of config.yaml as the run began

    # What inputs and outputs mean.
    task: str | None = _key(_is_text)  # classification, regression or images
    class_names: Sequence[str] = _key(_texts, beside="started", empty=tuple)
    feature_names: Sequence[str] = _key(_texts, beside="started", empty=tuple)
    target_names: Sequence[str] = _key(_texts, beside="started", empty=tuple)
    input_shape: Sequence[int] = _key(_sizes, empty=tuple)  # of one sample
    outputs: int | None = _key(_is_size)  # numbers that the network gives for one
    output_shape: Sequence[int] = _key(_sizes, empty=tuple)
    # How outputs become classes: {"kind": "argmax"} or {"kind": "threshold", "at": …}.
    decision: Mapping[str, Any] | None = _key(_is_decision, beside="started")
    # Preprocessing.to_dict(), and the TargetScale: mean and std of each target.
    preprocessing: Mapping[str, Any] | None = _key(_is_mapping, beside="started")
    target_scale: Mapping[str, Any] | None = _key(_is_scale, beside="started")

    # The least and the largest value of images: others that are predicted must be like them.
    input_range: Sequence[float] = _key(_is_range, empty=tuple)
    baseline: Mapping[str, float] = _key(_is_numbers, empty=dict)  # metrics without a network
    remarks: Sequence[str] = _key(_texts, empty=tuple)  # on the data, before the first step

    parameters: int | None = _key(_is_whole)  # of the network, frozen ones included
    weights: str | None = _key(_is_weights)  # the checkpoint that counts
    started: str | None = _key(_is_text)  # ISO 8601, as is `ended`

    # What results depend on besides the config.
    versions: Mapping[str, str] = _key(_is_mapping, empty=dict)  # of Python and packages
    device: str | None = _key(_is_text)
    device_name: str | None = _key(_is_text)
    git_commit: str | None = _key(_is_text, beside="started")  # of the working folder
    engine: str | None = _key(_is_text)  # "compiled, 8 lanes, gcc 12.2" or "plain (why)"
    threads: int | None = _key(_is_size)

    sweep: Mapping[str, Any] = _key(_is_mapping, empty=dict)  # the values of the swept keys
    trial: int | None = _key(_is_whole)  # of a search, counted from 0
    seconds: float | None = _key(_is_number)  # that it took in all, pauses left out

    # How it ended, or stood when it was stopped.
    final: Mapping[str, Any] = _key(_is_mapping, beside="ended", empty=dict)  # metrics of `weights`
    # Further ones that fit the task, of the predictions: test_f1_macro …
    measures: Mapping[str, float] = _key(_is_numbers, empty=dict)
    best: Mapping[str, Any] = _key(_is_mapping, empty=dict)  # the best epoch's row, and `metric`
    reason: str | None = _key(_is_text, beside="ended")  # why, if not since all epochs are done
    epochs: int | None = _key(_is_whole)
    steps: int | None = _key(_is_whole)
    train_seconds: float | None = _key(_is_number)  # in training steps
    ended: str | None = _key(_is_text)
    # What differed where it went on by force: versions, device, engine; a line each.
    forced: Sequence[str] = _key(_texts, empty=tuple)
    metrics: Mapping[str, Any] | None = _key(_is_mapping)  # the mark of metrics.csv
    dynamics: Mapping[str, Any] | None = _key(_is_mapping)  # and that of dynamics.csv
    boundary: Mapping[str, Any] | None = _key(_is_mapping)  # and of boundary.csv
    # Where that has its plane: left, right, bottom, top; low, high: what its values stand for.
    plane: Mapping[str, float] = _key(_is_numbers, empty=dict)
    # How it ended, while the status is "running" since its figures are still missing.
    drawing: str | None = _key(_is_text)

    other: Mapping[str, Any] = field(default_factory=dict)  # keys of other versions

    @classmethod
    def decode(cls, content: bytes) -> RunRecord:
        """Raises ValueError where it isn't strict JSON, was changed since, or holds odd values."""
        known: dict[str, Any] = {}
        other: dict[str, Any] = {}
        for key, value in records.decode(content).items():
            is_right = _KINDS.get(key)
            if is_right is None:
                other[key] = value
            elif value is not None:
                if not is_right(value):
                    raise ValueError(f"{key} is not what minidl writes there")
                known[key] = value
        record = cls.__new__(cls)  # a report reads thousands: __init__ takes as long as the checks
        vars(record).update(_NOTHING_SAID, **known, other=other)
        return record

    def encode(self) -> bytes:
        """Strict JSON. NaN and infinities become null; paths and NumPy numbers are fine."""
        said = {key: getattr(self, key) for key in _KINDS}
        for key, beside in _BESIDE.items():
            if _is_nothing(said[key]) and (beside is None or not getattr(self, beside)):
                del said[key]
        return records.encode({**said, **self.other})

    @property
    def outcome(self) -> str | None:
        """Its status, and how it ended where figures are still missing."""
        return self.drawing or self.status


_NOTHING_SAID = vars(RunRecord())
_KEYS = [one for one in fields(RunRecord) if one.metadata]
_KINDS = {one.name: one.metadata["is_right"] for one in _KEYS}
_BESIDE = {one.name: one.metadata["beside"] for one in _KEYS}
