"""What README and the guides say works: configs load, Python and commands run as they stand."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from minidl.spec import load_report, load_spec, load_sweep, parse_spec

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
GUIDES = (
    *("install", "tutorial", "tables", "images", "sweeps", "fine_tuning", "decision", "metrics"),
    *("checking", "configs", "python", "seeing"),
)
DOCUMENTS = {"README": README, **{g: (ROOT / f"docs/{g}.md").read_text() for g in GUIDES}}


def blocks(language: str, text: str = "".join(DOCUMENTS.values())) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder like a user's checkout, as far as the commands need it."""
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    return tmp_path


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
def test_configs_load(text: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "configs", tmp_path / "shared")
    file = tmp_path / "config.yaml"
    file.write_text(text)
    if "sweep:" in text:
        load_sweep(file)
        load_report(file)
    else:
        load_spec(file)


def test_the_config_shown_is_the_one_that_make_run_trains() -> None:
    assert parse_spec(blocks("yaml")[0]) == load_spec(ROOT / "configs" / "relu_mse_sgd.yaml")


def test_python_runs_and_its_network_learns(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(checkout)
    names: dict[str, Any] = {}
    for text in blocks("python"):
        exec(compile(text, "README.md", "exec"), names)
    assert names["value"] < 0.1
    assert "fc_1: Linear(2, 25)" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.timeout(600)  # a dozen processes that import torch, on a busy machine
@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_run_in_the_order_in_which_they_stand(name: str, checkout: Path) -> None:
    text = DOCUMENTS[name]
    for language, block in re.findall(r"^```(sh|diff)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        if language == "diff":
            edit(checkout / "apples.yaml", block)
        else:
            done = run(block, checkout)
            assert done.returncode == 0, f"{block}{done.stdout}{done.stderr}"
    if name == "tables":
        predicted = (checkout / "predictions.csv").read_text().splitlines()
        assert f"\n{predicted[0]}\n" in text
        apples = (checkout / "configs/data/apples.csv").read_text().splitlines()
        assert len(predicted) == len(apples)
        assert "\n".join(apples[:3]) in text


def edit(file: Path, diff: str) -> None:
    """Do by program what the guide asks its reader to do by hand."""
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


def test_what_is_generated_is_what_is_committed() -> None:
    for path, text in runpy.run_path(str(ROOT / "docs/generate.py"))["generated"]().items():
        assert path.read_text() == text, f"{path.name}: run `make docs`"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_command_shown_exists(name: str) -> None:
    from minidl_cli.app import app

    shown = set(re.findall(r"`minidl ([a-z]+)", DOCUMENTS[name]))
    assert shown <= {command.name for command in app.registered_commands}


def test_readme_is_short_and_its_picture_small() -> None:
    assert len(README.splitlines()) <= 150
    assert (ROOT / "docs/images/decision_boundary.png").stat().st_size <= 150_000


@pytest.mark.parametrize(
    "file", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda f: f.stem
)
def test_links_lead_somewhere(file: Path) -> None:
    for target in re.findall(r"\]\((?!https:)([^)]+)\)", file.read_text()):
        path, _, heading = target.partition("#")
        linked = file.parent / path
        assert linked.is_file(), target
        if heading:
            assert re.search(rf"^#+ `?{heading}\b", linked.read_text(), re.MULTILINE), target
