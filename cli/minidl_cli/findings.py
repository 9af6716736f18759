"""What `minidl doctor` looks at: versions, compiler, threads, GPU, folders, extras."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement

from minidl.errors import MinidlError

# What each extra is for; one that isn't listed is for developers.
EXTRAS = {
    "compiler": "a C compiler, where the system has none",
    "parquet": "tables in Parquet and Feather",
    "excel": "tables in Excel",
    "search": "searches by TPE",
    "onnx": "minidl export --format onnx",
    "html": "a report as a page that sorts, filters and zooms, and minidl watch",
    "play": "minidl play and minidl watch",
    "cluster": "minidl sweep --cluster",
    "tensorboard": "minidl export-log, minidl train --track",
    "mlflow": "minidl export-log --to mlflow, minidl train --track mlflow",
}


@dataclass(frozen=True)
class Finding:
    """One thing, and how it is: a note is what minidl works without, a problem what it can't."""

    name: str
    status: Literal["ok", "note", "problem"]
    found: str
    advice: str = ""


def findings(runs: Path) -> Iterator[Finding]:
    """All of them; `runs` is the folder of runs."""
    versions = list(_versions())
    yield from versions
    if all(one.status == "ok" for one in versions):  # else torch may be what is missing
        yield from _compiler()
        yield _threads()
        yield _gpu()
        yield _cache()
    yield _runs_folder(runs)
    yield from _extras()


def _versions() -> Iterator[Finding]:
    from minidl import __version__

    system = f"{platform.system()} {platform.machine()}"
    yield Finding("minidl", "ok", f"{__version__}, Python {platform.python_version()}, {system}")
    found, wrong = [], []
    for requirement in _requirements(""):
        version = _version(requirement.name)
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement} ({version or 'not installed'})")
        else:
            found.append(f"{requirement.name} {version}")
    yield Finding("packages", "ok", ", ".join(found))
    if wrong:
        yield Finding("packages", "problem", f"wanted: {', '.join(wrong)}", "pip install minidl")


def _compiler() -> Iterator[Finding]:
    import torch

    from minidl.engine.compiler import compile, find_compiler
    from minidl.engine.processor import lanes_for, vector_bytes

    compiler = find_compiler()
    slow = "steps run in Python, many times slower: "
    if compiler is None:
        given = os.environ.get("CC")
        what = f"CC={given} is none that works" if given else "no C compiler found"
        advice = "unset CC, or name one that works" if given else "install gcc or clang"
        yield Finding("compiler", "note", what, f"{slow}{advice}, or {_install('compiler')}")
        return
    try:
        compile("int minidl_doctor(void) { return 0; }\n", compiler)
    except MinidlError as error:
        yield Finding("compiler", "note", f"{compiler}: {error}", f"{slow}name another with CC")
        return
    yield Finding("compiler", "ok", f"{compiler} ({compiler.version})")
    single, double = lanes_for(torch.float32), lanes_for(torch.float64)
    vectors = f"vectors of {8 * vector_bytes()} bits"
    yield Finding(
        "lanes", "ok", f"{single} networks at once in float32, {double} in float64; {vectors}"
    )


def _threads() -> Finding:
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    given = os.environ.get("OMP_NUM_THREADS")
    said = f", OMP_NUM_THREADS={given}" if given else ""
    threads = torch.get_num_threads()
    return Finding("threads", "ok", f"{cores} cores for a sweep's workers; torch: {threads}{said}")


def _gpu() -> Finding:
    import torch

    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        advice = "networks as small as these are usually faster with --device cpu"
        return Finding("GPU", "ok", f"{', '.join(names)} (CUDA {torch.version.cuda})", advice)
    if torch.version.cuda:
        found = f"none that torch, built for CUDA {torch.version.cuda}, can use"
        return Finding("GPU", "note", found, "for one, check its driver with nvidia-smi")
    advice = "for one, install torch with CUDA: see “Get started” on pytorch.org"
    return Finding("GPU", "note", "none: this torch is built for the CPU alone", advice)


def _runs_folder(runs: Path) -> Finding:
    from minidl.store import files
    from minidl.store.locks import locked

    there = next(one for one in (runs, *runs.absolute().parents) if files.is_folder(one))
    try:
        with locked(there / "minidl-doctor"):  # writes a file, and removes it
            free = shutil.disk_usage(there).free
    except MinidlError as error:
        advice = "name another folder with MINIDL_RUNS_DIR or --runs-dir"
        return Finding("runs", "problem", str(error), advice)
    what = f"{runs} can be written" if there == runs else f"{runs} can be made in {there}"
    if free < 1e9:
        advice = "free some space: minidl prune, minidl rm --empty-trash"
        return Finding("runs", "note", f"{what}, {free / 1e6:.0f} MB free", advice)
    return Finding("runs", "ok", f"{what}, {free / 1e9:.0f} GB free")


def _cache() -> Finding:
    from minidl.engine.libraries import cache_folder

    folder = cache_folder()
    if folder is None or not os.access(folder, os.W_OK | os.X_OK):
        advice = "each process compiles anew: set XDG_CACHE_HOME to a folder that can be written"
        return Finding("cache", "note", f"{folder or 'no folder'} can't be written", advice)
    return Finding("cache", "ok", f"{folder} can be written")


def _extras() -> Iterator[Finding]:
    known = metadata.metadata("minidl").get_all("Provides-Extra") or []
    for extra in (name for name in EXTRAS if name in known):
        versions = {one.name: _version(one.name) for one in _requirements(extra)}
        absent = [name for name, version in versions.items() if version is None]
        name = f"minidl[{extra}]"
        if absent:
            advice = f"for {EXTRAS[extra]}: {_install(extra)}"
            yield Finding(name, "note", f"not installed: {', '.join(absent)}", advice)
        else:
            found = ", ".join(f"{name} {version}" for name, version in versions.items())
            yield Finding(name, "ok", found)


def _requirements(extra: str) -> list[Requirement]:
    """What minidl needs, or what one of its extras does."""
    everything = map(Requirement, metadata.requires("minidl") or [])
    return [
        one
        for one in everything
        if (one.marker is None and not extra)
        or (one.marker and extra and one.marker.evaluate({"extra": extra}))
    ]


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _install(extra: str) -> str:
    return f'pip install "minidl[{extra}]"'
