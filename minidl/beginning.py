"""What a run is before its first step: its spec with nothing left open, and its first record."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import torch

from minidl.build import Experiment
from minidl.data import Dataset
from minidl.provenance import provenance
from minidl.spec import ArraysData, CsvData, Spec, dump


def first_record(
    spec: Spec,
    data: Dataset,
    experiment: Experiment,
    command: Sequence[str],
    engine: str,
    config: str | None = None,
) -> dict[str, Any]:
    """run.json as a run begins.

    engine: the description of what trains it; config: the spec as config.yaml has it.
    """
    encoding = experiment.encoding
    return {
        "name": spec.name,
        "status": "running",
        "command": list(command),
        "seed": spec.seed,
        "config_sha256": hashlib.sha256((config or dump(spec)).encode()).hexdigest(),
        "task": data.task,
        "class_names": data.class_names,
        "feature_names": data.feature_names,
        "target_names": data.target_names,
        "input_shape": data.input_shape,
        "outputs": encoding.outputs,
        "output_shape": encoding.output_shape,
        "decision": encoding.decision(),
        "preprocessing": data.preprocessing.to_dict() if data.preprocessing else None,
        "target_scale": asdict(data.target_scale) if data.target_scale else None,
        "parameters": experiment.trainer.optimizer.flat.size,
        "weights": "last",
        "started": now(),
        **provenance(experiment.device, engine),
    }


def resolved(spec: Spec, data: Dataset, device: torch.device) -> Spec:
    """The spec with nothing left open: the device, and the files' hashes."""
    return pinned(spec, data.source_hashes).model_copy(update={"device": str(device)})


def pinned(spec: Spec, hashes: Mapping[str, str]) -> Spec:
    """The spec with the SHA-256 of its data files, by their paths: others are refused then."""
    if not isinstance(spec.data, CsvData | ArraysData):
        return spec
    changes = {"sha256": hashes[str(spec.data.path)]}
    if spec.data.test_path is not None:
        changes["test_sha256"] = hashes[str(spec.data.test_path)]
    return spec.model_copy(update={"data": spec.data.model_copy(update=changes)})


def now() -> str:
    """The time as run.json has it."""
    return datetime.now().astimezone().isoformat(timespec="milliseconds")
