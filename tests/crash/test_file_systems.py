"""File systems that can less than most: a training works there, and loses nothing either.

What each answers is what real ones do; which were tried stands in docs/reliability.md.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
from attempts import TIMES, Part, in_parts
from crash.helpers import (
    KINDS,
    assert_same,
    command,
    go_on,
    killed,
    run_of,
    whole,
)
from crash.server import Server

pytestmark = [pytest.mark.torture, pytest.mark.timeout(240 * TIMES)]

LESS: dict[str, dict[str, Any]] = {
    "no flock": {"never": {"flock": errno.ENOSYS}},  # some by FUSE
    "no lock service": {"never": {"flock": errno.ENOLCK}},  # NFS
    "nothing can be forced": {"never": {"fsync": errno.EINVAL}},  # CIFS, some by FUSE
    "each operation is interrupted": {"at_first": {"": errno.EINTR}},  # NFS, FUSE
    "no rename over what is open": {"at_first": {"replace": errno.EBUSY}},  # CIFS
    "half of each write": {"short": True},
}


@pytest.mark.parametrize("less", LESS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_training_ends_there_as_it_would_elsewhere(
    kind: str, less: str, server: Server, tmp_path: Path
) -> None:
    """Also one that was killed."""
    undisturbed, _ = whole(server, tmp_path / "whole", kind=kind)
    there, ended = whole(server, tmp_path / "there", kind=kind, **LESS[less])
    assert_same(there, undisturbed)
    first = killed(server, tmp_path / "first", len(ended.operations) // 2, kind=kind, **LESS[less])
    go_on(server, tmp_path / "first", first, **LESS[less])
    assert_same(run_of(tmp_path / "first"), undisturbed)


@in_parts(59, sample=3, every=4)
@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_each_operation_without_flock(
    kind: str, part: Part, server: Server, tmp_path: Path
) -> None:
    """Its lock is known to be a dead process's, also amid taking it and letting it go."""
    less = LESS["no flock"]
    undisturbed, ended = whole(server, tmp_path / "whole", kind=kind, **less)
    assert any(operation.startswith("rename") for operation in ended.operations)
    for number in part.of(range(1, len(ended.operations) + 1)):
        folder = tmp_path / str(number)
        go_on(server, folder, killed(server, folder, number, kind=kind, **less), **less)
        assert_same(run_of(folder), undisturbed)


def test_no_operation_needs_links_and_the_longest_name_has_room(
    server: Server, tmp_path: Path
) -> None:
    """Of 255 bytes, temporary names included, with and without flock."""
    for kind in KINDS:
        for less in ({}, LESS["no flock"]):
            folder = tmp_path / f"{kind}-{len(less)}"
            folder.mkdir()
            arguments = command(folder, kind=kind)
            arguments[arguments.index("run")] = "n" * 200
            ended = server.run(*arguments, **less)
            assert ended.code == 0, ended.err
            assert not [one for one in ended.operations if "link " in one and "unlink" not in one]
            assert [one.name for one in (folder / "runs").iterdir()] == ["n" * 200]
