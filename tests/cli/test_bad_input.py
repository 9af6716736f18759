"""Whatever a user gives: one clear message with its place, exit code 2, and nothing written."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from trainings import SMALL, minidl

TABLE = "a,b,label\n1,2,yes\n3,4,no\n5,6,yes\n7,8,no\n2,1,yes\n4,3,no\n"
CSV = "data: {type: csv, path: t.csv, target: label}\nmodel: mlp\nloss: cross_entropy\n"


def small(line: str, replaced: str = "") -> str:
    """The small config with a line more, or one in place of another."""
    if not replaced:
        return f"{SMALL}{line}\n"
    assert replaced in SMALL
    return SMALL.replace(replaced, line)


# name → config and what its message must hold; files lie beside the config.
CONFIGS: dict[str, tuple[str, str]] = {
    "unknown key": (
        small("optimiser: adam"),
        r"c.yaml:5:1: optimiser: unknown key; .*; did you mean 'optimizer'\?",
    ),
    "unknown option": (
        small("type: sgd, learning_rate: 0.1", "type: sgd, lr: 0.1"),
        r"c.yaml:3:24: optimizer.learning_rate: unknown key; .*; did you mean 'lr'\?",
    ),
    "unknown component": (
        small("type: sdg", "type: sgd"),
        r"c.yaml:3:19: optimizer.type: expected an optimizer .*'sdg'; did you mean 'sgd'\?",
    ),
    "text for a number": (
        small("lr: fast", "lr: 0.1"),
        r"c.yaml:3:28: optimizer.lr: expected a number > 0, but got the text 'fast'",
    ),
    "number for a list": (
        small("hidden: 8", "hidden: [8]"),
        r"c.yaml:2:28: model.hidden: expected a list of integers ≥ 1 and ≤ 100000, but got 8",
    ),
    "fraction of an epoch": (
        small("epochs: 2.5", "epochs: 3"),
        r"c.yaml:4:20: training.epochs: expected an integer ≥ 1, but got 2.5",
    ),
    "negative rate": (
        small("lr: -1", "lr: 0.1"),
        r"c.yaml:3:28: optimizer.lr: expected a number > 0, but got -1",
    ),
    "no batch": (
        small("batch_size: 0", "batch_size: 16"),
        r"c.yaml:4:35: training.batch_size: expected an integer ≥ 1, but got 0",
    ),
    "everything dropped": (
        small("hidden: [8], dropout: 1.0", "hidden: [8]"),
        r"c.yaml:2:42: model.dropout: expected a number ≥ 0 and < 1, but got 1.0",
    ),
    "a layer that drops everything": (
        small("type: sequential, layers: [{dropout: 1.0}, linear]", "type: mlp, hidden: [8]"),
        r"c.yaml:2:46: model.layers\[0\].p: expected a number ≥ 0 and < 1, but got 1.0",
    ),
    "negative dampening": (
        small("momentum: 0.9, dampening: -0.5, lr: 0.1", "lr: 0.1"),
        r"c.yaml:3:50: optimizer.dampening: expected a number ≥ 0 and ≤ 1, but got -0.5",
    ),
    "infinite rate": (
        small("lr: .inf", "lr: 0.1"),
        r"c.yaml:3:28: optimizer.lr: expected a number > 0, but got .inf",
    ),
    "a key twice": (
        small("seed: 1\nseed: 2"),
        r"c.yaml:6:1: the key 'seed' is given twice \(first in line 5\)",
    ),
    "not YAML": (small("seed: ["), r"c.yaml:\d+:\d+: "),
    "an empty file": ("", r"c.yaml:.*is empty; `minidl new` writes a config to start from"),
    "a list": ("- a\n- b\n", r"c.yaml:1:1: expected a mapping of keys .*, but got a list of 2"),
    "no data": ("model: mlp\n", r"c.yaml:1:1: data: "),
    "three classes with bce": (
        "data: iris\nmodel: mlp\nloss: bce_with_logits\n",
        r"c.yaml:3:7: loss: bce_with_logits needs 2 classes, but the data has 3 \(.*\): use cross",
    ),
    "classes of a number": (
        "data: diabetes\nmodel: mlp\nloss: cross_entropy\n",
        r"c.yaml:3:7: loss: cross_entropy needs classes, but the target is a number: use mse",
    ),
    "a missing table": (CSV.replace("t.csv", "absent.csv"), r"absent.csv: there is no such file"),
    "a table nearly named": (
        CSV.replace("t.csv", "tt.csv"),
        r"tt.csv: there is no such file; did you mean 't.csv'\?",
    ),
    "a folder as a table": (CSV.replace("t.csv", "folder"), r"folder: is a folder; name a file"),
    "an empty table": (CSV.replace("t.csv", "empty.csv"), r"empty.csv: is empty"),
    "a header alone": (CSV.replace("t.csv", "header.csv"), r"header.csv: holds a header, but no"),
    "a stray text": (
        CSV.replace("t.csv", "text.csv"),
        r"text.csv: row 3, column 'a': .*'many'",
    ),
    "a missing value": (
        CSV.replace("t.csv", "gap.csv"),
        r"gap.csv: row 4, column 'b': missing value \(set `missing: drop` or `mean`\)",
    ),
    "NaN": (CSV.replace("t.csv", "nan.csv"), r"nan.csv: row 4, column 'b': missing value"),
    "infinity": (CSV.replace("t.csv", "inf.csv"), r"inf.csv: row 4, column 'b': "),
    "a wrong target": (
        CSV.replace("label", "lable"),
        r"t.csv: no column 'lable'; .*; did you mean 'label'\?",
    ),
    "not a table": (
        CSV.replace("t.csv", "blob.csv"),
        r"blob.csv: line 1: holds a NUL byte; .* \(data.path: .*c.yaml:1:25\)",
    ),
    "pixels with NaN": (
        "data: {type: arrays, path: nan.npz}\nmodel: mlp\nloss: cross_entropy\n",
        r"nan.npz: ",
    ),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Good and bad files beside the config."""
    lines = TABLE.splitlines()
    files = {
        "t.csv": TABLE,
        "empty.csv": "",
        "header.csv": lines[0] + "\n",
        "text.csv": TABLE.replace("3,4,no", "many,4,no"),
        "gap.csv": TABLE.replace("5,6,yes", "5,,yes"),
        "nan.csv": TABLE.replace("5,6,yes", "5,nan,yes"),
        "inf.csv": TABLE.replace("5,6,yes", "5,inf,yes"),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "danish.yaml").write_text("")
    (tmp_path / "blob.csv").write_bytes(b"\x89PNG\xff\xfe\x00")
    (tmp_path / "folder").mkdir()
    inputs = np.ones((20, 3))
    inputs[4, 1] = np.nan
    np.savez(tmp_path / "nan.npz", input=inputs, target=np.arange(20) % 2)
    return tmp_path


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("command", ["train", "validate"])
def test_a_bad_config_or_file_is_said_in_one_line(command: str, name: str, folder: Path) -> None:
    text, message = CONFIGS[name]
    config = folder / "c.yaml"
    config.write_text(text)
    before = sorted(folder.rglob("*"))
    options = ["--runs-dir", folder / "runs"] if command == "train" else ["--data"]
    finished = minidl(command, config, *options)
    assert (finished.code, finished.out) == (2, ""), finished.err
    (line,) = finished.err.splitlines()
    assert line.startswith("minidl: ")
    assert re.search(message, line), line
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("name", ["NoSuchOption", "BadParameter"])
def test_an_error_of_another_typer_stays_as_it_is(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import typer
    from minidl_cli.group import Group
    from typer.core import TyperGroup

    error = type(name, (Exception if name == "NoSuchOption" else typer.BadParameter,), {})("other")
    error.message = None

    def fails(*given: object) -> None:
        raise error

    monkeypatch.setattr(TyperGroup, "invoke", fails)
    with pytest.raises(type(error)) as caught:
        Group().invoke(None)
    assert caught.value is error


def test_train_leaves_a_sweep_to_its_own_command(folder: Path) -> None:
    config = folder / "c.yaml"
    config.write_text(small("sweep: {grid: {seed: [1, 2]}}"))
    finished = minidl("train", config, "--runs-dir", folder / "runs")
    assert (finished.code, finished.out) == (2, "")
    assert "c.yaml:5:1: sweep: describes many runs, but" in finished.err
    assert "use `minidl sweep CONFIG`" in finished.err


def test_all_problems_of_a_config_are_said_at_once(folder: Path) -> None:
    config = folder / "c.yaml"
    config.write_text(small("lr: -1", "lr: 0.1").replace("[8]", "[0]") + "sed: 1\n")
    finished = minidl("train", config, "training.epochs=0")
    assert finished.code == 2
    places = [line.split(": ")[1] for line in finished.err.splitlines()]
    assert places == [f"{config}:2:29", f"{config}:3:28", f"{config}:5:1", "command line"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "absent.yaml", r"absent.yaml: .*no such file"),
        (lambda folder: folder / "nosuch.yaml", r"nosuch.yaml: no such file$"),
        (lambda folder: folder / "bolb.csv", r"bolb.csv: no such file; did you mean '.*blob.csv'"),
        (lambda folder: Path("optimizer.lr=1"), r"no such file; the config comes first, then KEY"),
        (lambda folder: folder / "folder", r"folder: is a directory$"),
        (lambda folder: folder / "blob.csv", r"blob.csv.*: .*UTF-8"),
        (lambda folder: Path("/dev/null"), r"/dev/null: "),
    ],
)
@pytest.mark.parametrize("command", ["train", "validate"])
def test_what_is_no_config(
    command: str, make: Callable[[Path], Path], message: str, folder: Path
) -> None:
    finished = minidl(command, make(folder))
    assert (finished.code, finished.out) == (2, "")
    (line,) = finished.err.splitlines()
    assert re.search(message, line), line


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optimizer.lr", "expected key=value"),
        ("=3", "expected key=value"),
        ("optimizer.rate=1", "optimizer.rate: unknown key"),
        ("optimizer.lr=0.1,0.2", "a comma makes a list of runs in `minidl sweep` only"),
        ("model.hidden[7]=3", "model.hidden[7]: there is no item [7]: the last is [0]"),
        ("optimizer.lr=", "expected a number > 0, but got nothing"),
        ("model.hidden=[3", "command line"),
        ("seed=-1", "expected an integer ≥ 0, but got -1"),
    ],
)
def test_a_bad_override_names_the_command_line(override: str, message: str, folder: Path) -> None:
    config = folder / "c.yaml"
    config.write_text(SMALL)
    finished = minidl("train", config, override, "--runs-dir", folder / "runs")
    assert (finished.code, finished.out) == (2, "")
    (line,) = finished.err.splitlines()
    assert "command line" in line
    assert message in line
    assert not (folder / "runs").exists()


