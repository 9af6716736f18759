"""A run that would go on under other versions, threads or on another device is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from trainings import minidl, train

from minidl.provenance import differences
from minidl.runs import RunFolder

NOW = {
    "versions": {"python": "3.11.7", "minidl": "0.1.0", "torch": "2.13.0", "numpy": "2.4.6"},
    "device": "cpu",
    "device_name": "x86_64",
    "threads": 1,
}


@pytest.fixture
def interrupted(tmp_path: Path) -> RunFolder:
    """A run that may be resumed."""
    run = train(tmp_path, options=("--name", "run")).run
    run.write_record({**run.read_record(), "status": "interrupted"})
    return run


def began_with(run: RunFolder, **changes: Any) -> None:
    record = run.read_record()
    versions = changes.pop("versions", {})
    run.write_record({**record, **changes, "versions": {**record["versions"], **versions}})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"versions": {"torch": "1.0"}}, "torch 1.0, now 2."),
        ({"versions": {"minidl": "0.0.1"}}, "minidl 0.0.1, now "),
        ({"threads": 7}, "threads 7, now 1"),
        ({"device_name": "an abacus"}, "device name an abacus, now "),
        ({"device": "cuda:0"}, "device cuda:0, now cpu"),
    ],
    ids=["torch", "minidl", "threads", "machine", "device"],
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
    assert record["status"] == "done"
    (noted,) = record["forced"]
    assert said in noted


def test_what_makes_no_difference_is_not_said() -> None:
    python = {**NOW, "versions": {**NOW["versions"], "python": "3.12.0"}}  # type: ignore[dict-item]
    assert differences(python, NOW) == []
    assert differences({}, NOW) == []  # an old record that doesn't say
