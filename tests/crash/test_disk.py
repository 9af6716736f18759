"""A disk that fails costs one line: it names the file, and what lay there before stays."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from attempts import TIMES, Part, in_parts
from crash.ends import assert_failed
from crash.helpers import (
    KINDS,
    VARIATIONS,
    assert_same,
    command,
    copy,
    go_on,
    killed,
    results,
    run_of,
    whole,
)
from crash.server import Ended, Server

pytestmark = [pytest.mark.torture, pytest.mark.timeout(240 * TIMES)]

ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EDQUOT, errno.ESTALE)


def failures(part: Part, ended: Ended) -> list[tuple[int, int, bool]]:
    """Which operation fails, with which error, and whether all that follow do too, in turns."""
    numbers = part.of(range(1, len(ended.operations) + 1))
    return [
        (number, error, (number + place) % 2 == 0)
        for number in numbers
        for place, error in enumerate(ERRORS)
    ]


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


@in_parts(97, sample=6, every=12)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("variation", list(VARIATIONS)[:TIMES])
def test_each_operation_fails(
    variation: str, kind: str, part: Part, server: Server, tmp_path: Path
) -> None:
    options = VARIATIONS[variation]
    undisturbed, ended = whole(server, tmp_path / "whole", *options, kind=kind)
    for number, error, lasting in failures(part, ended):
        folder = tmp_path / f"{number}-{error}-{lasting}"
        folder.mkdir()
        arguments = command(folder, *options, kind=kind)
        failed = server.run(*arguments, fail_at=number, errno=error, lasting=lasting)
        assert_failed(failed, ended.operations[number - 1], folder, kind)
        go_on(server, folder, arguments)
        assert_same(run_of(folder), undisturbed)


@in_parts(97, sample=6, every=12)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("variation", list(VARIATIONS)[:TIMES])
def test_each_operation_fails_after_it_was_resumed(
    variation: str, kind: str, part: Part, server: Server, tmp_path: Path
) -> None:
    options = VARIATIONS[variation]
    undisturbed, ended = whole(server, tmp_path / "whole", *options, kind=kind)
    middle = len(ended.operations) * 7 // 10
    first = killed(server, tmp_path / "first", middle, *options, kind=kind)
    ended = go_on(server, copy(tmp_path / "first", tmp_path / "again"), first)
    for number, error, lasting in failures(part, ended):
        folder = copy(tmp_path / "first", tmp_path / f"{number}-{error}-{lasting}")
        arguments = ["resume", run_of(folder).path, "--quiet"]
        failed = server.run(*arguments, fail_at=number, errno=error, lasting=lasting)
        assert_failed(failed, ended.operations[number - 1], folder, kind)
        assert results(folder).items() >= results(tmp_path / "first").items()
        go_on(server, folder, arguments)
        assert_same(run_of(folder), undisturbed)
