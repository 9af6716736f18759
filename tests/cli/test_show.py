"""minidl show: a config in full, and where each value is from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from minidl_cli.show import Language, show_config

from minidl.errors import ConfigError
from minidl.spec import load_spec, load_sweep

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "configs").rglob("*.yaml"))


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("base.yaml").write_text(
        "name: base\ndata: {type: csv, path: a.csv, target: y}\n"
        "model:\n  type: sequential\n  layers: [{linear: 8}, relu]\n"
        "training: {epochs: 7, early_stopping: {patience: 5}}\n"
        "optimizer: sgd\n"
    )
    Path("c.yaml").write_text("base: base.yaml\noptimizer: {lr: 0.3}\n")


def shown(capsys: pytest.CaptureFixture[str], *arguments: object, **options: object) -> str:
    show_config(*arguments, **options)  # type: ignore[arg-type]
    return capsys.readouterr().out


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_what_is_shown_is_the_same_config(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("again.yaml").write_text(shown(capsys, config))
    if "\nsweep:" in config.read_text():
        members = [[one.name for one in load_sweep(c).members] for c in (config, "again.yaml")]
        assert members[0] == members[1]
    else:
        assert load_spec("again.yaml") == load_spec(config)


def test_each_value_says_where_it_is_from(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, Path("c.yaml"), ["training.epochs=3", "model.layers[0].out_features=4"])
    sources = dict(line.strip().split("  # ") for line in text.splitlines() if "#" in line)
    sources = {line.strip().removeprefix("- "): source for line, source in sources.items()}
    assert sources["name: c"] == "the file's name"
    assert sources["lr: 0.3"] == "c.yaml:2"
    assert sources["target: y"] == "base.yaml:2"
    assert sources["out_features: 4"] == sources["epochs: 3"] == "command line"
    assert sources["patience: 5"] == "base.yaml:6"
    assert sources["metric: test_loss"] == sources["seed: 0"] == "default"
    assert "    - type: linear" in text


def test_plain_and_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert "#" not in shown(capsys, Path("c.yaml"), plain=True)
    found = json.loads(shown(capsys, Path("c.yaml"), format=Language.json))
    assert found["config"]["model"]["layers"][1]["type"] == "relu"
    assert found["sources"]["model.layers[1].type"] == "base.yaml:5"
    assert (
        json.loads(shown(capsys, Path("c.yaml"), format=Language.json, plain=True))
        == found["config"]
    )


def test_a_sweep_shows_its_block_with_what_the_command_line_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("s.yaml").write_text(
        "base: c.yaml\ndata: iris\nmodel: mlp\n"
        "sweep: {grid: {optimizer.lr: [0.1, 0.2], seed: [1, 2]}, repeats: 2}\n"
    )
    text = shown(capsys, Path("s.yaml"), ["optimizer.lr=1,2,3", "seed=9"])
    assert [" ".join(line.split()) for line in text.splitlines()][-4:] == [
        "sweep:",
        "grid:",
        "optimizer.lr: [1, 2, 3] # command line",
        "repeats: 2 # s.yaml:4",
    ]
    assert "seed: 9                                 # command line" in text


def test_texts_of_any_kind_are_read_as_they_were(capsys: pytest.CaptureFixture[str]) -> None:
    odd = ["1e3", "yes", "a\nb", "# no comment", "x: y", "", "η", "'", "- a", "[", "null"]
    names = json.dumps(
        {"data": {"type": "csv", "path": "a.csv", "target": "y", "drop": odd}, "model": "mlp"}
    )
    Path("odd.yaml").write_text(names)
    Path("again.yaml").write_text(
        "name: odd\n" + shown(capsys, Path("odd.yaml")).partition("\n")[2]
    )
    assert load_spec("again.yaml") == load_spec("odd.yaml")


def test_what_is_wrong_is_said_instead(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match=r"command line: optimizer\.lr: expected a number > 0"):
        show_config(Path("c.yaml"), ["optimizer.lr=-1"])
    assert capsys.readouterr().out == ""