def test_a_number_in_any_spelling_is_a_number(folder: Path) -> None:
    config = folder / "c.yaml"
    for number in ("1e-3", "1E-3", "1.e-3", "+.001", "0.001", "1e-03"):
        config.write_text(small(f"lr: {number}", "lr: 0.1"))
        assert minidl("validate", config).code == 0, number


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["train"], ["train", "c.yaml", "--nonsense"], ["predict", "a"]]
)
def test_wrong_usage_points_to_the_help(arguments: list[str]) -> None:
    finished = minidl(*arguments)
    assert (finished.code, finished.out) == (2, "")
    assert "Usage: " in finished.err
    assert "Traceback" not in finished.err


@pytest.mark.parametrize(
    "arguments", [["new", "a.yaml", "--data", "cvs"], ["report", "--format", "cvs"]]
)
def test_a_choice_that_there_is_not_is_guessed(arguments: list[str]) -> None:
    finished = minidl(*arguments)
    assert (finished.code, finished.out) == (2, "")
    assert "; did you mean 'csv'?" in " ".join(finished.err.split())
    assert "Value error" not in finished.err


@pytest.mark.parametrize(
    ("given", "override"),
    [
        (["train", "c.yaml", "--epochs", "5"], "training.epochs=5"),
        (["train", "c.yaml", "--lr=0.1"], "optimizer.lr=0.1"),
        (["sweep", "c.yaml", "--batch-size", "5,50"], "training.batch_size=5,50"),
        (["check", "--optimizer", "adam", "c.yaml"], "optimizer=adam"),
        (["bench", "c.yaml", "--seed"], "seed=VALUE"),
        (["validate", "c.yaml", "--hidden", "[8, 8]"], "'model.hidden=[8, 8]'"),
    ],
)
def test_a_key_that_is_no_option_is_shown_as_an_override(given: list[str], override: str) -> None:
    finished = minidl(*given)
    assert (finished.code, finished.out) == (2, "")
    said = " ".join(finished.err.split())
    assert said.endswith(f"; it is a key of the config, so write {override}")


