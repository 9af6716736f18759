"""Every component of a spec becomes its object, with every option that it has.

A component or an option that no row sets fails a test.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cases import OPTIMIZERS, OptimizerCase, samples, with_parameters
from component_cases import (
    ALL,
    COLUMNS,
    DATA,
    INITS,
    MODELS,
    NAMES,
    NOISES,
    PLATEAU,
    SCHEDULES,
    SMALL_DENOISER,
    SPLITS,
    TRAINING,
    WEIGHTED,
    Row,
    written,
)
from trainings import built, data_of, distance, parameters, spec

from minidl import nn, reference
from minidl.build import Experiment
from minidl.build.optimization import build_loss
from minidl.data.noise import noisy_input
from minidl.errors import MinidlWarning
from minidl.reference.case import Case
from minidl.seeds import torch_seed
from minidl.spec import component_groups

# Options that concern the whole run rather than the built objects, and options of whole files.
ELSEWHERE = {
    "early_stopping",  # train/test_stopping.py
    "stop_at",
    "checkpoint_every",  # train/test_run_folder.py
    "seed",  # train/test_seeds.py
    "dropout_seed",
    "class_weights",  # test_class_weights.py
    "pos_weight",
    "freeze",  # test_tuning.py
    "lr_factors",
    "weight_decay_on",
    "folds",  # data/test_folds.py
    "fold",
    "watch",  # train/test_watch.py
    "record",  # runs/test_boundary.py
    "name",  # test_layers_carry_their_names
    "init",  # test_a_layers_own_init, test_models
    "sha256",  # train/test_run_folder.py
    "test_sha256",
    "test_path",  # data/test_table.py
    "validation_sha256",
    "validation_path",
}


LAYERS = [(kind, case) for kind, cases in reference.MODULES.items() for case in cases.tried]


def tried() -> Iterator[tuple[str, type, Mapping[str, Any]]]:
    """The group, the class and the options of what `minidl.reference` has."""
    for kind, case in LAYERS:
        yield "layer", kind, case.options
        if issubclass(kind, nn.Activation):
            yield "activation", kind, case.options
    for loss, cases in reference.LOSSES.items():
        if loss in WEIGHTED:
            continue
        yield "loss", loss, {"reduction": "sum", **cases.options}
    for optimizer, (_, all_options) in reference.OPTIMIZERS.items():
        for options in all_options:
            yield "optimizer", optimizer, options


def test_every_component_is_tried_with_every_option() -> None:
    set_in: dict[tuple[str, str], set[str]] = {(row.group, row.name): set() for row in ALL}
    set_in |= {("layer", "residual"): {"layers"}}
    set_in |= {("init", "from"): {"path", "new", "new_init"}}  # test_pretrained.py
    for row in ALL:
        set_in[row.group, row.name] |= {
            part.split(":")[0].split()[-1] for part in row.options.split(", ") if ":" in part
        }
    for name, kind, options in tried():
        parameters = inspect.signature(kind).parameters
        changed = {key for key, value in options.items() if value != parameters[key].default}
        set_in.setdefault((name, NAMES[kind]), set()).update(changed)
    for group in component_groups():
        if group.name in ("training", "search", "report", "figure"):
            continue  # read, not built
        for component in group.components:
            wanted = {option.name for option in component.options} - ELSEWHERE
            assert wanted <= set_in[group.name, component.name], (group.name, component.name)


def test_every_option_of_training_has_a_row() -> None:
    (training,) = (g.components[0] for g in component_groups() if g.name == "training")
    names = {option.name for option in training.options}
    assert names - ELSEWHERE == {row.name for row in TRAINING}


@pytest.mark.parametrize(("kind", "options"), [one[1:] for one in tried() if one[0] == "loss"])
def test_losses(kind: type, options: Mapping[str, Any]) -> None:
    assert repr(build_loss(spec(f"loss={written(kind, **options)}"))) == repr(kind(**options))


def test_a_reported_loss_is_a_mean_whatever_training_makes_small() -> None:
    trainer = built("loss={type: mse, reduction: sum}").trainer
    assert (trainer.loss.reduction, trainer.evaluator.loss.reduction) == ("sum", "mean")


@pytest.mark.parametrize("case", OPTIMIZERS, ids=repr)
def test_optimizers(case: OptimizerCase) -> None:
    experiment = built(f"optimizer={written(case.kind, **case.options)}")
    optimizer, wanted = experiment.trainer.optimizer, case.make(nn.Linear(1, 1))
    assert type(optimizer) is case.kind
    assert optimizer.hyperparameters == wanted.hyperparameters
    for name in {*case.options} - {*wanted.hyperparameters, "betas"}:
        assert getattr(optimizer, name) == getattr(wanted, name) == case.options[name], name


@pytest.mark.parametrize(
    ("kind", "case"), [one for one in LAYERS if issubclass(one[0], nn.Activation)]
)
def test_activations_of_an_mlp(kind: type[nn.Module], case: Case) -> None:
    text = written(kind, **case.options)
    network = built(f"model.activation={text}", f"model.output_activation={text}").network
    assert repr(network["act_1"]) == repr(network["act_2"]) == repr(case.make(kind))


def layer_of_a_model(folder: Path, case: Case, text: str) -> nn.Sequential:
    """A network that begins with that layer, for data of the case's shape."""
    data = folder / "data.npz"
    np.savez(data, input=np.zeros((40, *case.sample)), target=np.arange(40.0))
    layers = f"[{text}, flatten, {{linear: null}}]"
    model = f"model={{type: sequential, layers: {layers}, init: {{constant: 0.5}}}}"
    return built(f"data={{type: arrays, path: {data}}}", model).network


