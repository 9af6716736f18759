"""First weights from a run or a file: each layer's by its name, or one line that says why not."""

from __future__ import annotations

import hashlib
import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from trainings import SMALL, built, minidl, parameters, train

from minidl.build import Experiment
from minidl.errors import ConfigError, RunError
from minidl.reference import counterpart, state_of
from minidl.runs.execute import execute, resume
from minidl.runs.inference import TrainedRun
from minidl.spec import load_spec
from minidl.store.run_folder import RunFolder

pytestmark = pytest.mark.usefixtures("kept_programs")

# Names of PyTorch's own are other than ours where it needs a module more: conv_1.1.weight.
RESIDUAL = "{residual: [{type: conv2d, out_channels: 3, padding: same}, batch_norm, relu]}"
LAYERS = (
    "{type: conv2d, out_channels: 3, kernel_size: 2, padding: same}, {dropout: 0.1}, batch_norm, "
    f"{RESIDUAL}, flatten, {{type: linear, name: head}}"
)
IMAGES = ("data={type: shapes, train: 40, test: 20, size: 8}", "loss=cross_entropy")
CONVOLVED = (*IMAGES, f"model={{type: sequential, layers: [{LAYERS}]}}")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A run whose weights and running averages are far from those that are drawn."""
    assert train(tmp_path, *CONVOLVED, "seed=5", options=("--name", "source")).code == 0
    return tmp_path / "runs" / "source"


def state(experiment: Experiment) -> dict[str, torch.Tensor]:
    return counterpart(experiment.network).state_dict()


def test_tensors_are_called_as_in_the_exported_state_dict() -> None:
    network = built(*CONVOLVED).network
    ours, theirs = state_of(network), counterpart(network).state_dict()
    assert set(ours) == {name for name in theirs if "num_batches" not in name}
    assert "res_1.inner.norm_1.running_mean" in ours
    for name, values in ours.items():
        assert torch.equal(values, theirs[name]), name


@pytest.mark.parametrize("kind", ["run", "torch", "safetensors"])
def test_a_run_and_its_exports_give_the_same_weights(kind: str, source: Path) -> None:
    path = source
    if kind != "run":
        path = source.parent / {"torch": "net.pt", "safetensors": "net.safetensors"}[kind]
        assert minidl("export", source, "--format", kind, "-o", path).code == 0
    got = state(built(*CONVOLVED, f"model.init={{from: {path}}}"))
    wanted = counterpart(TrainedRun.load(source).network).state_dict()
    drawn = state(built(*CONVOLVED))
    assert not torch.equal(got["head.weight"], drawn["head.weight"])
    for name in set(wanted) - {name for name in wanted if "num_batches" in name}:
        assert torch.equal(got[name], wanted[name]), name


def test_new_layers_are_drawn_as_they_would_be_without_a_source(source: Path) -> None:
    init = f"model.init={{type: from, path: {source}, new: [head, res_1], new_init: he}}"
    got, drawn = state(built(*CONVOLVED, init)), state(built(*CONVOLVED, "model.init=he"))
    taken = counterpart(TrainedRun.load(source).network).state_dict()
    for name in ("head.weight", "res_1.inner.conv_1.weight", "res_1.inner.norm_1.running_mean"):
        assert torch.equal(got[name], drawn[name]), name
    assert torch.equal(got["conv_1.1.weight"], taken["conv_1.1.weight"])


def test_weights_become_those_of_the_dtype(source: Path) -> None:
    got = state(built(*CONVOLVED, f"model.init={{from: {source}}}", "training.dtype=float64"))
    assert got["head.weight"].dtype == torch.float64
    taken = TrainedRun.load(source).network["head"].parameters()[0].data
    assert torch.equal(got["head.weight"], taken.double())


def test_it_trains_from_there_and_resumes_to_the_bit(tmp_path: Path) -> None:
    train(tmp_path, options=("--name", "first"))
    config = tmp_path / "tuned.yaml"
    more = "model: {type: mlp, hidden: [8], init: {from: runs/first}, freeze: [fc_1]}"
    config.write_text(SMALL.replace("model: {type: mlp, hidden: [8]}", more))
    spec = load_spec(config, ["training.checkpoint_every=1", "device=cpu"])
    whole = execute(spec, runs_dir=tmp_path / "runs", name="whole").run

    def stop(row: dict[str, float | None]) -> None:
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(spec, runs_dir=tmp_path / "runs", name="part", observers=[stop])  # type: ignore[list-item]
    first_run = tmp_path / "runs" / "first"
    first_run.rename(tmp_path / "away")  # all that the run needs is in its checkpoint
    resumed = resume(tmp_path / "runs" / "part").run
    last, other = whole.trainer.weights(), resumed.trainer.weights()
    assert torch.equal(last["parameters"], other["parameters"])
    first = TrainedRun.load(tmp_path / "away").network
    tuned = TrainedRun.load(tmp_path / "runs" / "part").network
    for layer, same in {"fc_1": True, "fc_2": False}.items():
        weights = (network[layer].parameters()[0].data for network in (first, tuned))
        assert torch.equal(*weights) is same, layer


def test_the_record_says_which_weights_and_another_file_is_refused(tmp_path: Path) -> None:
    train(tmp_path, options=("--name", "first"))
    first = tmp_path / "runs" / "first"
    run = train(tmp_path, f"model.init={{from: {first}}}", options=("--name", "second")).run
    assert "path: ../first\n" in run.config_path.read_text()
    weights = (first / "checkpoints" / "last.safetensors").read_bytes()
    assert f"sha256: {hashlib.sha256(weights).hexdigest()}" in run.config_path.read_text()
    train(tmp_path, "seed=9", options=("--name", "first", "--overwrite"))
    again = minidl("train", run.config_path, "--runs-dir", tmp_path / "runs", "--name", "third")
    assert again.code == 2
    assert f"{run.config_path}:" in again.err
    assert "isn't what the config means: its SHA-256 differs" in again.err


def test_a_tuned_run_predicts_when_its_source_is_gone(tmp_path: Path) -> None:
    train(tmp_path, options=("--name", "first"))
    first = tmp_path / "runs" / "first"
    run = train(tmp_path, f"model.init={{from: {first}}}", options=("--name", "second")).run
    first.rename(tmp_path / "elsewhere")
    assert TrainedRun.load(run.path).network is not None
    with pytest.raises(ConfigError, match="no such"):
        built(f"model.init={{from: {first}}}")


def test_weights_of_a_run_that_has_not_ended_are_not_taken(tmp_path: Path) -> None:
    def stop(row: dict[str, float | None]) -> None:
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    (tmp_path / "small.yaml").write_text(SMALL)
    each = load_spec(tmp_path / "small.yaml", ["training.checkpoint_every=1", "device=cpu"])
    with pytest.raises(KeyboardInterrupt):
        execute(each, runs_dir=tmp_path, name="part", observers=[stop])  # type: ignore[list-item]
    part = tmp_path / "part"
    resumed = f"`minidl resume {part}`"
    with pytest.raises(ConfigError, match=f"it hasn't ended .*: wait, or {resumed}"):
        built(f"model.init={{from: {part}}}")


def test_a_config_and_its_source_move_together(tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    train(here, options=("--name", "first"))
    run = train(here, f"model.init={{from: {here / 'runs' / 'first'}}}").run
    moved = RunFolder.open(here.rename(tmp_path / "there") / "runs" / run.path.name)
    init = load_spec(moved.config_path).model.init
    assert init.path == tmp_path / "there" / "runs" / "first"


class Trap:
    """What a pickle can do when it is opened."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.path,)

    def __init__(self, path: str) -> None:
        self.path = path


