"""A run that is killed at any moment ends, once resumed, as if it had never stopped."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from crash.helpers import assert_same, command, copy, go_on, killed, run_of, whole
from crash.server import TIMES, Server, delays

pytestmark = [pytest.mark.torture, pytest.mark.timeout(240 * TIMES)]


@pytest.mark.parametrize("seed", range(TIMES))
def test_killed_at_each_operation_on_the_disk(server: Server, seed: int, tmp_path: Path) -> None:
    undisturbed, ended = whole(server, tmp_path / "whole", f"seed={seed}")
    assert len(ended.moments) > 30
    for number in ended.moments:
        folder = tmp_path / str(number)
        go_on(server, folder, killed(server, folder, number, f"seed={seed}"))
        assert_same(run_of(folder), undisturbed)


@pytest.mark.parametrize("seed", range(TIMES))
def test_killed_at_each_operation_after_it_was_resumed(
    server: Server, seed: int, tmp_path: Path
) -> None:
    undisturbed, ended = whole(server, tmp_path / "whole", f"seed={seed}")
    first = killed(server, tmp_path / "first", len(ended.operations) * 3 // 5, f"seed={seed}")
    assert first[0] == "resume"
    assert run_of(tmp_path / "first").has_checkpoint("previous")
    again = copy(tmp_path / "first", tmp_path / "again")
    ended = server.run("resume", run_of(again).path)
    assert len(ended.moments) > 20
    assert_same(run_of(again), undisturbed)
    for number in ended.moments:
        folder = copy(tmp_path / "first", tmp_path / str(number))
        arguments = ["resume", run_of(folder).path, "--quiet"]
        assert server.run(*arguments, kill_at=number).code == -9
        go_on(server, folder, arguments)
        assert_same(run_of(folder), undisturbed)


def test_killed_at_random_moments(server: Server, tmp_path: Path) -> None:
    """Again and again, until it has reached its end: 100 kills in all."""
    longer = "training.epochs=12"
    undisturbed, _ = whole(server, tmp_path / "whole", longer)
    started = time.perf_counter()
    whole(server, tmp_path / "clock", longer)
    duration = time.perf_counter() - started
    folder = tmp_path / "0"
    for number, delay in enumerate(delays(100 * TIMES, duration)):
        folder.mkdir(exist_ok=True)
        arguments = command(folder, longer)
        if run_of(folder).path.exists():
            arguments = ["resume", run_of(folder).path, "--quiet"]
        server.run(*arguments, signals=[9], after=delay)
        if run_of(folder).status in ("done", "broken"):
            go_on(server, folder, command(folder, longer))
            assert_same(run_of(folder), undisturbed)
            folder = tmp_path / str(number + 1)
    folder.mkdir(exist_ok=True)
    go_on(server, folder, command(folder, longer))
    assert_same(run_of(folder), undisturbed)
