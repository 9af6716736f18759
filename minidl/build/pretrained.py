"""First weights that are those of another network: of a run, or of a file.

Files are read as tensors by name and nothing else; a pickle that holds more isn't opened.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from minidl import nn
from minidl.build.options import problem
from minidl.build.trained import load_network
from minidl.build.tuning import parameters_of
from minidl.data.source import read_source, short
from minidl.errors import ConfigError, DataError, Problem, RunError
from minidl.nn.sequential import named_layers
from minidl.nn.shape import times
from minidl.reference import state_of
from minidl.spec import Spec
from minidl.spec.init import FromInit
from minidl.store import checkpoint, files
from minidl.store.run_folder import is_run, is_sweep, resume_command
from minidl.store.run_record import ENDED, STOPPED

_PYTORCH = (".pt", ".pth")
_FORMATS = "expected a run's folder, a .safetensors or a .pt file"


@dataclass(frozen=True)
class Source:
    """Weights by name, and the SHA-256 of the file that holds them."""

    tensors: Mapping[str, Tensor]
    sha256: str


def start_from(spec: Spec, network: nn.Sequential) -> dict[str, str]:
    """Give a network the weights that `model.init` takes from elsewhere, if it does.

    What is in `new` stays as it was drawn. Returns the SHA-256 of the source by its path. Raises
    ConfigError, with a problem for each layer that doesn't fit.
    """
    init = spec.model.init
    if not isinstance(init, FromInit):
        return {}
    new = _layers(spec, network, init.new)
    try:
        source = _read(init.path)
    except (DataError, RunError, ConfigError) as error:
        raise problem(spec, "model.init.path", " ".join(str(error).splitlines())) from error
    if init.sha256 not in (None, source.sha256):
        message = f"{short(init.path)}: isn't what the config means: its SHA-256 differs"
        raise problem(spec, "model.init.path", message)
    wrong: dict[str, Problem] = {}
    with torch.no_grad():
        for name, layer, values in _places(network):
            if layer in new:
                continue
            if said := _misfit(name, layer, values, source.tensors):
                wrong.setdefault(layer, spec.problem("model.init", f"{short(init.path)}: {said}"))
            else:
                values.copy_(source.tensors[name])
    if wrong:
        raise ConfigError(wrong.values())
    return {str(init.path): source.sha256}


def _layers(spec: Spec, network: nn.Sequential, names: tuple[str, ...]) -> set[str]:
    """These layers and those inside them. Raises ConfigError."""
    known = [name for name, _ in named_layers(network)]
    found: set[str] = set()
    for index, name in enumerate(names):
        parameters_of(spec, network, name, f"model.init.new[{index}]")
        found |= {one for one in known if one == name or one.startswith(f"{name}.")}
    if found >= {layer for _, layer, _ in _places(network)}:
        raise problem(spec, "model.init.new", "names every layer: nothing is taken from there")
    return found


def _places(network: nn.Sequential) -> Iterator[tuple[str, str, Tensor]]:
    """Each tensor that is taken: its name in a file, its layer, and where it goes."""
    leaves = [(name, layer) for name, layer in named_layers(network) if not layer.children()]
    parameters = [name for name, layer in leaves for _ in layer.parameters()]
    statistics = [name for name, layer in leaves if not layer.draws for _ in layer.statistics]
    state = state_of(network)
    for (name, values), layer in zip(state.items(), parameters + statistics, strict=True):
        yield name, layer, values


def _misfit(name: str, layer: str, values: Tensor, given: Mapping[str, Tensor]) -> str:
    """What keeps a tensor from being taken; empty where nothing does."""
    way_out = f"model.init.new: [{layer}] draws it anew"
    found = given.get(name)
    if found is None:
        some = ", ".join([*sorted(given)[:4], *(["…"] if len(given) > 4 else [])])
        return f"has no {name} for the layer {layer} (it has {some}); {way_out}"
    if found.shape != values.shape:
        there, here = _size(found), _size(values)
        return f"the layer {layer} doesn't fit: {name} is {there} there, but {here} here; {way_out}"
    if not found.to(values.dtype).isfinite().all():
        dtype = str(values.dtype).removeprefix("torch.")
        return f"{name} has numbers that aren't finite in {dtype}"
    return ""


def _size(values: Tensor) -> str:
    return times(tuple(values.shape)) if values.dim() else "one number"


# Reading -----------------------------------------------------------------------------------------


def _read(path: Path) -> Source:
    """Raises DataError, RunError or ConfigError, which name the path."""
    if files.is_folder(path):
        return _of_run(path)
    readers = {".safetensors": _safetensors, **dict.fromkeys(_PYTORCH, _state_dict)}
    source = read_source(path, checkpoint.MOST_BYTES)
    read = readers.get(path.suffix.lower())
    if read is None:
        raise DataError(f"{source.file}: {_FORMATS}")
    return Source(_tensors(source.file, read(source.file, source.content)), source.sha256)


def _of_run(path: Path) -> Source:
    if is_sweep(path):
        first = next((name for name in files.folders_in(path) if is_run(path / name)), None)
        way_out = f"name one of its runs, such as {path / first}" if first else "it has no runs yet"
        raise RunError(f"{path}: is a sweep, not a run: {way_out}")
    trained = load_network(path)
    if (status := trained.folder.status_now(trained.record)) not in (*ENDED, STOPPED):
        message = f"its weights may change, as it hasn't ended (status: {status})"
        raise RunError(f"{path}: {message}: wait, or `{resume_command(path)}`")
    weights = trained.folder.checkpoint_path(str(trained.record.weights))
    content = files.read_sound(weights, checkpoint.MOST_BYTES)
    return Source(state_of(trained.network), hashlib.sha256(content).hexdigest())


def _safetensors(file: str, content: bytes) -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(content)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{file}: isn't a safetensors file: {error}") from error


def _state_dict(file: str, content: bytes) -> Any:
    message = "holds Python objects beside tensors, and isn't opened: save a state_dict"
    if content[:1] == b"\x80" and content[1:2] != b"\x02":  # a pickle that torch.save didn't write
        raise DataError(f"{file}: {message}")
    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise DataError(f"{file}: {message}") from error
    except Exception as error:  # of a file that anybody made, anything may come
        raise DataError(f"{file}: isn't a file of weights that PyTorch saved") from error


def _tensors(file: str, found: Any) -> dict[str, Tensor]:
    """Dense real tensors by name."""
    if not isinstance(found, Mapping) or not all(isinstance(name, str) for name in found):
        raise DataError(f"{file}: isn't a state_dict, tensors by name")
    kept = {
        name: x
        for name, x in found.items()
        if isinstance(x, Tensor) and x.layout == torch.strided and x.is_floating_point()
    }
    if "parameters" in kept:
        raise DataError(f"{file}: is a checkpoint of minidl: name its run's folder instead")
    if not kept:
        raise DataError(f"{file}: isn't a state_dict of real numbers: it has {_instead(found)}")
    return kept


def _instead(found: Mapping[str, Any]) -> str:
    """What a file holds that has no tensor to start from."""
    for name, value in found.items():
        if isinstance(value, Mapping) and any(isinstance(x, Tensor) for x in value.values()):
            return f"one inside, as {name!r}: save that alone"
    dtypes = {str(x.dtype).removeprefix("torch.") for x in found.values() if isinstance(x, Tensor)}
    if dtypes:
        return f"tensors of {' and '.join(sorted(dtypes))} alone"
    return "no tensors"
