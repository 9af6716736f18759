"""What every test starts from."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

if TYPE_CHECKING:
    from minidl.store.run_folder import RunFolder
    from minidl.train.programs import Programs


def pytest_configure(config: pytest.Config) -> None:
    """Eight lanes on every machine, as they decide which members of a sweep train side by side.

    And hear signals: a background job inherits ignored ones, and minidl leaves those ignored.
    """
    os.environ.setdefault("MINIDL_LANES", "8")
    # No example fails for being slow on a busy machine.
    hypothesis.settings.register_profile("minidl", deadline=None)
    hypothesis.settings.load_profile("minidl")
    signals: dict[str, Any] = {"SIGINT": signal.default_int_handler, "SIGHUP": signal.SIG_DFL}
    for name, handler in signals.items():
        one = getattr(signal, name, None)
        if one is not None and signal.getsignal(one) is signal.SIG_IGN:
            signal.signal(one, handler)


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without a C compiler; see `plainly` in trainings.py."""
    monkeypatch.setattr("minidl.engine.choose.find_compiler", lambda: None)


@pytest.fixture(scope="session", autouse=True)
def draw_run() -> Iterator[Callable[[RunFolder], list[Path]]]:
    """Nothing is drawn after a training, which takes a hundred times as long as a small one."""
    from minidl.report.figures import plots

    drawing = plots.draw_run
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "draw_run", lambda folder: [])
        yield drawing


@pytest.fixture
def plots(draw_run: Callable[[RunFolder], list[Path]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Asks for a run's plots to be drawn all the same."""
    monkeypatch.setattr("minidl.report.figures.plots.draw_run", draw_run)


@pytest.fixture(scope="module")
def programs_of_a_file() -> dict[str, Programs]:
    """What `kept_programs` keeps."""
    return {}


@pytest.fixture
def kept_programs(programs_of_a_file: dict[str, Programs]) -> Iterator[None]:
    """Each kind is traced, compiled and verified once for all tests of a file that ask for this."""
    from kept_programs import keep_programs

    with keep_programs(programs_of_a_file):
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that may take long come first: at the end, one would leave the other cores idle."""

    def limit(item: pytest.Item) -> int:
        own = item.get_closest_marker("timeout")
        return int(own.args[0]) if own else 0

    items.sort(key=limit, reverse=True)
