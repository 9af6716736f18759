"""Ctrl-C, SIGTERM and SIGHUP end a run in good order, whenever they come; a second one at once."""

from __future__ import annotations

import itertools
import math
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from attempts import TIMES, Part, in_parts
from crash.ends import assert_in_good_order, assert_stopped_soon
from crash.helpers import (
    VARIATIONS,
    assert_same,
    command,
    go_on,
    run_of,
    whole,
)
from crash.server import Ended, Server, delays
from trainings import spec

from minidl.report.figures import plots
from minidl.runs.execute import execute, resume
from minidl.signals import SIGNALS
from minidl.store.run_folder import RunFolder
from minidl.train.stop import Stop

pytestmark = [pytest.mark.torture, pytest.mark.timeout(120 * TIMES)]

LONG = "training.epochs=200"


def loud(folder: Path, *overrides: str) -> list[object]:
    return [word for word in command(folder, *overrides) if word != "--quiet"]


@in_parts(6)
def test_a_signal_at_a_random_moment(part: Part, server: Server, tmp_path: Path) -> None:
    undisturbed, _ = whole(server, tmp_path / "whole", LONG)
    started = time.perf_counter()
    whole(server, tmp_path / "clock", LONG)
    duration = time.perf_counter() - started
    for number, delay in enumerate(delays(5 * TIMES, duration, seed=part.number)):
        folder, one = tmp_path / str(number), SIGNALS[number % len(SIGNALS)]
        folder.mkdir()
        ended = server.run(*loud(folder, LONG), signals=[one], after=delay)
        assert_in_good_order(ended, folder, one)
        go_on(server, folder, command(folder, LONG))
        assert_same(run_of(folder), undisturbed)


@in_parts(17)
@pytest.mark.parametrize("variation", list(VARIATIONS)[:TIMES])
def test_a_signal_at_each_operation_on_the_disk(
    variation: str, part: Part, server: Server, tmp_path: Path
) -> None:
    """In the midst of a checkpoint, of metrics, of the record, and of the first folder."""
    options = VARIATIONS[variation]
    undisturbed, ended = whole(server, tmp_path / "whole", *options)
    figures = ended.operations.index("replace loss.png")
    for number in part.of(range(1, len(ended.operations) + 1)):
        folder, one = tmp_path / str(number), SIGNALS[number % len(SIGNALS)]
        folder.mkdir()
        stopped = server.run(*loud(folder, *options), signals=[one], signal_at=number)
        assert_in_good_order(stopped, folder, one)
        assert stopped.code or number > figures + 1  # then nothing was left to stop
        assert_stopped_soon(stopped, ended.operations[:number], 2 if "second" in variation else 1)
        go_on(server, folder, command(folder, *options))
        assert_same(run_of(folder), undisturbed)


def test_a_second_signal_ends_it_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the midst of an epoch, however long the first one would wait for its end."""
    monkeypatch.setattr(Stop, "patience", math.inf)
    monkeypatch.setattr("minidl.train.lanes.CALL_SECONDS", 0.0)  # a step to a call
    asked, calls = Stop.too_late.fget, itertools.count(1)  # type: ignore[attr-defined]

    def too_late(stop: Stop) -> bool:
        if next(calls) in (5, 10):
            signal.raise_signal(signal.SIGTERM)
        return bool(asked(stop))

    monkeypatch.setattr(Stop, "too_late", property(too_late))
    long = spec("training.batch_size=1", "training.epochs=1")
    outcome = execute(long, runs_dir=tmp_path, name="run")
    assert outcome.exit_code == 143
    run = RunFolder(tmp_path / "run")
    assert (run.status, run.read_record().reason) == ("interrupted", "by SIGTERM")
    assert run.read_record().epochs == 0
    assert next(calls) == 11


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@in_parts(6)
@pytest.mark.parametrize("number", range(TIMES))
def test_a_signal_while_modules_are_imported(number: int, part: Part, tmp_path: Path) -> None:
    """From the moment on at which Python runs the first line of minidl."""
    one = SIGNALS[part.number % len(SIGNALS)]
    words = [str(word) for word in loud(tmp_path, "training.epochs=1000000")]
    process = subprocess.Popen(
        [sys.executable, "-m", "minidl_cli.main", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not catches(process.pid, signal.SIGTERM):
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(random.Random(number * part.count + part.number).uniform(0, 2))
    process.send_signal(one)
    started = time.monotonic()
    out, err = process.communicate(timeout=60)
    seconds = time.monotonic() - started
    assert_in_good_order(Ended(0, process.returncode, out, err, seconds), tmp_path, one)


def catches(pid: int, number: int) -> bool:
    found = re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text())
    return bool(found and int(found[1], 16) >> (number - 1) & 1)


def test_a_signal_while_a_report_is_written(server: Server, tmp_path: Path) -> None:
    """Beside the user's own files: it is whole or absent, with nothing else."""
    whole(server, tmp_path / "whole")
    report, out = ["report", run_of(tmp_path / "whole").path, "-o"], tmp_path / "out"
    out.mkdir()
    ended = server.run(*report, out / "t.md")
    written = (out / "t.md").read_bytes()
    for at in range(len(ended.operations) - 8, len(ended.operations) + 1):
        one = SIGNALS[at % len(SIGNALS)]
        (out / "t.md").unlink(missing_ok=True)
        stopped = server.run(*report, out / "t.md", signals=[one], signal_at=at)
        assert stopped.code == 128 + one
        assert [path.read_bytes() for path in out.iterdir()] in ([], [written])


# While figures are drawn.


@pytest.mark.parametrize("disguised", [False, True])
def test_a_signal_while_figures_are_drawn(
    disguised: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is interrupted, and resume draws them; an import may turn it into another error."""

    def draw(folder: RunFolder) -> list[Path]:
        assert folder.status == "running"
        try:
            signal.raise_signal(signal.SIGTERM)
        except BaseException as error:
            raise (ImportError("a module that failed") if disguised else error) from None
        return []

    with monkeypatch.context() as patch:
        patch.setattr(plots, "draw_run", draw)
        outcome = execute(spec(), runs_dir=tmp_path, name="run")
    assert outcome.exit_code == 143
    run = RunFolder(tmp_path / "run")
    assert (run.status, run.read_record().reason) == ("interrupted", "by SIGTERM")
    drawn: list[Any] = []
    monkeypatch.setattr(plots, "draw_run", drawn.append)
    assert resume(run.path).exit_code == 0
    assert len(drawn) == 1
    assert run.status == "done"


def test_a_signal_in_the_last_epoch_leaves_the_figures_to_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send(row: Any) -> None:
        if row["epoch"] == 3:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(plots, "draw_run", lambda folder: pytest.fail("drew"))
    outcome = execute(spec(), runs_dir=tmp_path, name="run", observers=[send])
    assert outcome.exit_code == 130
    assert RunFolder(tmp_path / "run").status == "interrupted"