@pytest.mark.parametrize("given", [["list", "--lr", "1"], ["train", "c.yaml", "--nonsense"]])
def test_where_no_key_is_meant_none_is_shown(given: list[str]) -> None:
    assert "key of the config" not in minidl(*given).err


def test_validate_reads_data_only_when_asked(folder: Path) -> None:
    config = folder / "c.yaml"
    config.write_text(CSV.replace("t.csv", "absent.csv"))
    assert minidl("validate", config).out == f"{config}: ok\n"
    finished = minidl("validate", config, "--data")
    assert finished.code == 2
    assert "absent.csv: there is no such file" in finished.err
    config.write_text(CSV)
    shown = minidl("validate", config, "--data").out
    assert shown.endswith(f"{config}: ok\n")
    assert shown.startswith("2 classes, 2 inputs, ")
    config.write_text(CSV.replace("t.csv", "gap.csv, missing: drop"))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        said = minidl("validate", config, "--data").err
    assert said.endswith("gap.csv: `missing: drop` leaves out 1 of 6 rows\n")


def test_hostile_text_reaches_the_terminal_without_control_characters(folder: Path) -> None:
    config = folder / "c.yaml"
    config.write_text(small('"\\e[31mred\\e]0;title\\a": 1'))
    for path in (config, folder / "\x1b[31mred\x07.yaml"):
        finished = minidl("train", path)
        assert finished.code == 2
        assert "red" in finished.err
        assert not {"\x1b", "\x07"} & set(finished.err)
