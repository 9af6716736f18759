"""What every test starts from."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

if TYPE_CHECKING:
    from minidl.train.lanes import Programs


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


@pytest.fixture
def no_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes a hundred times as long as a small training."""
    monkeypatch.setattr("minidl.report.figures.plots.draw_run", lambda folder: [])


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
