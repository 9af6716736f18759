"""A mark says whose a file is, and nobody alive is taken for dead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from marks import mark_of_the_dead

from minidl.store import owner

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")


def changed(mark: str, place: int, word: str) -> str:
    words = mark.split("-")
    return "-".join([*words[:place], word, *words[place + 1 :]])


def test_this_process_is_alive_and_one_that_ended_is_not() -> None:
    assert not owner.has_ended(owner.mark())
    assert owner.has_ended(mark_of_the_dead())


def test_a_zombie_has_ended() -> None:
    """One that was killed, whose parent has not asked yet how."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        mark = owner._mark(process.pid)
        assert not owner.has_ended(mark)
        process.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert owner.has_ended(mark)


def test_a_number_that_was_given_again_is_another_process() -> None:
    assert owner.has_ended(changed(owner.mark(), 3, "1"))


def test_all_processes_of_an_earlier_boot_have_ended() -> None:
    assert owner.has_ended(changed(owner.mark(), 1, "00000000"))


def test_of_whom_nothing_is_known_has_not_ended() -> None:
    """One of another machine; one whose start was not known; what is no mark at all."""
    elsewhere, unknown = changed(mark_of_the_dead(), 0, "00000000"), changed(owner.mark(), 3, "0")
    for mark in (elsewhere, unknown, changed(owner.mark(), 2, "9" * 30), "1-2-3-4", ""):
        assert not owner.has_ended(mark), mark


def test_where_the_system_says_nothing_only_a_missing_number_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(owner, "_said", lambda path: "")
    owner._mark.cache_clear()
    assert not owner.has_ended(owner.mark())
    assert not owner.has_ended(changed(owner.mark(), 2, "1"))
    assert owner.has_ended(mark_of_the_dead.__wrapped__())
    owner._mark.cache_clear()
