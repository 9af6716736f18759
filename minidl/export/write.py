"""A run becomes the files of a format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from minidl.errors import RunError
from minidl.export.model import Model
from minidl.runs.inference import TrainedRun
from minidl.store import files, system


def _torch(model: Model, stem: str) -> dict[str, bytes]:
    from minidl.export.torch import torch_files

    weights, source = torch_files(model, stem)
    return {".pt": weights, ".py": source.encode()}


def _onnx(model: Model, stem: str) -> dict[str, bytes]:
    from minidl.export.onnx import onnx_file

    return {".onnx": onnx_file(model)}


def _safetensors(model: Model, stem: str) -> dict[str, bytes]:
    from minidl.export.tensors import safetensors_file

    return {".safetensors": safetensors_file(model)}


def _python(model: Model, stem: str) -> dict[str, bytes]:
    from minidl.export.python import python_source

    return {".py": python_source(model).encode()}


def _c(model: Model, stem: str) -> dict[str, bytes]:
    from minidl.export.c import c_sources

    source, header = c_sources(model, stem)
    return {".c": source.encode(), ".h": header.encode()}


# Each gives the files' contents by their endings, the one that --output names first.
FORMATS: Mapping[str, Callable[[Model, str], dict[str, bytes]]] = {
    "torch": _torch,
    "onnx": _onnx,
    "safetensors": _safetensors,
    "python": _python,
    "c": _c,
}


def export(
    trained: TrainedRun, format: str, output: Path | None = None, *, overwrite: bool = False
) -> list[Path]:
    """Write a run's network, and return the files' paths.

    format: one of FORMATS; output: the first file's path, else the run's name in the current
    folder. Raises RunError where a file exists already and `overwrite` isn't given.
    """
    path = output or Path(trained.folder.path.resolve().name)
    model = Model.of(trained)
    stem = path.name if output is None else path.stem
    contents = FORMATS[format](model, stem)
    first = next(iter(contents))
    if output is not None and output.suffix != first:
        raise RunError(f"{output}: choose a name that ends with {first}")
    places = {path.with_name(stem + ending): text for ending, text in contents.items()}
    for place in places:
        if not overwrite and system.stat_of(place) is not None:
            raise RunError(f"{place}: exists already (use --overwrite to replace it)")
    for place, content in places.items():
        files.write_atomic(place, content)
    return [*places]