@pytest.mark.parametrize(("kind", "case"), LAYERS)
def test_layers_of_a_sequential_model(kind: type[nn.Module], case: Case, tmp_path: Path) -> None:
    network = layer_of_a_model(tmp_path, case, written(kind, **case.options))
    assert (network[2].weight.data == 0.5).all()  # type: ignore[attr-defined]
    layer, wanted = network[0].train(case.training), case.make(kind)
    assert repr(layer) == repr(wanted)
    x = samples(case.sample).float()
    y, expected = with_parameters(layer)(x), with_parameters(wanted)(x)
    assert torch.equal(y, expected)
    for name, values in wanted.statistics.items():
        assert torch.equal(layer.statistics[name], values), name


@pytest.mark.parametrize(
    ("kind", "case"), [one for one in LAYERS if "init" in inspect.signature(one[0]).parameters]
)
def test_a_layers_own_init(kind: type[nn.Module], case: Case, tmp_path: Path) -> None:
    network = layer_of_a_model(tmp_path, case, written(kind, **case.options, init="zeros"))
    assert not any(parameter.data.any() for parameter in network[0].parameters())
    assert network[2].weight.data.any()  # type: ignore[attr-defined]


def test_a_residual_of_a_sequential_model() -> None:
    layers = "[{residual: [{linear: 2}, {type: tanh, name: bend}]}, linear]"
    network = built(f"model={{type: sequential, layers: {layers}}}").network
    assert repr(network[0]) == "Residual(\n  fc_1: Linear(2, 2)\n  bend: Tanh()\n)"


def test_layers_carry_their_names() -> None:
    first, bend = "{type: linear, out_features: 5, name: first}", "{type: relu, name: bend}"
    layers = f"[{first}, {bend}, {{linear: 4}}, tanh, linear]"
    network = built(f"model={{type: sequential, layers: {layers}}}").network
    names = [name for name, _ in network.named_children()]
    assert names == ["first", "bend", "fc_2", "act_2", "fc_3"]


@pytest.mark.parametrize("row", INITS, ids=repr)
def test_initialisers(row: Row) -> None:
    network = built(f"model.init={row.written}", "seed=3").network
    expected = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    expected.initialize(row.expected, seed=torch_seed(3, "init"))
    for got, wanted in zip(network.parameters(), expected.parameters(), strict=True):
        assert torch.equal(got.data, wanted.data)


def rates(experiment: Experiment) -> list[float]:
    return [epoch.lr for epoch in experiment.trainer]


