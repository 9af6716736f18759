"""What a run's results depend on besides its config, as run.json has it."""

from __future__ import annotations

import platform
import subprocess
from dataclasses import replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from minidl import __version__
from minidl.errors import RunError
from minidl.store import clock
from minidl.store.run_record import RunRecord

PACKAGES = ("minidl", "torch", "numpy")
_MACHINE = ("device", "device_name", "threads")


def goes_on(before: RunRecord, record: RunRecord) -> RunRecord:
    """The record of a resumed run: a new one that keeps the old one's command, start and times."""
    return replace(
        record,
        command=before.command or record.command,
        started=before.started or record.started,
        sweep=before.sweep or record.sweep,
        trial=before.trial if record.trial is None else record.trial,
        seconds=before.seconds,
        forced=(*before.forced, *differences(before, record)),
        other=before.other,
    )


def now() -> str:
    """The time as run.json has it."""
    return clock.now().isoformat(timespec="milliseconds")


def provenance(device: torch.device, engine: str) -> RunRecord:
    """Versions, device, engine, threads, and the git commit of the working folder, if any."""
    return RunRecord(**_here(device), engine=engine, threads=torch.get_num_threads())


@cache
def _here(device: torch.device) -> dict[str, Any]:
    return {
        "versions": {
            "python": platform.python_version(),
            "minidl": __version__,
            **{package: metadata.version(package) for package in PACKAGES[1:]},
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


def differences(before: RunRecord, now: RunRecord) -> list[str]:
    """What makes the last bits of results differ between two: "torch 2.12.0, now 2.13.0".

    What a record doesn't say counts as equal.
    """
    old, new = _decisive(before), _decisive(now)
    return [
        f"{key.replace('_', ' ')} {old[key]}, now {new[key]}"
        for key in (*PACKAGES, *_MACHINE, "engine")
        if None not in (old.get(key), new.get(key)) and old[key] != new[key]
    ]


def refuse_another_origin(
    place: Path, before: RunRecord, here: RunRecord, *, what: str, way_on: str
) -> None:
    """RunError where what goes on here comes out in other last bits; `what` it is: "a run", say."""
    if other := differences(before, here):
        raise RunError(
            f"{place}: began with {'; '.join(other)}: results would not be exactly those of {what} "
            f"that never stopped ({way_on} goes on all the same)"
        )


def _decisive(record: RunRecord) -> dict[str, Any]:
    """Of the engine its kind alone, compiled or plain: lanes and compilers give the same bits.

    So does any number of threads in compiled code, which uses one.
    """
    engine = record.engine.replace(",", " ").split()[0] if record.engine else None
    machine = {key: getattr(record, key) for key in _MACHINE}
    if engine == "compiled":
        machine["threads"] = None
    return {**record.versions, **machine, "engine": engine}


def _git_commit() -> str | None:
    command = ["git", "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=2, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
