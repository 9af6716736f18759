"""What is killed at any moment ends, once resumed, as if it had never stopped."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from crash.helpers import (
    KINDS,
    assert_same,
    command,
    copy,
    go_on,
    killed,
    marker,
    run_of,
    whole,
)  # fmt: skip
from crash.server import TIMES, Server, delays

pytestmark = [pytest.mark.torture, pytest.mark.timeout(240 * TIMES)]


@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_each_operation_on_the_disk(kind: str, server: Server, tmp_path: Path) -> None:
    undisturbed, ended = whole(server, tmp_path / "whole", kind=kind)
    assert len(ended.moments) > 30
    for number in ended.moments:
        folder = tmp_path / str(number)
        go_on(server, folder, killed(server, folder, number, kind=kind))
        assert_same(run_of(folder), undisturbed)


@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_each_operation_after_it_was_resumed(
    kind: str, server: Server, tmp_path: Path
) -> None:
    undisturbed, ended = whole(server, tmp_path / "whole", kind=kind)
    first = killed(server, tmp_path / "first", len(ended.operations) * 7 // 10, kind=kind)
    assert first[0] == "resume"
    assert list((tmp_path / "first").rglob("*previous.safetensors"))
    again = copy(tmp_path / "first", tmp_path / "again")
    ended = server.run("resume", run_of(again).path)
    assert len(ended.moments) > 20
    assert_same(run_of(again), undisturbed)
    # A sweep has many; `make torture` takes them all.
    for number in ended.moments[:: 3 if kind == "sweep" and TIMES == 1 else 1]:
        folder = copy(tmp_path / "first", tmp_path / str(number))
        arguments = ["resume", run_of(folder).path, "--quiet"]
        assert server.run(*arguments, kill_at=number).code == -9
        go_on(server, folder, arguments)
        assert_same(run_of(folder), undisturbed)


@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_random_moments(kind: str, server: Server, tmp_path: Path) -> None:
    """Again and again until it has reached its end, then another one: 100 kills in all."""
    longer = "training.epochs=12"
    undisturbed, _ = whole(server, tmp_path / "whole", longer, kind=kind)
    started = time.perf_counter()
    whole(server, tmp_path / "clock", longer, kind=kind)
    duration = time.perf_counter() - started
    folder = tmp_path / "0"
    for number, delay in enumerate(delays(50 * TIMES, duration)):
        folder.mkdir(exist_ok=True)
        arguments = command(folder, longer, kind=kind)
        if (run_of(folder).path / marker(arguments)).exists():
            arguments = ["resume", run_of(folder).path, "--quiet"]
        if server.run(*arguments, signals=[9], after=delay).code != -9:  # it was at its end
            go_on(server, folder, command(folder, longer, kind=kind))
            assert_same(run_of(folder), undisturbed)
            folder = tmp_path / str(number + 1)
    folder.mkdir(exist_ok=True)
    go_on(server, folder, command(folder, longer, kind=kind))
    assert_same(run_of(folder), undisturbed)
