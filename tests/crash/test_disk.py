"""A disk that fails costs one line: it names the file, and what lay there before stays."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from crash.helpers import (
    KINDS,
    assert_one_line,
    assert_same,
    command,
    copy,
    go_on,
    killed,
    run_of,
    runs_of,
    whole,
)
from crash.server import TIMES, Ended, Server

from minidl.restart import Restart

pytestmark = [pytest.mark.torture, pytest.mark.timeout(240 * TIMES)]

ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES)
# Each operation fails in one of these ways, the next one in the next; `make torture` tries all.
WAYS = [(error, lasting) for error in ERRORS for lasting in (False, True)]


def failures(kind: str, ended: Ended) -> list[tuple[int, int, bool]]:
    """Which operation fails, with which error, and whether all that follow do too."""
    numbers = range(1, len(ended.operations) + 1)
    if TIMES > 1:
        return [(number, *way) for number in numbers for way in WAYS]
    step = 5 if kind == "sweep" else 1  # a sweep has many
    return [(number, *WAYS[place % len(WAYS)]) for place, number in enumerate(numbers[::step])]


def assert_failed(ended: Ended, folder: Path, kind: str) -> None:
    """It failed as promised, or not at all where only tidying up did."""
    if ended.code:
        assert ended.code == 1, ended
        assert "Traceback" not in ended.err
        if kind == "run":
            assert ended.out == ""
            assert_one_line(ended, folder)
        else:  # members that failed have their reasons, each in a line
            assert str(folder) in ended.err or "error.txt" in ended.err or not ended.err
    for run in runs_of(folder):
        assert Restart.find(run).damage == ()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_behind_stdout(kind: str, server: Server, tmp_path: Path) -> None:
    """All results are there; the folder's name is what could not be printed."""
    undisturbed, _ = whole(server, tmp_path / "whole", kind=kind)
    folder = tmp_path / "full"
    folder.mkdir()
    ended = server.run(*command(folder, kind=kind), stdout="/dev/full")
    assert ended.code == 1
    assert ended.err == "minidl: standard output: No space left on device\n"
    assert_same(run_of(folder), undisturbed)


@pytest.mark.parametrize("kind", KINDS)
def test_each_operation_fails_once(kind: str, server: Server, tmp_path: Path) -> None:
    undisturbed, ended = whole(server, tmp_path / "whole", kind=kind)
    codes = []
    for number, error, lasting in failures(kind, ended):
        folder = tmp_path / f"{number}-{error}-{lasting}"
        folder.mkdir()
        arguments = command(folder, kind=kind)
        failed = server.run(*arguments, fail_at=number, errno=error, lasting=lasting)
        assert_failed(failed, folder, kind)
        codes.append(failed.code)
        if number % 3 == 0 or TIMES > 1:
            go_on(server, folder, arguments)
            assert_same(run_of(folder), undisturbed)
    assert sum(codes) > 0.8 * len(codes)


@pytest.mark.parametrize("kind", KINDS)
def test_each_operation_fails_once_after_it_was_resumed(
    kind: str, server: Server, tmp_path: Path
) -> None:
    undisturbed, ended = whole(server, tmp_path / "whole", kind=kind)
    killed(server, tmp_path / "first", len(ended.operations) * 7 // 10, kind=kind)
    again = copy(tmp_path / "first", tmp_path / "again")
    ended = server.run("resume", run_of(again).path)
    for number, error, lasting in failures(kind, ended):
        folder = copy(tmp_path / "first", tmp_path / f"{number}-{error}-{lasting}")
        arguments = ["resume", run_of(folder).path, "--quiet"]
        failed = server.run(*arguments, fail_at=number, errno=error, lasting=lasting)
        assert_failed(failed, folder, kind)
        if number % 3 == 0 or TIMES > 1:
            go_on(server, folder, arguments)
            assert_same(run_of(folder), undisturbed)
