"""What `import minidl` offers."""

from __future__ import annotations

import doctest
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import minidl

NAMES = {
    *("MinidlClassifier", "MinidlRegressor", "Run", "__version__", "compile", "lanes", "load"),
    *("load_spec", "runs", "sweep", "train"),
}


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, check=True, timeout=60
    )


def test_these_are_the_public_names() -> None:
    assert {*minidl.__all__} == NAMES == {*dir(minidl)}
    for name in NAMES:
        assert getattr(minidl, name)
        assert name in (minidl.__doc__ or "")


def test_importing_minidl_loads_nothing_but_the_standard_library() -> None:
    before = "import sys, typing, types; before = {*sys.modules}; import minidl"
    loaded = run("-c", f"{before}; print(*{{*sys.modules}} - before)").stdout.split()
    assert loaded == ["minidl"]


def test_train_sweep_and_runs_are_functions_and_packages_in_any_order() -> None:
    code = (
        "import minidl.train, minidl; assert callable(minidl.train);"
        "from minidl import runs; import minidl.runs; assert callable(runs);"
        "assert callable(minidl.sweep); from minidl.sweep import __name__ as name;"
        "assert name == 'minidl.sweep'"
    )
    run("-c", code)
    assert "overrides" in inspect.signature(minidl.train).parameters


def test_python_m_minidl_is_the_command() -> None:
    assert run("-m", "minidl", "--version").stdout == f"minidl {minidl.__version__}\n"


def test_there_is_no_other_name() -> None:
    with pytest.raises(AttributeError, match="module 'minidl' has no attribute 'fit'"):
        minidl.fit  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "module",
    [
        *("minidl.api.run", "minidl.api.table", "minidl.api.training", "minidl.spec.parse"),
        *("minidl.estimators.classifier", "minidl.estimators.regressor", "minidl.estimators.pool"),
    ],
)
def test_the_examples_in_docstrings_are_true(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.import_module(module)
    examples = 0
    for number, test in enumerate(doctest.DocTestFinder(exclude_empty=True).find(found)):
        (tmp_path / str(number)).mkdir()  # each finds a folder without runs
        monkeypatch.chdir(tmp_path / str(number))
        assert not doctest.DocTestRunner().run(test).failed, test.name
        examples += len(test.examples)
    assert examples