def test_a_pickle_that_poses_as_weights_is_not_opened(tmp_path: Path) -> None:
    trap = {"fc_1.weight": Trap(str(tmp_path / "sprung"))}
    torch.save(trap, tmp_path / "a.pt")
    (tmp_path / "b.pt").write_bytes(pickle.dumps(trap))
    for name in ("a.pt", "b.pt"):
        with pytest.raises(ConfigError) as raised:
            built(f"model.init={{from: {tmp_path / name}}}")
        assert "holds Python objects beside tensors, and isn't opened" in str(raised.value)
        assert len(str(raised.value).splitlines()) == 1
    assert not (tmp_path / "sprung").exists()


FIRST = {"fc_1.weight": torch.ones(8, 2), "fc_1.bias": torch.ones(8)}
WHOLE = {**FIRST, "fc_2.weight": torch.ones(1, 8), "fc_2.bias": torch.ones(1)}


@pytest.mark.parametrize(
    ("tensors", "changes", "problem"),
    [
        (
            {**WHOLE, "fc_1.weight": torch.ones(9, 2)},
            "",
            "model.init: {}: the layer fc_1 doesn't fit: fc_1.weight is 9×2 there, but 8×2 here; "
            "model.init.new: [fc_1] draws it anew",
        ),
        (
            FIRST,
            "",
            "model.init: {}: has no fc_2.weight for the layer fc_2 (it has fc_1.bias, fc_1.weight)",
        ),
        (
            {**WHOLE, "fc_2.bias": torch.tensor([torch.nan])},
            "",
            "model.init: {}: fc_2.bias has numbers that aren't finite in float32",
        ),
        (
            {**WHOLE, "fc_2.bias": torch.tensor([1e300], dtype=torch.float64)},
            "",
            "model.init: {}: fc_2.bias has numbers that aren't finite in float32",
        ),
        ({}, "", "model.init.path: {}: isn't a state_dict of real numbers: it has no tensors"),
        ({"a": torch.ones(2, dtype=torch.int64)}, "", "it has tensors of int64 alone"),
        ({"a": torch.ones(2, dtype=torch.complex64)}, "", "it has tensors of complex64 alone"),
        ({"parameters": torch.ones(3)}, "", "is a checkpoint of minidl: name its run's folder"),
        (WHOLE, "new: [fc_9]", "model.init.new[0]: the network has no layer 'fc_9'"),
        (WHOLE, "new: [fc_1, fc_2]", "model.init.new: names every layer: nothing is taken"),
        (WHOLE, f"sha256: {'0' * 64}", "model.init.path: {}: isn't what the config means"),
    ],
)
def test_what_does_not_fit_is_one_line_with_its_place(
    tensors: dict[str, torch.Tensor], changes: str, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "w.safetensors"
    save_file(tensors, path)
    with pytest.raises(ConfigError) as raised:
        built(f"model.init={{type: from, path: {path}, {changes}}}")
    assert problem.format(path) in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_a_state_dict_within_another_file_is_named(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "model": WHOLE}, tmp_path / "w.pt")
    with pytest.raises(ConfigError, match="it has one inside, as 'model': save that alone"):
        built(f"model.init={{from: {tmp_path / 'w.pt'}}}")


