"""minidl compare: what differs between runs, and between groups of runs."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from study_cases import curves, resolved, sweep, write_run

from minidl.errors import RunError
from minidl.report.figures import style
from minidl.report.figures.comparison import draw
from minidl.report.tables.compare import MOST_SIDES, compare, plot_path
from minidl.report.tables.compare_formats import as_csv, as_json, as_markdown, as_table
from minidl.report.tables.escape import columns


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    a = write_run(tmp_path / "a", resolved(), curves(10, final_loss=0.02))
    changed = resolved(optimizer="adam", **{"training.batch_size": 5}) | {"seed": 3}
    b = write_run(tmp_path / "b", changed, curves(10, final_loss=0.1, final_accuracy=0.9))
    return [a.path, b.path]


def test_only_what_differs_is_listed(two: list[Path]) -> None:
    made = compare(two)
    assert dict(made.settings) == {
        "optimizer": [["sgd"], ["adam"]],
        "optimizer.lr": [[0.01], [0.001]],
        "training.batch_size": [[50], [5]],
        "seed": [[0], [3]],
    }
    assert made.best("test_loss") == 0
    assert made.best("test_accuracy") == 0
    assert made.best("parameters") is None
    lines = as_table(made).split("\n")
    row = next(line for line in lines if line.startswith("test accuracy"))
    assert row.split()[-1].startswith("-")
    assert "*" in row


def test_what_diverged_is_not_the_best(two: list[Path], tmp_path: Path) -> None:
    better = curves(10, final_loss=0.001)
    lost = write_run(tmp_path / "c", resolved(**{"optimizer.lr": 9}), better, status="diverged")
    made = compare([*two, lost.path])
    assert made.metrics["test_loss"][2].mean < made.metrics["test_loss"][0].mean
    assert made.best("test_loss") == 0


def test_losses_of_different_kinds_are_not_compared(two: list[Path], tmp_path: Path) -> None:
    other = write_run(
        tmp_path / "c", resolved(loss="cross_entropy"), curves(10, final_loss=0.3, final_accuracy=1)
    )
    made = compare([two[0], other.path])
    assert (made.best("test_loss"), made.best("train_loss"), made.best("test_accuracy")) == (
        *(None, None),
        1,
    )
    text = as_table(made)
    cells = {line.split("  ")[0]: line.split() for line in text.splitlines()}
    assert len(cells["test loss"]) == 4  # no difference
    assert "of different losses, which say nothing about each other: train loss, test loss" in text


def test_nothing_is_better_on_other_data(two: list[Path], tmp_path: Path) -> None:
    other = write_run(tmp_path / "c", resolved(data="moons"), curves(10, final_accuracy=0.99))
    made = compare([two[0], other.path])
    assert [m for m in made.metrics if made.best(m) is not None] in ([], ["train_seconds"])
    assert any(note.startswith("on different data") for note in made.notes)


def test_formats_are_read_back(two: list[Path]) -> None:
    made = compare(two)
    rows = {row[0]: row[1:] for row in csv.reader(io.StringIO(as_csv(made)))}
    assert rows["key"] == ["a", "b"]
    assert rows["training.batch_size"] == ["50", "5"]
    exact = [of.mean for of in made.metrics["test_loss"]]
    assert [float(cell) for cell in rows["test_loss_mean"]] == exact
    assert rows["test_loss_std"] == ["", ""]
    content = json.loads(as_json(made, Path("p.png")))
    assert content["settings"]["optimizer"] == [["sgd"], ["adam"]]
    assert content["metrics"]["test_loss"][0]["mean"] == exact[0]
    assert content["plot"] == "p.png"
    assert {line.count("|") for line in as_markdown(made).split("\n") if "|" in line} == {5}
    assert max(map(columns, as_table(made, 50).split("\n"))) <= 50


def test_groups_of_runs_have_means_and_bands(tmp_path: Path) -> None:
    for name, rate in (("slow", 0.01), ("fast", 0.1)):
        sweep(
            tmp_path / name,
            {"optimizer.lr": [rate]},
            look=lambda s, seed: {"status": "diverged"} if seed == 2 else {},
        )
    made = compare([tmp_path / "slow", tmp_path / "fast", tmp_path / "fast"][:2])
    assert made.sides[0].status == "2 done, 1 diverged"
    assert made.metrics["test_loss"][0].n == 2
    assert list(made.settings) == ["optimizer.lr"]
    notes: list[str] = []
    figure = draw(made, notes)
    assert figure is not None
    assert style.to_png(figure).startswith(b"\x89PNG")
    assert not notes


def test_a_single_sweep_is_taken_apart_into_its_groups(tmp_path: Path) -> None:
    folder = sweep(tmp_path / "s", {"optimizer.lr": [0.1, 0.01], "loss": ["mse", "cross_entropy"]})
    made = compare([folder])
    assert [side.name for side in made.sides] == [
        f"loss={loss}, lr={rate}" for loss in ("cross_entropy", "mse") for rate in (0.01, 0.1)
    ]
    assert {len(side.group.members) for side in made.sides} == {3}
    assert plot_path([folder]) == folder / "plots" / "comparison.png"
    members = sorted(folder.glob("*-0"))
    first, second, *_ = (member.name for member in members)
    named = folder / "plots" / f"comparison-{first}-{second}.png"
    assert plot_path(members[:2]) == named  # another comparison doesn't take its place
    many, others = plot_path(members), plot_path(members[1:])
    assert many is not None
    assert others is not None
    assert (many.parent, many == others) == (folder / "plots", False)
    assert len(many.name) < 110
    assert plot_path([members[0], tmp_path]) is None
    one = sweep(tmp_path / "one", {"optimizer.lr": [0.1]})
    assert [side.name for side in compare([one]).sides] == [f"lr=0.1-{seed}" for seed in range(3)]


def test_of_many_groups_the_best_are_compared_and_many_runs_refused(tmp_path: Path) -> None:
    rates = [0.01 * (i + 1) for i in range(MOST_SIDES + 3)]
    folder = sweep(
        tmp_path / "s",
        {"optimizer.lr": rates},
        repeats=1,
        look=lambda settings, seed: {"final_accuracy": 1 - settings["optimizer.lr"]},
    )
    made = compare([folder])
    assert [side.value("optimizer.lr") for side in made.sides] == [[r] for r in rates[:MOST_SIDES]]
    assert made.notes == ["the 12 best of 15 by test accuracy: `minidl report` has a row for each"]
    with pytest.raises(RunError, match="shows 12 runs at most, but got 15"):
        compare(sorted(path for path in folder.iterdir() if path.is_dir()))


def test_an_unfinished_run_is_compared_as_far_as_it_came(two: list[Path]) -> None:
    folder = two[0]
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**record, "status": "interrupted"}))
    made = compare(two)
    assert made.metrics["test_loss"][0].n == 1
    figure = draw(made, [])
    assert figure is not None
    assert len(figure.axes[0].lines) == 2


def test_one_run_or_the_same_twice_or_a_damaged_one_is_refused(two: list[Path]) -> None:
    with pytest.raises(RunError, match="two runs at least"):
        compare(two[:1])
    with pytest.raises(RunError, match="the same folder"):
        compare([two[0], two[0]])
    (two[1] / "run.json").write_text("{")
    with pytest.raises(RunError, match=r"run\.json: is damaged"):
        compare(two)


def test_hostile_names_are_words(tmp_path: Path) -> None:
    a = write_run(tmp_path / "=cmd()|$x^2$ <svg onload=x>", resolved(), curves(3))
    b = write_run(tmp_path / "\x1b[31mred\u202e", resolved(seed=1), curves(3))
    made = compare([a.path, b.path])
    for text in (as_table(made), as_markdown(made), as_csv(made), as_json(made)):
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert "'=cmd()|" in as_csv(made)
    assert "\\=cmd()\\|\\$x^2\\$ &lt;svg" in as_markdown(made)
    figure = draw(made, [])
    assert figure is not None
    style.to_png(figure)