@pytest.mark.parametrize("row", SCHEDULES, ids=repr)
def test_schedules(row: Row) -> None:
    experiment = built(f"schedule={row.written}", "optimizer.lr=1", "training.epochs=6")
    assert rates(experiment) == pytest.approx(row.expected, rel=1e-12)


@pytest.mark.parametrize("epochs", ["", ", epochs: 6"])
@pytest.mark.parametrize("kind", ["cosine", "linear"])
def test_a_falling_schedule_ends_with_the_training_whatever_its_warmup(
    kind: str, epochs: str
) -> None:
    experiment = built(
        f"schedule={{type: {kind}, warmup: 2{epochs}}}", "optimizer.lr=1", "training.epochs=6"
    )
    got = rates(experiment)
    assert got[:3] == pytest.approx([1 / 3, 2 / 3, 1])
    assert got[2:] == sorted(got[2:], reverse=True)
    assert 0 < got[-1] < 0.3  # 0 would be reached by the epoch after the last


def test_a_plateau_watches_its_metric() -> None:
    plateau = PLATEAU.build().trainer.plateau
    assert plateau is not None
    assert {name: getattr(plateau, name) for name in PLATEAU.expected} == PLATEAU.expected
    assert plateau.lr == 0.1


@pytest.mark.parametrize("row", MODELS, ids=repr)
def test_models(row: Row) -> None:
    experiment = built(f"model={row.written}")
    assert [repr(layer) for layer in experiment.network] == row.expected
    assert not parameters(experiment).any()  # init: zeros
    drawn = f"model={row.written.replace('zeros', 'uniform')}"
    assert parameters(built(drawn)).any()
    assert torch.equal(parameters(built(drawn, "seed=9")), parameters(built(drawn)))  # seed: 3


def test_an_image_is_flattened_for_an_mlp(tmp_path: Path) -> None:
    path = tmp_path / "images.npz"
    np.savez(path, input=np.zeros((20, 4, 3)), target=np.arange(20) % 2)
    network = built(f"data={{type: arrays, path: {path}}}").network
    assert [repr(layer) for layer in network][:2] == ["Flatten()", "Linear(12, 8)"]


@pytest.mark.parametrize("row", DATA, ids=repr)
def test_data(row: Row, tmp_path: Path) -> None:
    path = write_file(row.name, tmp_path)
    written = row.written.replace("PATH", str(path)).replace(": ;", ": ';'")
    changes = (f"data={written}", "training.epochs=1", "optimizer.lr=1e-6", *row.more)
    dropped = pytest.warns(MinidlWarning, match="leaves out 1 of 21 rows")
    with dropped if row.name == "csv" else contextlib.nullcontext():
        data = data_of(spec(*changes))
        experiment = built(*changes)
    *sizes, shape, outputs = row.expected
    assert list(map(len, data.parts.values())) == sizes
    assert data.input_shape == shape
    assert experiment.encoding.outputs == outputs
    assert all(epoch.finite for epoch in experiment.trainer)


@pytest.mark.parametrize("row", SPLITS, ids=repr)
def test_splits(row: Row, tmp_path: Path) -> None:
    lines = (f"{i},{'ab'[i % 2]},{'uvwxyz'[i // 2]},{13 - i:02}.01.2025" for i in range(12))
    (tmp_path / "t.csv").write_text("\n".join(["x,y,who,day", *lines]) + "\n")
    table = f"type: csv, path: {tmp_path / 't.csv'}, target: y, features: [x]"
    fractions = "test_fraction: 0.25, validation_fraction: 0.25"
    data = data_of(spec(f"data={{{table}, {fractions}, split: {row.written}}}"))
    validated, tested, rows = row.expected
    assert list(map(len, data.parts.values())) == [12 - validated - tested, validated, tested]
    assert rows is None or (data.test.inputs[:, 0].argsort() + 1).tolist() == rows


@pytest.mark.parametrize("row", NOISES, ids=repr)
def test_noises(row: Row) -> None:
    one = spec(f"data={{type: photo_patches, noise: {row.written}}}", *SMALL_DENOISER)
    spoiled = noisy_input(np.full((8, 3, 32, 32), 0.25), one.data.noise, np.random.default_rng(0))  # type: ignore[arg-type]
    assert spoiled.std() == pytest.approx(row.expected, rel=0.05)


