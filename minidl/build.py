"""From a spec to objects that train: the one place where a name in a config becomes an object.

Specs that differ only in numbers which the core takes per network (seeds, rates, momenta, …) are
built as one stack. Problems that only the data or the shapes reveal (3 classes with BCE) are raised
as a ConfigError with the position of the key, like those of the loader.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from minidl import nn, optim
from minidl import spec as specs
from minidl.data import Dataset
from minidl.data.batches import Batches
from minidl.data.encoding import Encoding
from minidl.errors import ConfigError
from minidl.evaluation import Evaluator, Part
from minidl.nn.init import INITIALIZERS
from minidl.optim import schedules
from minidl.seeds import torch_seed
from minidl.train import Trainer

ACTIVATIONS: dict[str, Callable[..., nn.Activation]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "softmax": nn.Softmax,
}
LOSSES: dict[str, Callable[..., nn.Loss]] = {
    "mse": nn.MSELoss,
    "bce": nn.BCELoss,
    "bce_with_logits": nn.BCEWithLogitsLoss,
    "cross_entropy": nn.CrossEntropyLoss,
}
OPTIMIZERS: dict[str, Callable[..., optim.Optimizer]] = {
    "sgd": optim.SGD,
    "rmsprop": optim.RMSprop,
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "adagrad": optim.Adagrad,
}


@dataclass
class Experiment:
    """Everything that a training needs, built."""

    trainer: Trainer
    network: nn.Sequential
    encoding: Encoding
    parts: dict[str, Part]
    device: torch.device


def build(
    spec: specs.Spec | Sequence[specs.Spec], data: Dataset | Sequence[Dataset], device: str = "auto"
) -> Experiment:
    """Build one spec with its data as one network, or several with theirs as a stack.

    Raises ConfigError for what doesn't fit together, and RuntimeError where the device is missing.
    """
    stacked = not isinstance(spec, specs.Spec)
    members = list(spec) if stacked else [spec]
    datasets = list(data) if not isinstance(data, Dataset) else [data]
    return _Builder(members, datasets, choose_device(device), stacked=stacked).experiment()


def choose_device(name: str) -> torch.device:
    """`auto` takes a GPU if there is one. Raises ConfigError if the device is missing."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise _problem("device", "no CUDA device: torch was installed without, or finds no GPU")
        if (device.index or 0) >= torch.cuda.device_count():
            count = torch.cuda.device_count()
            raise _problem("device", f"{name} doesn't exist: there are {count} CUDA devices")
    return device


def encoding_for(spec: specs.Spec, data: Dataset) -> Encoding:
    """How the targets must be written down for the loss and the number of outputs.

    Raises ConfigError where loss, outputs and data don't fit together.
    """
    kind, outputs = spec.loss.type, _outputs_wanted(spec)
    if data.task == "regression":
        wanted = data.train.targets.shape[1]
        if kind != "mse":
            raise ConfigError(
                [spec.problem("loss", f"{kind} needs classes, but the target is a number: use mse")]
            )
        return _with_outputs(spec, Encoding("values", wanted), outputs)
    if kind == "cross_entropy":
        return _with_outputs(spec, Encoding("index", data.classes), outputs)
    if kind in ("bce", "bce_with_logits"):
        if data.classes != 2:
            names = ", ".join(data.class_names[:5])
            message = f"{kind} needs 2 classes, but there are {data.classes} ({names}): "
            raise ConfigError([spec.problem("loss", message + "use cross_entropy")])
        threshold = 0.5 if kind == "bce" else 0.0
        return _with_outputs(spec, Encoding("column", 1, threshold), outputs)
    if data.classes == 2 and outputs in (None, 1):
        return Encoding("column", 1)
    return _with_outputs(spec, Encoding("one_hot", data.classes), outputs)


def _outputs_wanted(spec: specs.Spec) -> int | None:
    if isinstance(spec.model, specs.MlpModel):
        return spec.model.outputs
    last = [layer for layer in spec.model.layers if isinstance(layer, specs.LinearLayer)]
    return last[-1].out_features if last else None


