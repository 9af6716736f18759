"""A whole training, built from specs and data."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from minidl.build.device import choose_device
from minidl.build.members import Members
from minidl.build.network import build_network, ends_with_sigmoid
from minidl.build.optimization import build_loss, build_optimizer, build_plateau, build_schedule
from minidl.build.targets import check_metrics, encoding_for
from minidl.data import Dataset, Split, TargetScale
from minidl.data.batches import Batches
from minidl.data.encoding import Encoding
from minidl.errors import MinidlWarning
from minidl.evaluation import Evaluator, Part
from minidl.nn import BatchNorm1d, BatchNorm2d, Sequential
from minidl.plural import plural
from minidl.spec import Spec
from minidl.train import Trainer


@dataclass
class Experiment:
    """Everything that a training needs."""

    trainer: Trainer
    network: Sequential
    encoding: Encoding
    device: torch.device


def build(specs: Spec | Sequence[Spec], data: Dataset | Sequence[Dataset]) -> Experiment:
    """One spec with its data as one network, or several with theirs as a stack.

    The specs of a stack may differ only in numbers which the core takes per network. Raises
    ConfigError, with positions, where loss, network, data and device don't fit together.
    """
    members = Members(specs)
    datasets = [data] if isinstance(data, Dataset) else list(data)
    with torch.inference_mode(False):
        device = choose_device(members)
        encoding = encoding_for(members, datasets[0])
        check_metrics(members, encoding)
        network = build_network(members, datasets[0].input_shape, encoding, device)
        network.skip_input_gradient()
        _check_range(members, network, datasets[0], encoding)
        _check_finite(members, datasets)
        place = _Placer(members, encoding, device)
        parts = {
            "train": place.part([dataset.train for dataset in datasets]),
            "test": place.part([dataset.test for dataset in datasets]),
        }
        std = place.target_std([dataset.target_scale for dataset in datasets])
        trainer = _trainer(members, network, parts, encoding, std)
    return Experiment(trainer, network, encoding, device)


def _trainer(
    members: Members,
    network: Sequential,
    parts: dict[str, Part],
    encoding: Encoding,
    target_std: Tensor | None,
) -> Trainer:
    training = members.first.training
    return Trainer(
        network,
        build_loss(members),
        build_optimizer(members, network),
        _batches(members, network, parts["train"]),
        parts=parts,
        # Reported losses are means, comparable whatever `reduction` trains with.
        evaluator=Evaluator(network, build_loss(members, reduction="mean"), encoding, target_std),
        epochs=training.epochs,
        eval_every=training.eval_every,
        evaluate_in_training_mode=training.evaluate_in == "train",
        schedules=[build_schedule(spec) for spec in members.specs],
        plateau=build_plateau(members),
        clip_norm=training.clip_norm,
        clip_value=training.clip_value,
    )


def _check_range(members: Members, network: Sequential, data: Dataset, encoding: Encoding) -> None:
    """Warn of targets which the network can't reach, and of images that aren't from 0 to 1."""
    if encoding.form not in ("values", "images"):
        return
    low, high = float(data.train.truth.min()), float(data.train.truth.max())
    if not ends_with_sigmoid(network):
        if encoding.form == "images" and (low < -0.5 or high > 1.5):  # noise may go beyond a little
            message = (
                f"the target images reach from {low:.4g} to {high:.4g}: psnr, and what is drawn,"
            )
            hint = "take them to be from 0 to 1: scale them"
            warnings.warn(str(members.first.problem("data", f"{message} {hint}")), MinidlWarning, 3)
        return
    if low < 0 or high > 1:
        message = (
            f"the network ends with a sigmoid, but the targets reach from {low:.4g} to {high:.4g}"
        )
        hint = "scale them to 0 … 1, or leave the sigmoid out"
        warnings.warn(str(members.first.problem("model", f"{message}: {hint}")), MinidlWarning, 3)


def _check_finite(members: Members, datasets: list[Dataset]) -> None:
    """Refuse numbers that the training's dtype can't hold: it would diverge in its first step."""
    largest = torch.finfo(getattr(torch, members.first.training.dtype)).max
    for part in (part for data in datasets for part in (data.train, data.test)):
        for array in part.arrays:
            low, high = float(array.min()), float(array.max())
            if not (-largest <= low and high <= largest):  # NaN, too
                message = (
                    f"holds numbers from {low:.3g} to {high:.3g}, which training.dtype can't hold"
                )
                raise members.problem("data", f"{message}: scale them")


def _batches(members: Members, network: Sequential, part: Part) -> Batches:
    training, stacked = members.first.training, members.networks is not None
    samples = part.inputs.shape[1 if stacked else 0]
    all_of_them = plural(samples, "sample")
    if training.drop_last and training.batch_size > samples:
        message = f"leaves no batch: {training.batch_size} is more than the {all_of_them}"
        raise members.problem("training.drop_last", message)
    rest = 0 if training.drop_last else samples % training.batch_size
    if 1 in (training.batch_size, rest) and _compares_samples(network):
        message = f"leaves a batch of 1 of the {all_of_them}, but batch_norm compares samples"
        raise members.problem("training.batch_size", f"{message}: choose another, or drop_last")
    return Batches(
        part.inputs,
        part.targets,
        training.batch_size,
        members.seeds("order"),
        stacked=stacked,
        drop_last=training.drop_last,
    )


def _compares_samples(network: Sequential) -> bool:
    """Whether training needs more than one sample in a batch.

    A BatchNorm2d could compare the pixels of one image with each other, but would learn statistics
    that fit no evaluation.
    """
    return any(isinstance(module, BatchNorm1d | BatchNorm2d) for module in network.modules())


class _Placer:
    """Puts the members' arrays side by side on the device."""

    def __init__(self, members: Members, encoding: Encoding, device: torch.device) -> None:
        self.stacked = members.networks is not None
        self.dtype = getattr(torch, members.first.training.dtype)
        self.encoding, self.device = encoding, device

    def part(self, splits: list[Split]) -> Part:
        targets = self._placed([self.encoding.encode(x.targets, self.dtype) for x in splits])
        labels = targets
        if self.encoding.form == "images" and splits[0].clean is not None:
            labels = self._placed([self.encoding.encode(x.truth, self.dtype) for x in splits])
        elif self.encoding.decision() is not None:
            labels = self._placed([torch.from_numpy(split.targets) for split in splits])
        inputs = [torch.from_numpy(split.inputs).to(self.dtype) for split in splits]
        return Part(self._placed(inputs), targets, labels)

    def target_std(self, scales: list[TargetScale | None]) -> Tensor | None:
        """(outputs, T) standard deviations, if the targets were standardized."""
        stds = [scale.std for scale in scales if scale is not None]
        return torch.tensor(stds, dtype=torch.float64, device=self.device).T if stds else None

    def _placed(self, tensors: list[Tensor]) -> Tensor:
        together = torch.stack(tensors) if self.stacked else tensors[0]
        return together.contiguous().to(self.device)
