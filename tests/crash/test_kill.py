"""What is killed at any moment ends, once resumed, as if it had never stopped."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from attempts import TIMES, Part, in_parts
from crash.helpers import (
    KINDS,
    VARIATIONS,
    assert_redone_at_most,
    assert_same,
    command,
    copy,
    go_on,
    killed,
    next_command,
    restart_epochs,
    run_of,
    whole,
)
from crash.server import Server, delays

pytestmark = [pytest.mark.torture, pytest.mark.timeout(240 * TIMES)]


@in_parts(59, sample=3, every=4)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("variation", list(VARIATIONS)[:TIMES])
def test_killed_at_each_operation_on_the_disk(
    variation: str, kind: str, part: Part, server: Server, tmp_path: Path
) -> None:
    options = VARIATIONS[variation]
    undisturbed, ended = whole(server, tmp_path / "whole", *options, kind=kind)
    assert len(ended.operations) > 100
    for number in part.of(range(1, len(ended.operations) + 1)):
        folder = tmp_path / str(number)
        go_on(server, folder, killed(server, folder, number, *options, kind=kind))
        assert_same(run_of(folder), undisturbed)


@in_parts(59, sample=3, every=4)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("variation", list(VARIATIONS)[:TIMES])
def test_killed_at_each_operation_after_it_was_resumed(
    variation: str, kind: str, part: Part, server: Server, tmp_path: Path
) -> None:
    options = VARIATIONS[variation]
    undisturbed, ended = whole(server, tmp_path / "whole", *options, kind=kind)
    middle = len(ended.operations) * 7 // 10
    first = killed(server, tmp_path / "first", middle, *options, kind=kind)
    assert first[0] == "resume"
    assert list((tmp_path / "first").rglob("*previous.safetensors"))
    again = copy(tmp_path / "first", tmp_path / "again")
    ended = go_on(server, again, first)
    assert len(ended.operations) > 100
    assert_same(run_of(again), undisturbed)
    for number in part.of(range(1, len(ended.operations) + 1)):
        folder = copy(tmp_path / "first", tmp_path / str(number))
        arguments = ["resume", run_of(folder).path, "--quiet"]
        assert server.run(*arguments, kill_at=number).code == -9
        go_on(server, folder, arguments)
        assert_same(run_of(folder), undisturbed)


@in_parts(5)
@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_random_moments(kind: str, part: Part, server: Server, tmp_path: Path) -> None:
    """Again and again until it has reached its end, then another one: 100 kills in all.

    At most `checkpoint_every` epochs are trained again: with it at 3, three.
    """
    longer = ("training.epochs=12", "training.checkpoint_every=3")
    undisturbed, _ = whole(server, tmp_path / "whole", *longer, kind=kind)
    started = time.perf_counter()
    whole(server, tmp_path / "clock", *longer, kind=kind)
    duration = time.perf_counter() - started
    folder = tmp_path / "0"
    for number, delay in enumerate(delays(10 * TIMES, duration, seed=part.number)):
        folder.mkdir(exist_ok=True)
        arguments = next_command(folder, command(folder, *longer, kind=kind))
        before = restart_epochs(folder)
        ended = server.run(*arguments, signals=[9], after=delay)
        assert_redone_at_most(3, before, ended, folder, kind)
        if ended.code != -9:  # it was at its end
            go_on(server, folder, command(folder, *longer, kind=kind))
            assert_same(run_of(folder), undisturbed)
            folder = tmp_path / str(number + 1)
    folder.mkdir(exist_ok=True)
    go_on(server, folder, command(folder, *longer, kind=kind))
    assert_same(run_of(folder), undisturbed)
