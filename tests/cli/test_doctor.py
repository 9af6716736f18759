"""minidl doctor: what there is, and what to do about what is missing."""

from __future__ import annotations

import json
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import typer
from minidl_cli import findings as module
from minidl_cli.doctor import doctor
from minidl_cli.findings import EXTRAS, Finding
from minidl_cli.options import Format

from minidl.errors import CompilerError


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def found(name: str) -> list[Finding]:
    return [one for one in module.findings(Path("runs")) if one.name == name]


def test_it_prints_a_line_for_each_thing_and_leaves_nothing_behind(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    doctor()
    lines = capsys.readouterr().out.splitlines()
    names = [line.split()[1] for line in lines if "→" not in line]
    assert names[:2] == ["minidl", "packages"]
    assert {"compiler", "threads", "GPU", "runs", "cache"} < set(names)
    assert f"runs can be made in {tmp_path}" in "\n".join(lines)
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_in_json_it_has_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    doctor(Format.json)
    rows = json.loads(capsys.readouterr().out)
    assert {"name", "status", "found", "advice"} == set(rows[0])
    assert rows[0]["name"] == "minidl"


def test_without_a_compiler_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "false")
    (one,) = found("compiler")
    assert (one.status, one.found) == ("note", "CC=false is none that works")
    assert "unset CC" in one.advice
    assert 'pip install "minidl[compiler]"' in one.advice
    assert not found("lanes")


def test_a_compiler_that_fails_is_told_with_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise CompilerError("cc failed with status 1")

    monkeypatch.setattr("minidl.engine.compiler.compile", fails)
    (one,) = found("compiler")
    assert one.status == "note"
    assert "cc failed with status 1" in one.found


def test_what_minidl_cannot_work_with_is_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MINIDL_RUNS_DIR", "/proc/runs")
    with pytest.raises(typer.Exit) as caught:
        doctor()
    assert caught.value.exit_code == 1
    lines = capsys.readouterr().out.splitlines()
    (place,) = [index for index, line in enumerate(lines) if line.startswith("problem")]
    assert "/proc: can't be written" in lines[place]
    assert "name another folder with MINIDL_RUNS_DIR" in lines[place + 1]


def test_a_package_that_is_missing_or_too_old_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(package: str) -> str:
        if package == "jinja2":
            raise metadata.PackageNotFoundError
        return "2.9" if package == "torch" else "1000"

    monkeypatch.setattr(metadata, "version", version)
    good, bad = found("packages")
    assert "numpy 1000" in good.found
    assert bad.status == "problem"
    assert bad.found == "wanted: torch>=2.10 (2.9), jinja2>=3.1 (not installed)"
    assert not found("compiler")  # which would import torch


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_that_is_missing_says_what_it_is_for(
    extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_version", lambda package: None)
    (one,) = found(f"minidl[{extra}]")
    assert one.status == "note"
    assert EXTRAS[extra] in one.advice


def test_every_extra_for_users_is_spoken_of() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert {*project["optional-dependencies"]} - {"dev", "docs", "benchmarks"} <= {*EXTRAS}
