"""What a page is told of folders that change: all there is, then no more than what changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from study_cases import curves, resolved, write_run

from minidl.store.locks import locked
from minidl.store.run_folder import RunFolder
from minidl.watch.feed import Feed
from minidl.watch.tail import Tail


def running(folder: Path, epochs: int = 3, lr: float = 0.1) -> RunFolder:
    config = resolved(**{"optimizer.lr": lr})
    return write_run(folder, config, curves(epochs), status="running")


def told(feed: Feed) -> dict[str, Any]:
    text = feed.poll()
    assert text is not None
    found: dict[str, Any] = json.loads(text)
    return found


def add_epochs(run: RunFolder, *numbers: int) -> None:
    lines = [f"{n},{20 * n},0.1,0.2,0.9,0.3,0.8,0.01\n" for n in numbers]
    with run.metrics_path.open("a") as file:
        file.writelines(lines)


def test_it_tells_of_epochs_as_they_come(tmp_path: Path) -> None:
    run = running(tmp_path / "a")
    write_run(tmp_path / "b", resolved(**{"optimizer.lr": 0.3}), curves(3))
    feed = Feed("runs", [tmp_path])
    with locked(run.path):
        data = told(feed)
        assert data["kind"] == "all"
        assert [(one["status"], one["epochs"]) for one in data["runs"]] == [
            ("running", 3),
            ("done", 3),
        ]
        assert feed.poll() is None
        add_epochs(run, 4, 5)
        data = told(feed)
    assert data["kind"] == "some"
    (place, changed), *others = data["runs"]
    assert (place, changed["name"], changed["epochs"], others) == (0, "a", 5, [])
    assert [group for group, _ in data["groups"]] == [changed["group"]]
    assert changed["final"][:2] == [0.3, 0.8]
    assert [group["mean"][:2] for _, group in data["groups"]] == [[0.3, 0.8]]  # as far as it is
    assert data["sections"] == []


def test_a_half_written_row_waits_for_its_end(tmp_path: Path) -> None:
    run = running(tmp_path / "a", epochs=2)
    tail = Tail(run.metrics_path)
    assert tail.read()["epoch"].tolist() == [1, 2]
    with run.metrics_path.open("a") as file:
        file.write("3,60,0.1,0.2,0.9,0.3,0.8")
    assert tail.read()["epoch"].tolist() == [1, 2]
    with run.metrics_path.open("a") as file:
        file.write(",0.01\n")
    assert tail.read()["epoch"].tolist() == [1, 2, 3]


def test_rows_that_a_resumed_run_drops_are_forgotten(tmp_path: Path) -> None:
    run = running(tmp_path / "a", epochs=9)
    tail = Tail(run.metrics_path)
    assert len(tail.read()["epoch"]) == 9
    head = run.metrics.first(5)
    run.metrics_path.unlink()
    run.metrics_path.write_bytes(head)
    assert tail.read()["epoch"].tolist() == [1, 2, 3, 4, 5]


def test_a_new_run_and_one_that_went_are_told(tmp_path: Path) -> None:
    running(tmp_path / "a")
    feed = Feed("runs", [tmp_path])
    assert len(told(feed)["runs"]) == 1
    new = running(tmp_path / "b", lr=0.3)
    data = told(feed)
    assert (data["kind"], [key["head"] for key in data["keys"]]) == ("all", ["lr"])
    for path in sorted(new.path.rglob("*"), reverse=True):
        path.unlink()
    new.path.rmdir()
    assert [one["name"] for one in told(feed)["runs"]] == ["a"]


def test_a_folder_that_went_holds_nothing_up_and_may_come_back(tmp_path: Path) -> None:
    first = running(tmp_path / "first" / "a")
    running(tmp_path / "second" / "b", lr=0.3)
    feed = Feed("runs", [tmp_path / "second", tmp_path / "first"])
    assert len(told(feed)["runs"]) == 2
    (tmp_path / "second").rename(tmp_path / "away")
    add_epochs(first, 4)
    assert [one["name"] for one in told(feed)["runs"]] == ["a"]
    (tmp_path / "away").rename(tmp_path / "second")
    assert {one["name"] for one in told(feed)["runs"]} == {"a", "b"}


def test_a_run_whose_process_was_killed_is_interrupted(tmp_path: Path) -> None:
    run = running(tmp_path / "a")
    feed = Feed("runs", [tmp_path])
    with locked(run.path):
        assert told(feed)["runs"][0]["status"] == "running"
    ((_, changed),) = told(feed)["runs"]
    assert changed["status"] == "interrupted"


@pytest.mark.parametrize("damage", ["", "{", "[]"])
def test_a_damaged_run_is_a_note(tmp_path: Path, damage: str) -> None:
    running(tmp_path / "a")
    bad = running(tmp_path / "b")
    bad.record_path.write_text(damage)
    data = told(Feed("runs", [tmp_path]))
    assert len(data["runs"]) == 1
    assert "damaged and left out" in data["notes"][0]


def test_a_folder_without_runs_shows_none_until_there_are_some(tmp_path: Path) -> None:
    feed = Feed("runs", [tmp_path])
    assert told(feed)["runs"] == []
    running(tmp_path / "a")
    assert len(told(feed)["runs"]) == 1
