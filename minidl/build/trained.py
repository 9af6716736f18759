"""The network of a run, with its weights, as its folder describes it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch

from minidl.build.network import build_network
from minidl.data import Preprocessing
from minidl.data.encoding import Encoding
from minidl.errors import ConfigError, RunError
from minidl.nn import Sequential
from minidl.spec import Spec, load_spec
from minidl.store.run_folder import RunFolder, resume_command
from minidl.store.run_record import RunRecord
from minidl.train.weights import set_weights

# What it must say, and what besides for each task.
_NEEDED = ("task", "input_shape", "outputs", "weights")
_NEEDED_BY_TASK = {
    "classification": ("class_names", "decision"),
    "regression": ("target_names",),
    "images": ("output_shape",),
}


@dataclass(frozen=True)
class TrainedNetwork:
    """On the CPU, in evaluation mode."""

    folder: RunFolder
    spec: Spec
    record: RunRecord
    encoding: Encoding
    network: Sequential


def load_network(path: Path) -> TrainedNetwork:
    """Raises RunError where the folder isn't a run, or has no (sound) weights."""
    folder = RunFolder.open(path)
    spec = load_spec(folder.config_path, ["device=cpu"])
    record = folder.read_record()
    if wrong := damage(record):
        raise RunError(f"{folder.record_path}: is damaged: {wrong}")
    encoding, shape = encoding_of(record), tuple(record.input_shape)
    weights = str(record.weights)
    if not folder.has_checkpoint(weights):
        status = folder.status_now(record)
        going = status in ("interrupted", "failed")
        hint = f": `{resume_command(path)}` goes on with it" if going else ""
        raise RunError(f"{path}: has no trained weights (status: {status}){hint}")
    tensors, _ = folder.load_checkpoint(weights)
    try:
        network = build_network(spec, shape, encoding, torch.device("cpu"))
        set_weights(network, network.flatten(), tensors)
    except (ConfigError, KeyError, RuntimeError, TypeError, ValueError) as error:
        message = "the weights don't fit the network that config.yaml and run.json describe"
        raise RunError(f"{path}: is damaged: {message}") from error
    return TrainedNetwork(folder, spec, record, encoding, network.eval())


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
