"""A run that would go on under other versions, another engine or device is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from trainings import minidl, train

from minidl.runs.record import differences, goes_on
from minidl.store.run_folder import RunFolder
from minidl.store.run_record import RunRecord

VERSIONS = {"python": "3.11.7", "minidl": "0.1.0", "torch": "2.13.0", "numpy": "2.4.6"}
NOW = RunRecord(
    versions=VERSIONS,
    device="cpu",
    device_name="x86_64",
    threads=1,
    engine="compiled, 8 lanes, gcc 12.2",
)


@pytest.fixture
def interrupted(tmp_path: Path) -> RunFolder:
    """A run that may be resumed."""
    run = train(tmp_path, options=("--name", "run")).run
    run.write_record(replace(run.read_record(), status="interrupted"))
    return run


def began_with(run: RunFolder, **changes: Any) -> None:
    record = run.read_record()
    versions = {**record.versions, **changes.pop("versions", {})}
    run.write_record(replace(record, **changes, versions=versions))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"versions": {"torch": "1.0"}}, "torch 1.0, now 2."),
        ({"versions": {"minidl": "0.0.1"}}, "minidl 0.0.1, now "),
        ({"engine": "abacus, 8 lanes"}, "engine abacus, now "),
        ({"device_name": "an abacus"}, "device name an abacus, now "),
        ({"device": "cuda:0"}, "device cuda:0, now cpu"),
    ],
    ids=["torch", "minidl", "engine", "machine", "device"],
)
def test_it_is_refused_unless_forced(
    changes: dict[str, Any], said: str, interrupted: RunFolder
) -> None:
    began_with(interrupted, **changes)
    before = interrupted.record_path.read_bytes()
    refused = minidl("resume", interrupted.path)
    assert (refused.code, refused.out) == (2, "")
    assert len(refused.err.splitlines()) == 1
    assert f"{interrupted.path}: began with {said}" in refused.err
    assert "resume --force" in refused.err
    assert interrupted.record_path.read_bytes() == before
    forced = minidl("resume", interrupted.path, "--force")
    assert forced.code == 0
    record = interrupted.read_record()
    assert record.status == "done"
    (noted,) = record.forced
    assert said in noted


def test_threads_are_what_somebody_asks_for(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    assert train(tmp_path).run.read_record().threads == 1
    assert train(tmp_path, options=("--threads", "2")).run.read_record().threads == 2
    assert torch.get_num_threads() == before


def test_a_run_goes_on_with_as_many_threads_as_before(interrupted: RunFolder) -> None:
    began_with(interrupted, threads=2)
    assert minidl("resume", interrupted.path).code == 0
    assert interrupted.read_record().threads == 2


def test_only_by_plain_calls_do_results_depend_on_threads() -> None:
    assert not differences(NOW, replace(NOW, threads=2))
    plain = replace(NOW, engine="plain (no C compiler found)")
    assert differences(plain, replace(plain, threads=2)) == ["threads 1, now 2"]


def test_a_run_that_goes_on_keeps_what_it_has_had_and_says_where_it_is_now() -> None:
    had: dict[str, Any] = {
        "command": ["minidl", "train"],
        "started": "2026-01-01T10:00:00+00:00",
        "sweep": {"seed": 1},
        "seconds": 2.5,
        "other": {"of": "another version"},
    }
    before = replace(NOW, **had, status="running", drawing="done", ended="then", device="cuda:0")
    before.forced = ["torch 1.0, now 2.13.0"]
    here = replace(NOW, status="running", started="2026-01-02T10:00:00+00:00", weights="last")
    forced = (*before.forced, "device cuda:0, now cpu")
    assert goes_on(before, here) == replace(here, **had, forced=forced)
    assert goes_on(RunRecord(), here) == here  # an old record that says nothing


def test_what_makes_no_difference_is_not_said() -> None:
    python = replace(NOW, versions={**VERSIONS, "python": "3.12.0"})
    assert differences(python, NOW) == []
    assert differences(replace(NOW, engine="compiled, single, gcc 13.1"), NOW) == []
    assert differences(RunRecord(), NOW) == []  # an old record that doesn't say
