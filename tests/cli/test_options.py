"""Options that the environment can give: the command line goes before it."""

from __future__ import annotations

from pathlib import Path

import pytest
from minidl_cli.app import app
from minidl_cli.options import RUNS, in_runs, with_device
from typer.main import get_command
from typer.testing import CliRunner

from minidl.errors import RunError
from minidl.store.run_folder import RunFolder
from minidl.store.run_record import RunRecord


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("runs", "elsewhere"):
        run = RunFolder.create(folder, stem="s", config_text="", name=f"in-{folder}")
        run.write_record(RunRecord(status="done"))


def listed(*options: str) -> str:
    result = CliRunner().invoke(app, ["list", "--columns=name", *options])
    assert result.exit_code == 0
    return result.stdout.split()[1]


def test_the_folder_of_runs_is_the_option_s_or_the_environment_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert listed() == "in-runs"
    monkeypatch.setenv("MINIDL_RUNS_DIR", "elsewhere")
    assert listed() == "in-elsewhere"
    assert listed("--runs-dir", "runs") == "in-runs"
    assert in_runs(Path("in-elsewhere")) == Path("elsewhere/in-elsewhere")
    monkeypatch.setenv("MINIDL_RUNS_DIR", "")
    assert in_runs(Path("in-runs")) == RUNS / "in-runs"


def test_where_there_are_no_runs_yet_the_folder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIDL_RUNS_DIR", "new")
    result = CliRunner().invoke(app, ["list"])
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no runs in new yet" in result.stderr
    with pytest.raises(RunError, match="new: no such folder: `minidl train CONFIG` makes"):
        CliRunner().invoke(app, ["report"], catch_exceptions=False)


@pytest.mark.parametrize(
    ("variable", "value"), [("MINIDL_JOBS", "0"), ("MINIDL_JOBS", "many"), ("MINIDL_QUIET", "so")]
)
def test_a_value_that_cannot_be_names_the_variable(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    result = CliRunner().invoke(app, ["sweep", "c.yaml"])
    assert result.exit_code == 2
    assert f"(env var: '{variable}')" in " ".join(result.stderr.split())


def test_every_option_of_a_kind_has_the_same_variable() -> None:
    variables = {
        (option.name, option.envvar)
        for command in get_command(app).commands.values()  # type: ignore[attr-defined]
        for option in command.params
        if option.name in ("runs_dir", "jobs", "quiet", "device")
    }
    assert len(variables) == 4
    assert all(variable == f"MINIDL_{name.upper()}" for name, variable in variables)


def test_a_device_among_the_overrides_goes_over_the_environment_s() -> None:
    from minidl.spec import load_spec

    given = {"data": "disk", "model": "mlp"}
    assert load_spec(given, with_device(["device=cuda"], "cpu")).device == "cuda"
    assert load_spec(given, with_device(None, "cpu")).device == "cpu"
