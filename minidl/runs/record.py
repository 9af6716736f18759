"""run.json as a run begins: its spec with nothing left open, and what its results depend on."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from importlib import metadata
from typing import Any

import torch

from minidl.build import Experiment
from minidl.data import Dataset
from minidl.spec import ArraysData, CsvData, Spec, dump
from minidl.store import clock

PACKAGES = ("minidl", "torch", "numpy")
_MACHINE = ("device", "device_name", "threads")


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
    return clock.now().isoformat(timespec="milliseconds")


def provenance(device: torch.device, engine: str) -> dict[str, Any]:
    """Versions, device, engine, threads, and the git commit of the working folder, if any."""
    return {**_here(device), "engine": engine, "threads": torch.get_num_threads()}


@cache
def _here(device: torch.device) -> dict[str, Any]:
    return {
        "versions": {
            "python": platform.python_version(),
            **{package: metadata.version(package) for package in PACKAGES},
        },
        "device": str(device),
        "device_name": _name(device),
        "git_commit": _git_commit(),
    }


def _name(device: torch.device) -> str:
    """Which GPU, or which instructions torch uses on this processor: they decide the last bits."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What of two provenances makes results differ in their last bits: "torch 2.12.0, now 2.13.0".

    What a record doesn't say counts as equal.
    """
    old, new = _decisive(before), _decisive(now)
    return [
        f"{key.replace('_', ' ')} {old[key]}, now {new[key]}"
        for key in (*PACKAGES, *_MACHINE, "engine")
        if old.get(key) is not None and old[key] != new[key]
    ]


def _decisive(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Of the engine its kind alone, compiled or plain: lanes and compilers give the same bits."""
    engine = provenance.get("engine")
    return {
        **(provenance.get("versions") or {}),
        **{key: provenance.get(key) for key in _MACHINE},
        "engine": engine.replace(",", " ").split()[0] if engine else None,
    }


def _git_commit() -> str | None:
    command = ["git", "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=2, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
