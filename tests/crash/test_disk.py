"""A disk that fails costs one line: what it names is the file, and what lay there before stays."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from crash.helpers import assert_one_line, assert_same, command, copy, go_on, killed, run_of, whole
from crash.server import TIMES, Ended, Server

from minidl.restart import Restart

pytestmark = [pytest.mark.torture, pytest.mark.timeout(240 * TIMES)]

ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES)
# Each operation fails in one of these ways, the next one in the next; `make torture` tries all.
WAYS = [(error, lasting) for error in ERRORS for lasting in (False, True)]


def ways(number: int) -> list[tuple[int, bool]]:
    return WAYS if TIMES > 1 else [WAYS[number % len(WAYS)]]


def assert_failed(ended: Ended, folder: Path) -> None:
    """It failed as promised, or not at all where only tidying up did."""
    if ended.code:
        assert ended.code == 1, ended
        assert ended.out == ""
        assert_one_line(ended, folder)
    if run_of(folder).path.exists():
        assert Restart.find(run_of(folder)).damage == ()


def test_each_operation_of_a_run_fails_once(server: Server, tmp_path: Path) -> None:
    undisturbed, ended = whole(server, tmp_path / "whole")
    failures = 0
    operations = len(ended.operations)
    for number in range(1, operations + 1):
        for error, lasting in ways(number):
            folder = tmp_path / f"{number}-{error}-{lasting}"
            folder.mkdir()
            arguments = command(folder)
            ended = server.run(*arguments, fail_at=number, errno=error, lasting=lasting)
            assert_failed(ended, folder)
            failures += ended.code != 0
            go_on(server, folder, arguments)
            assert_same(run_of(folder), undisturbed)
    assert failures > 0.8 * operations


def test_each_operation_of_a_resumed_run_fails_once(server: Server, tmp_path: Path) -> None:
    undisturbed, ended = whole(server, tmp_path / "whole")
    killed(server, tmp_path / "first", len(ended.operations) * 3 // 5)
    again = copy(tmp_path / "first", tmp_path / "again")
    ended = server.run("resume", run_of(again).path)
    for number in range(1, len(ended.operations) + 1):
        for error, lasting in ways(number):
            folder = copy(tmp_path / "first", tmp_path / f"{number}-{error}-{lasting}")
            arguments = ["resume", run_of(folder).path, "--quiet"]
            ended = server.run(*arguments, fail_at=number, errno=error, lasting=lasting)
            assert_failed(ended, folder)
            go_on(server, folder, arguments)
            assert_same(run_of(folder), undisturbed)
