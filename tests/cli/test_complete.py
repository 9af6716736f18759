"""What a shell completes after a Tab."""

from __future__ import annotations

from pathlib import Path

import pytest
from minidl_cli.app import app
from typer.testing import CliRunner

from minidl.store.run_folder import RunFolder

CONFIG = "data: iris\nmodel: {mlp: [8]}\nloss: cross_entropy\noptimizer: {type: sgd, lr: 0.25}\n"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("configs/more").mkdir(parents=True)
    for name in ("configs/iris.yaml", "configs/iris.csv", "configs/more/deep.yml", "top.yaml"):
        Path(name).write_text(CONFIG)
    for name in ("first", "second", "s/one"):
        folder, _, own = f"runs/{name}".rpartition("/")
        RunFolder.create(folder, stem="s", config_text="", name=own)
    Path("runs/s/sweep.yaml").touch()
    Path("runs/.trash/old").mkdir(parents=True)


def completed(shell: str, variables: dict[str, str]) -> list[str]:
    given = {"_MINIDL_COMPLETE": f"complete_{shell}", **variables}
    return CliRunner().invoke(app, env=given, prog_name="minidl").stdout.split()


def bash(*words: str) -> list[str]:
    """As bash asks: the last word is completed."""
    position = str(len(words))
    return completed("bash", {"COMP_WORDS": " ".join(["minidl", *words]), "COMP_CWORD": position})


def test_configs_and_the_folders_on_the_way() -> None:
    assert bash("train", "") == ["configs/", "runs/", "top.yaml"]
    assert bash("train", "configs/i") == ["configs/iris.yaml"]
    assert bash("validate", "conf") == ["configs/iris.yaml", "configs/more/"]  # no other fits
    assert bash("show", "configs/m") == ["configs/more/deep.yml"]
    assert bash("train", "nowhere/") == []


def test_keys_are_those_of_the_config() -> None:
    keys = bash("train", "top.yaml", "optimizer.")
    assert {"optimizer.lr=", "optimizer.momentum="} <= set(keys)
    assert "optimizer.betas=" not in keys
    assert "optimizer.betas=[0.9,0.999]" in bash(
        "train", "top.yaml", "optimizer=adam", "optimizer.b"
    )
    assert "data.test_fraction=" in bash("sweep", "top.yaml", "data.")


def test_values_are_those_that_the_key_takes_or_has() -> None:
    known = ["adam", "adamw", "adamax", "adagrad"]
    assert bash("train", "top.yaml", "optimizer", "=", "ad") == known
    assert bash("train", "top.yaml", "training", "=", "1", "optimizer.nesterov", "=", "") == [
        "true",
        "false",
    ]
    assert bash("train", "top.yaml", "optimizer.lr", "=", "") == ["0.25"]
    assert bash("train", "top.yaml", "training.dt") == [
        "training.dtype=float32",
        "training.dtype=float64",
    ]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_shells_that_keep_words_whole_get_whole_words(shell: str) -> None:
    words = "minidl train top.yaml optimizer=ada"
    variables = {"_TYPER_COMPLETE_ARGS": words, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    text = "\n".join(completed(shell, variables))
    assert all(f"optimizer={name}" in text for name in ("adam", "adamw", "adagrad"))
    assert "sgd" not in text


def test_runs_go_by_name_and_by_path() -> None:
    assert bash("predict", "f") == ["first"]
    assert bash("report", "") == ["first", "s", "second", "configs/", "runs/"]
    assert bash("tag", "first", "s/") == ["s/one"]
    assert bash("rm", "runs/") == ["runs/first", "runs/s", "runs/second"]
    assert set(bash("explain", "to") + bash("explain", "fi")) == {"top.yaml", "first"}


def test_the_options_of_list() -> None:
    assert bash("list", "--where", "status=d") == ["status=done", "status=diverged"]
    assert bash("list", "--sort-by", "name,test_l") == ["name,test_loss"]
    assert "optimizer.lr" in bash("list", "--columns", "optimizer.")


@pytest.mark.parametrize("text", ["[", "data: [", "base: top.yaml\n" * 2, "model: nothing\n"])
def test_a_config_that_is_none_yet_stops_nothing(text: str) -> None:
    Path("top.yaml").write_text(text)
    assert "optimizer.lr=" in bash("train", "top.yaml", "optimizer.")
