"""What a page is given: thinned curves that keep their ends and their leaps, and inert JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile import check_page
from run_cases import disk_output, in_disk, plane
from study_cases import curves, resolved, sweep, write_run
from trainings import minidl

from minidl.report.html.data import PageData, as_json
from minidl.report.html.layers import POINTS, layers_of
from minidl.report.html.thin import kept_epochs, rounded
from minidl.report.members.collect import collect
from minidl.store.frames import LEVELS, frame


def data_of(folder: Path, **options: Any) -> dict[str, Any]:
    return PageData("t", collect([folder]).members, **options).all()


def test_thinned_curves_keep_their_ends_and_a_leap() -> None:
    values = np.exp(-np.arange(10_000) / 500)[None].repeat(2, axis=0)
    values[1, 6_789] = 5.0
    kept = kept_epochs(values, 100)
    assert len(kept) == 100
    assert {0, 1, 6_789, 9_999} <= {*kept}
    assert (np.diff(kept) > 0).all()


@pytest.mark.parametrize("count", [0, 1, 2, 99, 100])
def test_what_a_screen_can_show_stays_whole(count: int) -> None:
    assert kept_epochs(np.ones((3, count)), 100).tolist() == list(range(count))


def test_a_metric_without_a_value_thins_nothing_away() -> None:
    values = np.array([np.full(1000, np.nan), np.arange(1000.0)])
    assert len(kept_epochs(values, 50)) == 50


def test_numbers_have_the_digits_that_were_asked_for() -> None:
    given = np.array([0.123456, -98765.4, 0.0, 3e-310, 1.23456e-40, 1e300, np.nan, np.inf, 2.0])
    assert rounded(given) == [0.1235, -98770, 0, 3e-310, 1.235e-40, 1e300, None, None, 2]
    assert json.dumps(rounded(np.array([0.3, 0.0007, 7e-5]))) == "[0.3, 0.0007, 7e-05]"


def test_groups_and_runs_say_what_the_tables_say(tmp_path: Path) -> None:
    data = data_of(sweep(tmp_path / "s", {"optimizer.lr": [0.1, 0.01]}, repeats=2))
    assert [key["head"] for key in data["keys"]] == ["lr"]
    assert [group["n"] for group in data["groups"]] == [2, 2]
    assert {group["label"] for group in data["groups"]} == {"lr=0.1", "lr=0.01"}
    run = data["runs"][0]
    group = data["groups"][run["group"]]
    assert data["keys"][0]["values"][run["at"][0]] == data["keys"][0]["values"][group["at"][0]]
    accuracy = [metric["name"] for metric in data["metrics"]].index("test_accuracy")
    runs = [one["final"][accuracy] for one in data["runs"] if one["group"] == run["group"]]
    assert group["mean"][accuracy] == pytest.approx(np.mean(runs), abs=1e-5)
    config = "".join(data["sections"][part] for part in run["config"])
    assert "optimizer: {type: sgd, lr: 0.01" in config
    assert "\ntraining:\n  epochs: 20\n" in config


def test_means_are_marked_as_in_any_table(tmp_path: Path) -> None:
    def look(settings: dict[str, Any], seed: int) -> dict[str, Any]:
        return {"final_accuracy": 0.5 + settings["optimizer.lr"]}

    sweep(tmp_path / "s", {"optimizer.lr": [0.4, 0.39, 0.1]}, repeats=6, look=look)
    data = check_page(minidl("report", tmp_path / "s", "--format", "html").out)
    rates = [data["keys"][0]["values"][group["at"][0]] for group in data["groups"]]
    plain = minidl("report", tmp_path / "s", "--format", "md").out
    for rate, mark in zip(rates, data["marks"]["test_accuracy"], strict=True):
        (row,) = (line for line in plain.splitlines() if f"| {rate} " in line)
        assert row.removesuffix("|").split()[-1] == mark
    assert {*data["marks"]["test_accuracy"]} == {"*", "≈"}


def test_sections_that_configs_share_are_there_once(tmp_path: Path) -> None:
    data = data_of(sweep(tmp_path / "s", {"optimizer.lr": [0.1, 0.01]}, repeats=3))
    assert sum("type: mlp" in section for section in data["sections"]) == 1


def test_a_diverged_run_is_counted_and_its_curve_is_there(tmp_path: Path) -> None:
    def look(settings: dict[str, Any], seed: int) -> dict[str, Any]:
        return {"status": "diverged"} if seed else {}

    data = data_of(sweep(tmp_path / "s", {"loss": ["mse"]}, repeats=2, look=look))
    assert data["groups"][0]["counts"] == {"diverged": 1}
    diverged = next(run for run in data["runs"] if run["status"] == "diverged")
    assert diverged["curves"][0][-1] is None
    assert diverged["epochs"] == 10


def test_of_a_search_the_trials_stay_in_sight(tmp_path: Path) -> None:
    sweep(tmp_path / "s", {"optimizer.lr": [0.1, 0.01]}, repeats=1)
    with (tmp_path / "s" / "sweep.yaml").open("a") as file:
        file.write("sweep: {search: {type: halving}, grid: {optimizer.lr: [0.1, 0.01]}}\n")
    page = minidl("report", tmp_path / "s", "--format", "html").out
    assert '<section class="replaced">' not in page


def test_the_plane_is_what_the_run_decides(tmp_path: Path) -> None:
    there = plane(disk_output, in_disk, points=50, cells=101)
    write_run(tmp_path / "runs" / "a", resolved(), curves(3), predictions=there)
    write_run(tmp_path / "runs" / "b", {**resolved(), "seed": 1}, curves(3))
    found, none = (run["plane"] for run in data_of(tmp_path / "runs")["runs"])
    assert none is None
    assert (len(found["cells"]), {*map(len, found["cells"])}) == (64, {64})
    grid = there["grid_output"]
    assert [found["cells"][y][x] for x, y in ((0, 0), (32, 32), (-1, 0))] == [
        "01"[int(grid[y, x, 0] >= 0.5)] for x, y in ((0, 0), (51, 51), (-1, 0))
    ]
    assert found["names"] == ["outside", "inside"]


@pytest.mark.parametrize("damage", [b"", b"PK", b"x" * 100])
def test_damaged_predictions_leave_the_plane_out(tmp_path: Path, damage: bytes) -> None:
    run = write_run(tmp_path / "runs" / "a", resolved(), curves(3))
    run.predictions_path.write_bytes(damage)
    assert data_of(tmp_path / "runs")["runs"][0]["plane"] is None


def recorded(folder: Path, classes: int, epochs: int, seed: int = 0) -> None:
    """A run with a boundary.csv: cell (0, 0) goes from 0 to the highest answer, all others stay."""
    most = LEVELS if classes == 2 else classes - 1
    plane = {"left": -1, "right": 1, "bottom": 0, "top": 2, "low": 0, "high": 1}
    names = [f"c{i}" for i in range(classes)]
    config = {**resolved(), "seed": seed}
    run = write_run(folder, config, curves(3), class_names=names, plane=plane)
    for epoch in range(epochs):
        run.boundary.append(frame(epoch, [most * epoch // (epochs - 1), *[0] * 1023]))


@pytest.mark.parametrize(("classes", "highest"), [(2, "z"), (3, "2")])
def test_a_recorded_run_has_its_frames(tmp_path: Path, classes: int, highest: str) -> None:
    recorded(tmp_path / "runs" / "a", classes, epochs=100)
    (run,) = data_of(tmp_path / "runs")["runs"]
    film = run["film"]
    assert len(film["epoch"]) == len(film["frames"]) == 60
    assert [film["epoch"][0], film["epoch"][-1]] == [0, 99]
    assert (film["frames"][0][0], film["frames"][-1]) == ("0", highest + "0" * 1023)
    assert film["ends"] == [-1, 1, 0, 2]


def test_many_films_share_the_room_and_a_damaged_one_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minidl.report.html.data.MOST_FILMS", 40 * 1024)
    for seed, name in enumerate("abcd"):
        recorded(tmp_path / "runs" / name, 2, epochs=50, seed=seed)
    (tmp_path / "runs" / "a" / "boundary.csv").write_text("epoch,x\n0,1\n")
    films = [run["film"] for run in data_of(tmp_path / "runs")["runs"]]
    assert [film and len(film["frames"]) for film in films] == [None, 10, 10, 10]


def test_no_word_ends_the_element_that_the_data_stand_in() -> None:
    words = "</script><img src=x onerror=alert(1)><!--<script>&\u2028"
    text = as_json({"a": words})
    assert not {*"<>&\u2028"} & {*text}
    assert json.loads(text) == {"a": words}


def test_the_page_holds_its_data_and_lets_no_other_script_run(tmp_path: Path) -> None:
    sweep(tmp_path / "s", {"optimizer.lr": [0.1, 0.01]}, repeats=1)
    page = minidl("report", tmp_path / "s", "--format", "html").out
    data = check_page(page)
    assert len(data["runs"]) == 2
    assert "default-src 'none'; script-src 'sha256-" in page
    assert "unsafe-eval" not in page
    policy = page[page.index("default-src") : page.index("base-uri")]
    assert "//" not in policy
    assert "http:" not in policy


def test_groups_are_those_that_by_asks_for(tmp_path: Path) -> None:
    grid: dict[str, list[Any]] = {"optimizer.lr": [0.1, 0.01], "model.activation": ["relu", "tanh"]}
    sweep(tmp_path / "s", grid, repeats=2)
    page = minidl("report", tmp_path / "s", "--by", "lr", "--format", "html").out
    assert [group["n"] for group in check_page(page)["groups"]] == [4, 4]
    assert [key["head"] for key in check_page(page)["keys"]] == ["lr", "activation"]


def test_without_plotly_a_plain_page_and_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep(tmp_path / "s", {"optimizer.lr": [0.1, 0.01]}, repeats=1)
    monkeypatch.setattr("minidl.report.html.bundle.plotly", lambda: None)
    finished = minidl("report", tmp_path / "s", "--format", "html", "--no-plots")
    assert "<script" not in finished.out
    assert "pip install 'minidl[html]'" in finished.err


def test_of_what_went_on_in_the_layers_each_quantity_has_its_layers(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", resolved(), curves(300))
    (member,) = collect([run.path]).members
    assert layers_of(member) is None  # nothing was watched
    names = ("fc_1.gradient_norm", "fc_2.gradient_norm", "fc_1.dead")
    run.dynamics.append(*({"epoch": e, **dict.fromkeys(names, e / 300)} for e in range(1, 301)))
    found = layers_of(member)
    assert found is not None
    assert (found["epoch"][0], found["epoch"][-1], len(found["epoch"])) == (1, 300, POINTS)
    assert {quantity: [*layers] for quantity, layers in found["of"].items()} == {
        "gradient_norm": ["fc_1", "fc_2"],
        "dead": ["fc_1"],
    }
    assert found["of"]["dead"]["fc_1"][-1] == 1