@pytest.mark.parametrize("row", COLUMNS, ids=repr)
def test_columns(row: Row, tmp_path: Path) -> None:
    cells, inputs = row.expected
    lines = [f'"{cell}",{i}.5' for i, cell in enumerate(cells)]
    (tmp_path / "t.csv").write_text("\n".join(["x,y", *lines]) + "\n")
    path = tmp_path / "t.csv"
    data = f"path: {path}, test_path: {path}, target: y, columns: {{x: {row.written}}}"
    dataset = data_of(spec(f"data={{type: csv, {data}}}"))
    assert dataset.feature_names == tuple(inputs)
    assert dataset.train.inputs[0] == pytest.approx(list(inputs.values()), abs=1e-12)


def write_file(kind: str, folder: Path) -> Path:
    """20 samples (and a row to be dropped) for the kinds of data that come from files."""
    if kind == "csv":
        path = folder / "table.csv"
        lines = [f"{i},5;{'xyz'[i % 3]};{'no' if i % 2 else 'yes'};unused" for i in range(20)]
        path.write_text("\n".join(["a;b;c;d", *lines, ";x;no;unused"]) + "\n")
        return path
    path = folder / "arrays.npz"
    rng = np.random.default_rng(0)
    np.savez(path, input=rng.normal(size=(20, 3)), target=np.arange(20.0))
    return path


@pytest.mark.parametrize("row", TRAINING, ids=repr)
def test_training(row: Row) -> None:
    holds: Callable[[Any], bool] = row.expected
    assert holds(built(f"training.{row.name}={row.options}").trainer)
    assert not holds(built().trainer)


@pytest.mark.parametrize(
    ("overrides", "form", "outputs"),
    [
        (["loss=mse"], "column", 1),
        (["loss=mse", "model.outputs=2"], "one_hot", 2),
        (["loss=bce", "model.output_activation=sigmoid"], "column", 1),
        (["loss=bce_with_logits"], "column", 1),
        (["loss=cross_entropy"], "index", 2),
        (["loss=mse", "data=iris"], "one_hot", 3),
        (["loss=cross_entropy", "data=iris"], "index", 3),
        (["loss=mse", "data=noisy_sine"], "values", 1),
        (["loss=mae", "data=noisy_sine"], "values", 1),
        (["loss={huber: 0.1}", "data=diabetes"], "values", 1),
    ],
)
def test_labels_become_what_the_loss_needs(overrides: list[str], form: str, outputs: int) -> None:
    experiment = built(*overrides)
    targets, labels = (
        getattr(experiment.trainer.parts["train"], name) for name in ("targets", "labels")
    )
    encoding = experiment.encoding
    assert (encoding.form, encoding.outputs) == (form, outputs)
    if form == "column":
        assert torch.equal(targets, labels.unsqueeze(1).float())
        at = 0.0 if "loss=bce_with_logits" in overrides else 0.5
        assert encoding.decision() == {"kind": "threshold", "at": at}
    elif form == "one_hot":
        assert torch.equal(targets, torch.eye(outputs)[labels])
        assert encoding.decision() == {"kind": "argmax"}
    elif form == "index":
        assert targets.dtype == torch.int64
        assert torch.equal(targets, labels)
        assert encoding.decision() == {"kind": "argmax"}
    else:
        assert targets.shape[1] == outputs
        assert encoding.decision() is None


def test_float64_reaches_data_weights_and_loss() -> None:
    experiment = built("training.dtype=float64")
    (epoch, *_) = list(experiment.trainer)
    part = experiment.trainer.parts["test"]
    assert part.inputs.dtype == part.targets.dtype == parameters(experiment).dtype == torch.float64
    assert epoch.metrics["test_loss"] != float(torch.tensor(epoch.metrics["test_loss"]).float())
    raw = torch.from_numpy(data_of(spec("training.dtype=float64")).test.inputs)
    assert distance(part.inputs, raw) == 0