def test_of_a_sweep_a_run_is_to_be_named(tmp_path: Path) -> None:
    (tmp_path / "swept" / "seed=1").mkdir(parents=True)
    (tmp_path / "swept" / "sweep.yaml").touch()
    with pytest.raises(ConfigError, match="is a sweep, not a run: it has no runs yet"):
        built(f"model.init={{from: {tmp_path / 'swept'}}}")
    (tmp_path / "swept" / "seed=1" / "config.yaml").touch()
    with pytest.raises(ConfigError, match=r"name one of its runs, such as .*/swept/seed=1"):
        built(f"model.init={{from: {tmp_path / 'swept'}}}")


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("w.txt", b"?", "expected a run's folder, a .safetensors or a .pt file"),
        ("w.pt", b"PK\3\4?", "isn't a file of weights that PyTorch saved"),
        ("w.safetensors", b"?", "isn't a safetensors file"),
        ("w.pt", b"", "is empty"),
        ("v.pt", None, "there is no such file"),
        ("", None, "not a run folder"),
    ],
)
def test_what_is_no_weights_is_one_line(
    name: str, content: bytes | None, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as raised:
        built(f"model.init={{from: {path}}}")
    assert problem in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_only_the_models_init_takes_weights(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected an init"):
        built("model={sequential: [{type: linear, init: {from: x.pt}}]}")


def test_a_sweep_tries_sources_and_says_before_it_trains_which_does_not_fit(
    tmp_path: Path,
) -> None:
    for name, rows in {"good": 8, "other": 8, "bad": 9}.items():
        tensors = {**WHOLE, "fc_1.weight": torch.full((rows, 2), float(len(name)))}
        save_file(tensors, tmp_path / f"{name}.safetensors")
    config = tmp_path / "small.yaml"
    grid = "sweep: {{grid: {{model.init: [{}]}}}}\n"
    runs = ("--runs-dir", tmp_path / "runs")
    config.write_text(SMALL + grid.format("{from: good.safetensors}, {from: bad.safetensors}"))
    refused = minidl("sweep", config, *runs)
    assert refused.code == 2
    assert "fc_1.weight is 9×2 there, but 8×2 here" in refused.err
    assert not (tmp_path / "runs").exists()
    config.write_text(SMALL + grid.format("{from: good.safetensors}, {from: other.safetensors}"))
    assert minidl("sweep", config, *runs).code == 0
    save_file(WHOLE, tmp_path / "good.safetensors")
    assert "has changed since the sweep" in minidl("sweep", config, *runs).err


def test_a_missing_run_is_named(tmp_path: Path) -> None:
    train(tmp_path, options=("--name", "first"))
    (tmp_path / "runs/first/checkpoints/last.safetensors").unlink()
    with pytest.raises(ConfigError, match="has no trained weights"):
        built(f"model.init={{from: {tmp_path / 'runs/first'}}}")
    with pytest.raises(RunError, match="has no trained weights"):
        TrainedRun.load(tmp_path / "runs/first")
    assert parameters(built()).any()
