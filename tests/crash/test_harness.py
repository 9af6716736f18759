"""The tests of crashes find what they are there for: a planted fault is told, none is not."""

from __future__ import annotations

import errno
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from crash.ends import assert_failed, assert_in_good_order, assert_one_winner, assert_stopped_soon
from crash.faults import FAULTS
from crash.helpers import (
    VARIATIONS,
    assert_redone_at_most,
    assert_same,
    command,
    copy,
    go_on,
    killed,
    run_of,
    whole,
)
from crash.server import Server

from minidl.errors import MinidlError

# What went wrong may be so wrong that it can't be read.
TOLD = (AssertionError, MinidlError, ValueError)


class At(NamedTuple):
    """Where something happens: at the nth of such operations, or `later` than that."""

    operation: str
    nth: int = 1
    later: int = 0
    kind: str = "run"
    variation: str = "adam"

    def number(self, operations: Sequence[str]) -> int:
        places = [place for place, one in enumerate(operations, 1) if one == self.operation]
        return places[self.nth - 1] + self.later


# In the third of three epochs: its row is written, its checkpoint is not.
THIRD = At("replace last.safetensors", 3)
KILLS = {
    "a_file_is_written_in_place": At("open last.safetensors", later=1),
    "a_folder_appears_before_its_files": At("replace run.json"),
    "the_order_of_batches_is_forgotten": THIRD,
    "the_draws_of_dropout_are_forgotten": THIRD,
    "the_vectors_of_the_optimizer_are_forgotten": THIRD,
    "the_steps_of_the_optimizer_are_forgotten": THIRD,
    "the_best_weights_are_forgotten": At(
        "replace predictions.npz", kind="sweep", variation="momentum"
    ),
    "rows_after_the_checkpoint_stay": THIRD,
    "a_checkpoint_is_passed_over": THIRD,
    "checkpoints_are_seldom": At("replace last.safetensors"),
    "members_with_results_are_trained_again": At("replace results.csv", 2, kind="sweep"),
    "a_lock_outlives_its_holder": THIRD,
}


@pytest.mark.parametrize("fault", KILLS)
def test_a_kill_tells(fault: str, server: Server, tmp_path: Path) -> None:
    at = KILLS[fault]
    kind, options = at.kind, VARIATIONS[at.variation]
    undisturbed, _ = whole(server, tmp_path / "whole", *options, kind=kind)
    _, ended = whole(server, tmp_path / "with it", *options, kind=kind, planted=fault)
    place = at.number(ended.operations)

    def attempt(folder: Path, **planted: str) -> None:
        folder.mkdir()
        arguments = command(folder, *options, kind=kind)
        ended = server.run(*arguments, kill_at=place, **planted)
        assert ended.code == -9
        assert_redone_at_most(1, {}, ended, folder, kind)
        go_on(server, folder, arguments, **planted)
        assert_same(run_of(folder), undisturbed)

    assert_told(fault, attempt, tmp_path)


FAILURES = {
    "an_error_of_the_disk_is_swallowed": THIRD,
    "an_error_of_the_disk_is_not_put_into_words": At("open metrics.csv", later=1),
}


@pytest.mark.parametrize("fault", FAILURES)
def test_a_disk_that_fails_tells(fault: str, server: Server, tmp_path: Path) -> None:
    undisturbed, ended = whole(server, tmp_path / "whole")
    place = FAILURES[fault].number(ended.operations)

    def attempt(folder: Path, **planted: str) -> None:
        folder.mkdir()
        arguments = command(folder)
        failed = server.run(*arguments, fail_at=place, errno=errno.ENOSPC, **planted)
        assert_failed(failed, ended.operations[place - 1], folder, "run")
        go_on(server, folder, arguments, **planted)
        assert_same(run_of(folder), undisturbed)

    assert_told(fault, attempt, tmp_path)


RACES = ("a_lock_does_not_lock",)


def test_a_race_tells(server: Server, tmp_path: Path) -> None:
    _, ended = whole(server, tmp_path / "whole")
    killed(server, tmp_path / "first", THIRD.number(ended.operations))

    def attempt(folder: Path, **planted: str) -> None:
        copy(tmp_path / "first", folder)
        raced = server.race([["resume", run_of(folder).path, "--quiet"]] * 4, **planted)
        assert_one_winner(raced, folder, "nothing to resume")

    assert_told(RACES[0], attempt, tmp_path)


SIGNALLED = ("a_first_signal_is_not_heard",)


def test_a_signal_tells(server: Server, tmp_path: Path) -> None:
    _, ended = whole(server, tmp_path / "whole")
    place = At("replace last.safetensors", 2).number(ended.operations)

    def attempt(folder: Path, **planted: str) -> None:
        folder.mkdir()
        arguments = [word for word in command(folder) if word != "--quiet"]
        stopped = server.run(*arguments, signals=[signal.SIGTERM], signal_at=place, **planted)
        assert_in_good_order(stopped, folder, signal.SIGTERM)
        assert_stopped_soon(stopped, ended.operations[:place])

    assert_told(SIGNALLED[0], attempt, tmp_path)


def assert_told(fault: str, attempt: Callable[..., None], tmp_path: Path) -> None:
    """An attempt fails with the fault, and without it succeeds."""
    with pytest.raises(TOLD):
        attempt(tmp_path / "faulty", planted=fault)
    attempt(tmp_path / "sound")


def test_every_fault_is_planted() -> None:
    assert {*KILLS, *FAILURES, *RACES, *SIGNALLED} == FAULTS.keys()
