"""minidl check: the shipped configs, models of every form, kinks, formats and mistakes."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from minidl_cli.check import check as command
from minidl_cli.main import main
from minidl_cli.options import TABLE_FORMATS, Format
from torch import Tensor
from trainings import minidl

from minidl import nn
from minidl.engine import elementwise
from minidl.engine.compiler import find_compiler
from minidl.errors import CheckError, ConfigError, DataError
from minidl.spec import load_spec, parse_spec
from minidl.verify import AUTOGRAD, DIFFERENCES, Row, check, raise_if_off
from minidl.verify.compare import Gradient, Subject, compare
from minidl.verify.sheet import notes_of

ROOT = Path(__file__).parents[2]
LONG = ("denoise", "denoise_adam", "shapes")  # whose layers other configs have too
CONFIGS = [
    pytest.param(path, marks=[pytest.mark.slow] if path.stem in LONG else [], id=path.stem)
    for path in sorted((ROOT / "configs").glob("*.yaml"))
]


@pytest.mark.parametrize("config", CONFIGS)
def test_all_gradients_of_a_shipped_config_are_right(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minidl.verify.compare.ENTRIES", 12)  # the command takes 200
    found = check(load_spec(config), samples=3)
    assert not found.problems()
    compared = [row for row in found.rows if row.differences is not None]
    assert len(compared) == len(found.rows)
    assert all(row.sampled == min(row.entries - row.redrawn, 12) or row.redrawn for row in compared)
    assert not any(row.reason for row in found.compiled) or not find_compiler()


MLP = """
data: disk
model:
  type: mlp
  hidden: [5, 4]
  activation: [tanh, {type: leaky_relu, negative_slope: 0.2}]
  output_activation: sigmoid
  dropout: 0.3
loss: {type: bce, reduction: batchmean}
"""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("terminal", [True, False])
def test_on_a_terminal_the_command_shows_which_layer_it_checks(
    terminal: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "c.yaml").write_text(MLP)
    stderr = Terminal() if terminal else io.StringIO()

    def slowly(subject: Subject, *rest: Any) -> list[Row]:
        time.sleep(0.1)  # the line is drawn some ten times a second
        return compare(subject, *rest)

    monkeypatch.setattr(sys.modules[check.__module__], "compare", slowly)
    finished = minidl("check", tmp_path / "c.yaml", stderr=stderr)
    assert finished.code == 0
    assert ("checking model.hidden[1] (linear)" in finished.err) == terminal
    assert ("checking model (mlp)" in finished.err) == terminal
    assert terminal or finished.err == ""
    assert "checking" not in finished.out


def test_an_mlps_layers_are_found_in_its_config() -> None:
    found = check(parse_spec(MLP), compiled=False)
    assert not found.problems()
    inputs = [row for row in found.rows if row.quantity == "input" and row.mode == "train"]
    assert [(row.key, row.layer, row.name) for row in inputs] == [
        ("model.hidden[0]", "linear", "fc_1"),
        ("model.activation[0]", "tanh", "act_1"),
        ("model.dropout", "dropout", "dropout_1"),
        ("model.hidden[1]", "linear", "fc_2"),
        ("model.activation[1]", "leaky_relu", "act_2"),
        ("model.dropout", "dropout", "dropout_2"),
        ("model.outputs", "linear", "fc_3"),
        ("model.output_activation", "sigmoid", "act_3"),
        ("model", "mlp", ""),
    ]


NESTED = """
data: {type: digits, images: true}
model:
  type: sequential
  layers:
    - {type: conv2d, out_channels: 3, padding: same, bias: false}
    - residual:
        - batch_norm
        - relu
        - {type: conv2d, out_channels: 3, padding: same, name: inner}
        - {dropout: 0.2}
    - {type: conv_transpose2d, out_channels: 2, kernel_size: 3, stride: 2, output_padding: 1}
    - {type: upsample, size: 6}
    - {type: max_pool2d, kernel_size: 2, stride: 1}
    - global_avg_pool2d
    - linear
    - softmax
