"""What README says, works: its configs load, its Python and its commands run as they stand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from minidl.spec import load_spec, parse_spec

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like a user's checkout, as far as README's commands need it."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "configs", folder / "configs")
    return folder


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euc", script],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("text", blocks("yaml"))
def test_configs_load(text: str) -> None:
    parse_spec(text)


def test_the_config_shown_is_the_one_that_make_run_trains() -> None:
    assert parse_spec(blocks("yaml")[0]) == load_spec(ROOT / "configs" / "relu_mse_sgd.yaml")


def test_python_runs_and_its_network_learns(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    for text in blocks("python"):
        exec(compile(text, "README.md", "exec"), names)
    assert names["value"] < 0.1
    assert "fc_1: Linear(2, 25)" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.timeout(600)  # a dozen processes that import torch, on a busy machine
def test_commands_run_in_the_order_in_which_they_stand(checkout: Path) -> None:
    for language, text in re.findall(r"^```(sh|diff)\n(.*?)^```", README, re.DOTALL | re.MULTILINE):
        if language == "diff":
            edit(checkout / "apples.yaml", text)
        else:
            done = run(text, checkout)
            assert done.returncode == 0, f"{text}{done.stdout}{done.stderr}"
    predicted = (checkout / "predictions.csv").read_text().splitlines()
    assert predicted[0] in README
    assert len(predicted) == len((checkout / "configs/data/apples.csv").read_text().splitlines())


def edit(file: Path, diff: str) -> None:
    """Do by program what README asks its reader to do by hand."""
    lines = diff.splitlines()
    old = "\n".join(line[1:] for line in lines if line.startswith("-"))
    new = "\n".join(line[1:] for line in lines if line.startswith("+"))
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


@pytest.mark.parametrize("text", blocks("console"))
def test_messages_are_what_is_shown(text: str, checkout: Path) -> None:
    command, expected = text.removeprefix("$ ").split("\n", 1)
    done = run(command, checkout)
    assert done.stdout + done.stderr == expected


def test_every_command_shown_exists() -> None:
    from minidl_cli.app import app

    shown = set(re.findall(r"`minidl ([a-z]+)", README))
    assert shown <= {command.name for command in app.registered_commands}


def test_links_lead_somewhere_and_the_picture_is_small() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / target).is_file(), target
    assert (ROOT / "docs/images/decision_boundary.png").stat().st_size <= 150_000
