"""A whole training, built from a spec and data."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from minidl.build.device import choose_device
from minidl.build.network import build_network, last_layer
from minidl.build.optimization import (
    build_loss,
    build_optimizer,
    build_plateau,
    build_reported_loss,
    build_schedule,
)
from minidl.build.options import problem
from minidl.build.pretrained import start_from
from minidl.build.seeds import torch_seed_of
from minidl.build.targets import check_metrics, encoding_for
from minidl.build.weights import training_targets
from minidl.data import Dataset, Split
from minidl.data.batches import Batches
from minidl.data.encoding import Encoding
from minidl.data.messages import listed
from minidl.data.shares import WORDS
from minidl.errors import MinidlWarning
from minidl.nn import BatchNorm1d, BatchNorm2d, Module, ReLU, Sequential, Sigmoid, Softmax, Tanh
from minidl.plural import plural
from minidl.spec import MlpModel, Spec
from minidl.train.evaluation import Evaluator, Part, chunk_size, chunk_sizes, even_chunk
from minidl.train.trainer import Trainer
from minidl.train.watch import WatchedTrainer


@dataclass
class Experiment:
    """Everything that a training needs."""

    trainer: Trainer
    network: Sequential
    encoding: Encoding
    device: torch.device
    source_hashes: Mapping[str, str]  # SHA-256 of what its first weights are from, by its path


def build(spec: Spec, data: Dataset, *, goes_on: bool = False) -> Experiment:
    """What a spec describes, on its data.

    goes_on: its weights are those of a checkpoint, and what the first ones were from may be gone.
    Raises ConfigError, with positions, where loss, network, data and device don't fit together.
    """
    with torch.inference_mode(False):
        device = choose_device(spec)
        encoding = encoding_for(spec, data)
        check_metrics(spec, data, encoding)
        network = build_network(spec, data.input_shape, encoding, device)
        sources = {} if goes_on else start_from(spec, network)
        _check_range(spec, network, data, encoding)
        _check_last_layer(spec, network)
        _check_finite(spec, data)
        _check_classes(spec, data)
        _check_record(spec, data)
        parts = {name: _part(spec, split, encoding, device) for name, split in data.parts.items()}
        _check_evaluation(spec, network, parts)
        std = data.target_scale.std if data.target_scale else None
        training = spec.training
        kind = partial(WatchedTrainer, watch=training.watch) if training.watch else Trainer
        trainer = kind(
            network,
            build_loss(spec),
            build_optimizer(spec, network),
            _batches(spec, network, parts["train"], training_targets(spec, data, parts["train"])),
            parts=parts,
            evaluator=Evaluator(
                network, build_reported_loss(spec), encoding, std, training.metrics
            ),
            epochs=training.epochs,
            eval_every=training.eval_every,
            evaluate_in_training_mode=training.evaluate_in == "train",
            schedule=build_schedule(spec),
            plateau=build_plateau(spec),
            clip_norm=training.clip_norm,
            clip_value=training.clip_value,
        )
    return Experiment(trainer, network, encoding, device, sources)


# Which outputs there can be behind a last layer.
_RANGES: dict[type[Module], tuple[float, float]] = {
    Sigmoid: (0, 1),
    Softmax: (0, 1),
    Tanh: (-1, 1),
    ReLU: (0, math.inf),
}


def _check_range(spec: Spec, network: Sequential, data: Dataset, encoding: Encoding) -> None:
    """Warn of targets which the network can't reach, and of images that aren't from 0 to 1."""
    if encoding.form not in ("values", "images"):
        return
    low, high = float(data.train.truth.min()), float(data.train.truth.max())
    last = last_layer(network)
    least, most = _RANGES.get(type(last), (-math.inf, math.inf))
    if low < least or high > most:
        name = type(last).__name__.lower()
        targets = "standardized targets" if data.target_scale else "targets"
        message = (
            f"the network ends with a {name}, but the {targets} reach from {low:.4g} to {high:.4g}"
        )
        bounds = f"{least:g} … {most:g}" if most < math.inf else f"{least:g} and more"
        hint = f"leave the {name} out" if data.target_scale else f"scale them to {bounds}, or leave"
        hint += "" if data.target_scale else f" the {name} out"
        _warn_of_last_layer(spec, f"{message}: {hint}")
    elif isinstance(last, Softmax) and encoding.outputs == 1:
        _warn_of_last_layer(spec, "a softmax over a single output is always 1: leave it out")
    elif encoding.form == "images" and most > 1 and (low < -0.5 or high > 1.5):
        # Noise may go beyond a little.
        message = f"the target images reach from {low:.4g} to {high:.4g}: psnr, and what is drawn,"
        hint = "take them to be from 0 to 1: scale them"
        warnings.warn(str(spec.problem("data", f"{message} {hint}")), MinidlWarning, 3)


def _warn_of_last_layer(spec: Spec, message: str) -> None:
    key = "model"
    if isinstance(spec.model, MlpModel) and spec.model.output_activation is not None:
        key = "model.output_activation"
    warnings.warn(str(spec.problem(key, message)), MinidlWarning, 4)


def _check_last_layer(spec: Spec, network: Sequential) -> None:
    """Warn where outputs are bounded before a loss that makes probabilities of any numbers."""
    own = {"cross_entropy": "softmax", "bce_with_logits": "sigmoid"}.get(spec.loss.type)
    last = last_layer(network)
    if own is None or type(last) not in _RANGES:
        return
    none = "no probability near 1"
    if isinstance(last, ReLU):
        none = "no probability below 0.5" if own == "sigmoid" else "no score below 0"
    _warn_of_last_layer(
        spec,
        f"{spec.loss.type} applies {own} itself to numbers of any size, but the network ends with"
        f" a {type(last).__name__.lower()}, which leaves {none}: leave it out",
    )


def _check_evaluation(spec: Spec, network: Sequential, parts: Mapping[str, Part]) -> None:
    """Refuse to evaluate a lone sample in training mode where samples are compared."""
    if spec.training.evaluate_in != "train" or not _compares_samples(network):
        return
    counts = [part.samples for part in parts.values()]
    most = min(chunk_size(part.inputs) for part in parts.values())
    if 1 in chunk_sizes(counts, even_chunk(counts, most)):
        lone = next((name for name, part in parts.items() if part.samples == 1), None)
        why = (
            f"the {WORDS[lone]} part has but one" if lone else "they are too large for two at once"
        )
        message = f"train: batch_norm compares samples, but {why}: use eval"
        raise problem(spec, "training.evaluate_in", message)


def _check_classes(spec: Spec, data: Dataset) -> None:
    """Refuse a validation part without some class: what it says of a network would be one-sided.

    So is a training part where it was the config that divided the rows.
    """
    keys = {"val": f"data.{spec.data.validation_key}"}
    if getattr(spec.data, "split", None) is not None:
        keys["train"] = "data.split"
    for name, key in keys.items():
        if name not in data.parts or data.task != "classification":
            continue
        counts = np.bincount(data.parts[name].targets, minlength=data.classes)
        if not counts.all():
            absent = listed(tuple(data.class_names[i] for i in np.flatnonzero(counts == 0)), 3)
            message = f"the {WORDS[name]} part, of {plural(int(counts.sum()), 'row')}, has none of"
            raise problem(spec, key, f"{message} {absent}")


def _check_record(spec: Spec, data: Dataset) -> None:
    """Refuse to record a boundary where there is no plane."""
    if spec.training.record and data.input_shape != (2,):
        inputs = plural(math.prod(data.input_shape), "input")
        way = "leave it out"
        if len(data.input_shape) == 1 and data.input_shape[0] > 2:
            way += " (`minidl animate --axes` trains again and shows a plane of two)"
        message = f"boundary: needs a plane, of two inputs, but the data have {inputs}: {way}"
        raise problem(spec, "training.record", message)


def _check_finite(spec: Spec, data: Dataset) -> None:
    """Refuse numbers that the training's dtype can't hold: it would diverge in its first step."""
    largest = torch.finfo(getattr(torch, spec.training.dtype)).max
    for part in data.parts.values():
        for array in part.arrays:
            low, high = float(array.min()), float(array.max())
            if not (-largest <= low and high <= largest):  # NaN, too
                message = (
                    f"holds numbers from {low:.3g} to {high:.3g}, which training.dtype can't hold"
                )
                raise problem(spec, "data", f"{message}: scale them")


def _batches(spec: Spec, network: Sequential, part: Part, targets: Tensor) -> Batches:
    training, samples = spec.training, part.samples
    all_of_them = plural(samples, "sample")
    if training.drop_last and training.batch_size > samples:
        message = f"leaves no batch: {training.batch_size} is more than the {all_of_them}"
        raise problem(spec, "training.drop_last", message)
    rest = 0 if training.drop_last else samples % training.batch_size
    if 1 in (training.batch_size, rest) and _compares_samples(network):
        message = f"leaves a batch of 1 of the {all_of_them}, but batch_norm compares samples"
        raise problem(spec, "training.batch_size", f"{message}: choose another, or drop_last")
    return Batches(
        part.inputs,
        targets,
        training.batch_size,
        torch_seed_of(spec, "order"),
        drop_last=training.drop_last,
    )


def _compares_samples(network: Sequential) -> bool:
    """Whether training needs more than one sample in a batch.

    A BatchNorm2d could compare the pixels of one image with each other, but would learn statistics
    that fit no evaluation.
    """
    return any(isinstance(module, BatchNorm1d | BatchNorm2d) for module in network.modules())


def _part(spec: Spec, split: Split, encoding: Encoding, device: torch.device) -> Part:
    """A part's arrays on the device."""
    dtype = getattr(torch, spec.training.dtype)

    def placed(x: Tensor) -> Tensor:
        return x.contiguous().to(device)

    targets = placed(encoding.encode(split.targets, dtype))
    labels = targets
    if encoding.form == "images" and split.clean is not None:
        labels = placed(encoding.encode(split.truth, dtype))
    elif encoding.decision() is not None:
        labels = placed(torch.from_numpy(split.targets))
    return Part(placed(torch.from_numpy(split.inputs).to(dtype)), targets, labels)