loss: {type: mse, reduction: sum}
"""


def test_layers_inside_a_residual_are_checked_by_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("minidl.verify.compare.ENTRIES", 40)
    found = check(parse_spec(NESTED), samples=3)
    assert not found.problems()
    places = {row.key: row.name for row in found.rows}
    assert places["model.layers[1]"] == "res_1"
    assert places["model.layers[1].layers[2]"] == "inner"
    modes = {(row.layer, row.mode) for row in found.rows}
    assert {(kind, "eval") for kind in ("batch_norm", "dropout")} <= modes


@pytest.mark.parametrize(
    "init", ["zeros", "{type: constant, value: 0.5}", "{type: normal, std: 30}"]
)
def test_any_initial_weights_do(init: str) -> None:
    text = f"data: iris\nmodel: {{type: mlp, hidden: [6], activation: tanh, init: {init}}}\n"
    assert not check(parse_spec(text), compiled=False).problems()


def test_the_seed_draws_samples_and_entries() -> None:
    spec = parse_spec("data: iris\nmodel: {type: mlp, hidden: [30]}\nloss: cross_entropy\n")
    first, again, other = (check(spec, seed=seed, compiled=False).rows for seed in (1, 1, 2))
    assert first == again != other


# Kinks.


def rows_of_relu(x: Tensor, wrong: float = 0.0) -> Row:
    """Of ReLU and its gradient, with something added to it."""
    ones, slope = torch.ones_like(x), (x > 0).double()
    gradient = Gradient(x, slope + wrong, slope)
    subject = Subject(
        "k", "relu", "act", "train", lambda: x.clamp(min=0), ones, {"input": gradient},
        lambda: [x > 0],
    )  # fmt: skip
    return compare(subject, torch.Generator().manual_seed(0))[0]


def test_entries_at_a_kink_are_drawn_again_and_counted() -> None:
    x = torch.linspace(-1, 1, 500, dtype=torch.float64)
    x[100:300] = 1e-9
    row = rows_of_relu(x)
    assert row.ok
    assert row.sampled == 200
    assert 0 < row.redrawn <= 200
    assert not rows_of_relu(x, wrong=1e-6).ok


def test_where_all_entries_are_at_a_kink_autograd_alone_decides() -> None:
    row = rows_of_relu(torch.zeros(7, dtype=torch.float64))
    assert (row.differences, row.sampled, row.redrawn, row.ok) == (None, 0, 7, True)


def test_no_number_is_off() -> None:
    row = rows_of_relu(torch.ones(3, dtype=torch.float64), wrong=float("nan"))
    assert not row.ok


ON_IMAGES = """
data: {type: digits, images: true}
model: {type: sequential, layers: [LAYERS, flatten, linear]}
loss: cross_entropy
"""


def test_ties_of_a_maximum_are_redrawn() -> None:
    found = check(parse_spec(ON_IMAGES.replace("LAYERS", "relu, max_pool2d")), compiled=False)
    assert not found.problems()
    pool = next(row for row in found.rows if row.layer == "max_pool2d")
    assert pool.redrawn > 0  # where ReLU gave 0 for all of a window


# The command.


def run(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["minidl", *arguments])
    monkeypatch.setattr("minidl_cli.main._hear_signals", lambda handler: None)
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


IRIS = str(ROOT / "configs" / "iris.yaml")


def test_the_command_ends_with_0_and_shows_every_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("check", IRIS, "--samples", "3", monkeypatch=monkeypatch) == 0
    out = capsys.readouterr().out
    assert "iris: all gradients are right" in out
    assert out.count(" ok\n") == (14 if find_compiler() else 10)
    for tolerance in (DIFFERENCES, AUTOGRAD):
        assert f"{tolerance:.0e}" in out


def test_the_command_ends_with_3_and_names_the_layer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(nn.Tanh, "backward", lambda self, grad: grad)
    assert run("check", IRIS, monkeypatch=monkeypatch) == 3
    out, err = capsys.readouterr()
    assert re.search(r"iris: \d+ gradients? of \d+ off", out)
    assert "off\n" in out
    assert "iris.yaml:7:" in err
    assert "model.activation: tanh (act_1): the gradient of its input is off" in err


def test_every_format_holds_the_same(tmp_path: Path) -> None:
    texts = {}
    for format in TABLE_FORMATS:
        command(Path(IRIS), format=format, output=tmp_path / format, samples=3, seed=0)
        texts[format] = (tmp_path / format).read_text(encoding="utf-8")
    rows = json.loads(texts[Format.json])["tables"][0]["rows"]
    lines = list(csv.DictReader(texts[Format.csv].splitlines()))
    assert [row["key"] for row in rows] == [row["key"] for row in lines]
    for row, line in zip(rows, lines, strict=True):
        assert (row["autograd"] is None) == (row["mode"] == "compiled")
        assert row["autograd"] == (float(line["autograd"]) if line["autograd"] else None)
    assert all(row["ok"] for row in rows)
    assert texts[Format.md].count("| ok |") == len(rows)
    assert texts[Format.latex].count(r"& ok \\") == len(rows)


def test_of_a_sweep_each_kind_of_network_is_checked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "sweep.yaml"
    grid = "{model.activation: [tanh, relu], optimizer.lr: [0.1, 0.2], training.batch_size: [5, 9]}"
    config.write_text(f"data: iris\nmodel: {{type: mlp, hidden: [3]}}\nsweep: {{grid: {grid}}}\n")
    module = sys.modules["minidl.verify.check"]
    monkeypatch.setattr(module, "compare_compiled", lambda *given: [])
    monkeypatch.setattr(nn.Tanh, "backward", lambda self, grad: grad)
    with pytest.raises(CheckError, match=r"tanh .* is off.* \(in the run activation=tanh,lr=0.1"):
        command(config, output=tmp_path / "t.csv", samples=3, seed=0)
    rows = list(csv.DictReader((tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()))
    assert [run.split(",")[0] for run in dict.fromkeys(row["run"] for row in rows)] == [
        "activation=tanh",
        "activation=relu",
    ]


@pytest.mark.parametrize("seed", range(4))
def test_what_rounding_leaves_of_a_single_number_is_no_mistake(seed: int) -> None:
    text = (
        "data: {type: noisy_sine, train: 50, test: 30}\n"
        "model: {type: sequential, layers: [layer_norm, {linear: 4}, tanh, linear]}\n"
    )
    found = check(parse_spec(text), seed=seed, compiled=False)
    assert [row.quantity for row in found.rows if not row.ok] == []


def test_mistakes_are_config_and_data_errors(tmp_path: Path) -> None:
    kernel = "{type: conv2d, out_channels: 2, kernel_size: 9}"
    with pytest.raises(ConfigError, match=r"model\.layers\[0\].*is larger than the 8×8 input"):
        check(parse_spec(ON_IMAGES.replace("LAYERS", kernel)))
    with pytest.raises(DataError, match="nowhere"):
        check(parse_spec("data: {type: csv, path: nowhere.csv, target: a}\nmodel: mlp\n"))


def test_outputs_that_are_not_finite_are_said_to_be() -> None:
    text = "data: iris\nmodel: {type: mlp, hidden: [4], init: {type: constant, value: 1.0e+308}}\n"
    with pytest.raises(ConfigError, match=r"its output isn't finite on the config's data"):
        check(parse_spec(text))


# Compiled code.

needs_compiler = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")
SMALL = """
data: iris
model: {type: mlp, hidden: [6], activation: tanh, dropout: 0.2}
loss: cross_entropy
optimizer: adam
training: {batch_size: 10}
"""


@needs_compiler
def test_the_compiled_step_is_compared_alone_and_in_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIDL_LANES", "4")
    found = check(parse_spec(SMALL)).compiled
    codes = [
        f"{dtype}, {code}" for dtype in ("float32", "float64") for code in ("single", "4 lanes")
    ]
    assert [row.code for row in found] == codes
    assert [row.tolerance for row in found] == [1e-4, 1e-4, 1e-12, 1e-12]
    assert all(row.ok and (row.error or 0.0) < row.tolerance / 20 for row in found)


@needs_compiler
@pytest.mark.parametrize(
    ("operation", "wrong"),
    [
        ("mul", "{0} * {1} * splat(1.0001f)"),
        ("sub", "{1} - {0}"),
        ("tanh", "{0}"),
        ("exp", "max(exp({0}), splat(0.5f))"),
        ("sqrt", "{0}"),
    ],
)
def test_wrong_code_is_told(operation: str, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(elementwise._REAL, operation, wrong)
    found = check(parse_spec(SMALL))
    assert len(found.compiled) == 4
    assert not any(row.ok for row in found.compiled)
    assert all(row.ok for row in found.rows)
    messages = [str(problem) for problem in found.problems()]
    assert len(messages) == 4
    assert notes_of([found])[-1] == "config: all gradients are right; compiled code differs"
    assert "mlp: its compiled step (float32, single) differs from the plain one: by " in messages[0]
    with pytest.raises(CheckError):
        raise_if_off([found])


@needs_compiler
def test_a_gradient_that_is_wrong_in_both_isnt_blamed_on_the_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(nn.Tanh, "backward", lambda self, grad: -grad)
    found = check(parse_spec(SMALL))
    assert all(row.ok for row in found.compiled)
    assert [problem.key for problem in found.problems()] == ["model.activation"]


def test_where_nothing_is_compiled_the_reason_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CC", str(tmp_path / "none"))
    assert run("check", IRIS, "--samples", "3", monkeypatch=monkeypatch) == 0
    out = capsys.readouterr().out
    assert out.count(" not compiled\n") == 4
    assert "no C compiler found" in out