def _with_outputs(spec: specs.Spec, encoding: Encoding, outputs: int | None) -> Encoding:
    if outputs in (None, encoding.outputs):
        return encoding
    last = "model.outputs"
    if isinstance(spec.model, specs.SequentialModel):
        indices = [i for i, x in enumerate(spec.model.layers) if isinstance(x, specs.LinearLayer)]
        last = f"model.layers[{indices[-1]}].out_features"
    message = f"{spec.loss.type} on this data needs {encoding.outputs} outputs, but got {outputs}"
    raise ConfigError([spec.problem(last, message)])


class _Builder:
    """Builds the first spec; the others give only their numbers."""

    def __init__(
        self,
        members: list[specs.Spec],
        data: list[Dataset],
        device: torch.device,
        *,
        stacked: bool,
    ) -> None:
        self.members, self.data, self.device = members, data, device
        self.spec = members[0]
        self.networks = len(members) if stacked else None
        self.dtype = getattr(torch, self.spec.training.dtype)
        self.encoding = encoding_for(self.spec, data[0])

    def experiment(self) -> Experiment:
        self._check_metrics()
        with torch.inference_mode(False):
            network = self._network()
            loss = self._loss(self.spec.loss).stack(self.networks)
            parts = {name: self._part(name) for name in ("train", "test")}
            optimizer = self._optimizer(network)
            trainer = Trainer(
                network,
                loss,
                optimizer,
                self._batches(parts["train"]),
                parts=parts,
                evaluator=Evaluator(network, self._mean_loss(), self.encoding),
                epochs=self.spec.training.epochs,
                eval_every=self.spec.training.eval_every,
                evaluate_in_training_mode=self.spec.training.evaluate_in == "train",
                schedule=self._schedule(),
                plateau=self._plateau(),
                clip_norm=self.spec.training.clip_norm,
                clip_value=self.spec.training.clip_value,
            )
        return Experiment(trainer, network, self.encoding, parts, self.device)

    def number(self, get: Callable[[specs.Spec], Any]) -> Any:
        """A hyper-parameter: one number where all networks share it, else one per network."""
        values = [get(member) for member in self.members]
        shared = self.networks is None or all(value == values[0] for value in values)
        return values[0] if shared else values

    # The network.

    def _network(self) -> nn.Sequential:
        network = nn.Sequential(self._modules())
        shape = self.data[0].input_shape
        for index, child in enumerate(network):
            shape = self._output_shape(index, child, shape)
        self._check_output(network, shape)
        network.to(self.device, self.dtype).stack(self.networks)
        network.initialize(self._init(self.spec.model.init), seed=self._seeds("init"))
        network.seed_dropout(self._seeds("dropout"))
        network.skip_input_gradient()
        return network

    def _modules(self) -> dict[str, nn.Module]:
        """The layers with the config's names; `Sequential` names the others."""
        layers = self._mlp_layers() if isinstance(self.spec.model, specs.MlpModel) else None
        if layers is None:
            layers = self._sequential_layers()
        names = nn.Sequential(*[layer for _, layer in layers]).named_children()
        return {
            given or name: child for (given, child), (name, _) in zip(layers, names, strict=True)
        }

    def _mlp_layers(self) -> list[tuple[str | None, nn.Module]]:
        model = self.spec.model
        assert isinstance(model, specs.MlpModel)
        shape = self.data[0].input_shape
        layers: list[nn.Module] = [] if len(shape) == 1 else [nn.Flatten()]
        width = int(np.prod(shape))
        for hidden, activation in zip(model.hidden, model.activations, strict=True):
            layers += [nn.Linear(width, hidden, model.bias), self._activation(activation)]
            if any(member.model.dropout for member in self.members):  # type: ignore[union-attr]
                layers.append(nn.Dropout(self.number(lambda s: s.model.dropout)))
            width = hidden
        layers.append(nn.Linear(width, self.encoding.outputs, model.bias))
        if model.output_activation is not None:
            layers.append(self._activation(model.output_activation))
        return [(None, layer) for layer in layers]

    def _sequential_layers(self) -> list[tuple[str | None, nn.Module]]:
        assert isinstance(self.spec.model, specs.SequentialModel)
        shape = self.data[0].input_shape
        layers: list[tuple[str | None, nn.Module]] = []
        for index, layer in enumerate(self.spec.model.layers):
            module = self._layer(index, layer, shape)
            shape = self._output_shape(index, module, shape)
            layers.append((layer.name, module))
        return layers

    def _layer(self, index: int, layer: Any, shape: tuple[int, ...]) -> nn.Module:
        if isinstance(layer, specs.LinearLayer):
            if len(shape) != 1:
                raise self._problem(
                    f"model.layers[{index}]",
                    f"linear takes one row of numbers per sample, but gets {_times(shape)}: "
                    "put a flatten layer before it",
                )
            outputs = layer.out_features or self.encoding.outputs
            init = self._init(layer.init) if layer.init else None
            return nn.Linear(shape[0], outputs, layer.bias, init=init)
        if isinstance(layer, specs.DropoutLayer):
            return nn.Dropout(self.number(lambda s: s.model.layers[index].p))  # type: ignore[union-attr]
        if isinstance(layer, specs.FlattenLayer):
            return nn.Flatten()
        return self._activation(layer)

    def _activation(self, activation: Any) -> nn.Activation:
        return ACTIVATIONS[activation.type](**_options(activation))

    def _init(self, init: Any) -> nn.Initializer:
        return INITIALIZERS[init.type](**_options(init))

    def _output_shape(
        self, index: int, module: nn.Module, shape: tuple[int, ...]
    ) -> tuple[int, ...]:
        try:
            return module.output_shape(shape)
        except ValueError as error:
            raise self._problem(f"model.layers[{index}]", str(error)) from error

    def _check_output(self, network: nn.Sequential, shape: tuple[int, ...]) -> None:
        if shape != (self.encoding.outputs,):
            raise self._problem(
                "model", f"the network gives {_times(shape)} outputs per sample, but "
                f"{self.spec.loss.type} on this data needs {self.encoding.outputs}",
            )  # fmt: skip
        last = [child for child in network if not isinstance(child, nn.Dropout | nn.Flatten)][-1]
        if self.spec.loss.type == "bce" and not isinstance(last, nn.Sigmoid):
            raise self._problem(
                "loss", "bce needs probabilities: end the network with a sigmoid "
                "(output_activation: sigmoid), or use bce_with_logits",
            )  # fmt: skip

    # Data.

    def _part(self, name: str) -> Part:
        splits = [getattr(data, name) for data in self.data]
        inputs = [torch.from_numpy(split.inputs).to(self.dtype) for split in splits]
        targets = [self.encoding.encode(split.targets, self.dtype) for split in splits]
        labels = targets
        if self.encoding.form != "values":
            labels = [torch.from_numpy(split.targets) for split in splits]
        return Part(*(self._placed(tensors) for tensors in (inputs, targets, labels)))

    def _placed(self, tensors: list[Tensor]) -> Tensor:
        stacked = tensors[0] if self.networks is None else torch.stack(tensors)
        return stacked.contiguous().to(self.device)

    def _batches(self, part: Part) -> Batches:
        training, samples = self.spec.training, len(self.data[0].train)
        if training.drop_last and training.batch_size > samples:
            raise self._problem(
                "training.drop_last", f"leaves no batch: batch_size {training.batch_size} is more "
                f"than the {samples} training samples",
            )  # fmt: skip
        return Batches(
            part.inputs,
            part.targets,
            training.batch_size,
            self._seeds("order"),
            stacked=self.networks is not None,
            drop_last=training.drop_last,
        )

    # Loss, optimizer, schedule.

    def _loss(self, loss: Any) -> nn.Loss:
        return LOSSES[loss.type](**_options(loss))

    def _mean_loss(self) -> nn.Loss:
        """For reports: a mean over samples, comparable whatever `reduction` trains with."""
        mean = self.spec.loss.model_copy(update={"reduction": "mean"})
        return self._loss(mean).stack(self.networks)

    def _optimizer(self, network: nn.Sequential) -> optim.Optimizer:
        options = _options(self.spec.optimizer)
        for name in options:
            options[name] = self.number(lambda s, name=name: getattr(s.optimizer, name))
        if self._plateau() is not None and self.networks is not None:
            options["lr"] = [member.optimizer.lr for member in self.members]
        return OPTIMIZERS[self.spec.optimizer.type](network, **options)

    def _schedule(self) -> schedules.Schedule:
        schedule, epochs = self.spec.schedule, self.spec.training.epochs
        made = schedules.constant()
        if isinstance(schedule, specs.MultistepSchedule):
            pairs = [m for m in schedule.milestones if isinstance(m, tuple)]
            starts = [m for m in schedule.milestones if isinstance(m, int)]
            # Milestones are epochs of the training, whether it warms up or not.
            pairs = [(epoch - schedule.warmup, rate) for epoch, rate in pairs]
            starts = [epoch - schedule.warmup for epoch in starts]
            made = schedules.multistep(pairs)
            if schedule.factor is not None:
                made = schedules.multistep_factor(starts, schedule.factor)
        elif isinstance(schedule, specs.StepSchedule):
            made = schedules.step(schedule.step_size, schedule.factor)
        elif isinstance(schedule, specs.ExponentialSchedule):
            made = schedules.exponential(schedule.factor)
        elif isinstance(schedule, specs.CosineSchedule | specs.LinearSchedule):
            kind = schedules.cosine if schedule.type == "cosine" else schedules.linear
            made = kind(schedule.epochs or max(epochs - schedule.warmup, 1), schedule.final)
        return schedules.warm_up(schedule.warmup, made) if schedule.warmup else made

    def _plateau(self) -> optim.ReduceOnPlateau | None:
        schedule = self.spec.schedule
        if not isinstance(schedule, specs.PlateauSchedule):
            return None
        return optim.ReduceOnPlateau(
            [member.optimizer.lr for member in self.members],
            factor=schedule.factor,
            patience=schedule.patience,
            threshold=schedule.threshold,
            cooldown=schedule.cooldown,
            min_lr=schedule.min_lr,
            metric=schedule.metric,
        )

    def _check_metrics(self) -> None:
        """Metrics by which a training stops or slows down must exist for its task."""
        training = self.spec.training
        named = {
            "schedule.metric": getattr(self.spec.schedule, "metric", None),
            "training.early_stopping.metric": getattr(training.early_stopping, "metric", None),
            "training.stop_at.metric": getattr(training.stop_at, "metric", None),
        }
        known = Evaluator.metrics_for(self.encoding)
        wrong = {key: m for key, m in named.items() if m and m.split("_", 1)[1] not in known}
        problems = [
            self.spec.problem(key, f"there is no {metric} on this data; metrics are {_list(known)}")
            for key, metric in wrong.items()
        ]
        if problems:
            raise ConfigError(problems)

    # Helpers.

    def _seeds(self, stream: Any) -> Any:
        override: dict[str, Callable[[specs.Spec], int | None]] = {
            "init": lambda s: s.model.seed,
            "order": lambda s: s.training.seed,
            "dropout": lambda s: s.training.dropout_seed,
        }
        own = [override[stream](member) for member in self.members]
        return [
            torch_seed(member.seed if seed is None else seed, stream)
            for member, seed in zip(self.members, own, strict=True)
        ]

    def _problem(self, key: str, message: str) -> ConfigError:
        return ConfigError([self.spec.problem(key, message)])


def _options(component: Any) -> dict[str, Any]:
    """A component's options as keyword arguments."""
    return {
        name: getattr(component, name)
        for name in type(component).model_fields
        if name not in ("type", "name")
    }


def _problem(key: str, message: str) -> ConfigError:
    from minidl.errors import Problem

    return ConfigError([Problem(message, key)])


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def _list(names: Sequence[str]) -> str:
    return ", ".join(f"{part}_{name}" for name in names for part in ("train", "test"))
