"""How a command that was disturbed ends: what is promised of each end."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crash.helpers import run_of, without_clock
from crash.server import Ended

IN_USE = r"minidl: {folder}: is in use by process (\d+) on \S+ since \d{{4}}-\S+ \S+"
PROMISED = 5.0  # seconds from a signal to the end
STOPPED_EARLY = r"(minidl: stopped by SIG[A-Z]+\n)?"


def assert_one_line(ended: Ended, *files: Any) -> None:
    """One message that names one of the files or what lies in it, and no traceback."""
    (line,) = ended.err.splitlines()
    assert any(is_about(line, file) for file in files), line


def is_about(line: str, file: Any) -> bool:
    """A message that names the file or what lies in it."""
    return line.startswith("minidl: ") and str(file) in line


def assert_failed(ended: Ended, operation: str, folder: Path, kind: str) -> None:
    """It failed as promised at that operation, or not at all where only tidying up did.

    A sweep reads a limit that need not be there.
    """
    if not ended.code:
        assert kind == "sweep" or operation in ("unlink .run.lock", "_unlock")
    else:
        assert ended.code == 1, ended
        assert "Traceback" not in ended.err
        if kind == "run":
            assert ended.out == ""
            assert_one_line(ended, folder)
        else:  # one line, or one for each reason that members failed for
            assert ended.err
            assert all(is_about(line, folder) for line in ended.err.splitlines()), ended.err


def assert_one_winner(raced: Sequence[Ended], folder: Path, too_late: str) -> int:
    """One of several processes did the work; returns how many of the others saw it at work."""
    (winner,) = [one for one in raced if one.code == 0]
    losers = [one for one in raced if one is not winner]
    for loser in losers:
        assert (loser.code, loser.out) == (2, "")
        assert too_late in loser.err or is_held(loser.err, folder, raced), loser.err
    return sum("is in use" in loser.err for loser in losers)


def is_held(err: str, folder: Path, racing: Sequence[Ended]) -> bool:
    """By the winner, or by one that finds it too late; its name may not be written yet."""
    unnamed = f"minidl: {run_of(folder).path}: is in use by another process"
    return err.startswith(unnamed) or any(is_in_use(err, folder, one.pid) for one in racing)


def is_in_use(err: str, folder: Path, holder: int) -> bool:
    found = re.match(IN_USE.format(folder=run_of(folder).path), err)
    return found is not None and int(found[1]) == holder


def assert_in_good_order(ended: Ended, folder: Path, number: int) -> None:
    """It stopped within seconds and says how to go on, or had reached its end before."""
    run = run_of(folder)
    assert ended.seconds < 4 * PROMISED  # other tests may take the cores
    assert "Traceback" not in ended.err
    if ended.code == 0:
        assert run.status == "done"
        return
    assert ended.code == 128 + number, ended
    if not run.path.exists():
        assert re.fullmatch(STOPPED_EARLY, ended.err)
    elif run.status != "done":
        assert run.status == "interrupted"
        assert run.read_record().reason == f"by {signal.Signals(number).name}"
        assert f"minidl resume {run.path}" in ended.err
        assert ended.out == f"{run.path}\n"
        assert run.load_checkpoint("last")[1]["finished"] == run.read_record().epochs
        assert len(without_clock(run)[1:]) == run.read_record().epochs


def assert_stopped_soon(ended: Ended, before: Sequence[str], every: int = 1) -> None:
    """No epoch was begun after the signal, which came after these operations.

    There is a checkpoint every so many epochs.
    """
    checkpoints = before[:-1].count("replace last.safetensors")
    assert len(ended.epochs) <= every * (checkpoints + 1)
