"""What a sweep chose, on seeds that nobody has looked at."""

from __future__ import annotations

from pathlib import Path

import pytest
from study_cases import curves, resolved, write_run
from trainings import minidl

from minidl.report.members.collect import Member, collect
from minidl.report.members.confirmed import best_group, confirmed, fresh_seeds
from minidl.report.members.groups import t_quantile
from minidl.report.tables.table import default_metrics, default_score

CONFIG = """\
name: small
data: {type: moons, train: 60, test: 40}
model: {mlp: [4]}
optimizer: {type: sgd, lr: 0.1}
training: {epochs: 2}
"""


def members(folder: Path, lr: float, accuracies: list[float | None], **seeds: int) -> list[Member]:
    made = []
    for seed, accuracy in enumerate(accuracies):
        config = resolved(**{"optimizer.lr": lr}) | {"seed": seed}
        if seeds:
            config["model"] |= {"seed": seed + seeds["model"]}
        status = "diverged" if accuracy is None else "done"
        run = write_run(folder / f"{lr}-{seed}", config, curves(3), status=status)
        record = run.read_record()
        record.final = {"test_accuracy": accuracy}
        run.write_record(record)
        made.append(Member.read(run, record))
    return made


def test_the_best_mean_is_chosen_one_without_divergence_first(tmp_path: Path) -> None:
    good = members(tmp_path, 0.1, [0.8, 0.8])
    lucky = members(tmp_path, 0.2, [0.99, None])
    assert best_group([*good, *lucky], "test_accuracy").members == good
    better = members(tmp_path, 0.3, [0.7, 0.95])
    assert best_group([*good, *lucky, *better], "test_accuracy").members == better


def test_seeds_are_fresh_for_all_runs_and_all_streams(tmp_path: Path) -> None:
    some, more = members(tmp_path, 0.1, [0.8, 0.8]), members(tmp_path, 0.2, [0.7] * 5)
    group = best_group([*some, *more], "test_accuracy")
    assert fresh_seeds([*some, *more], group, 3) == ["seed=5,6,7"]
    crossed = members(tmp_path / "crossed", 0.1, [0.8, 0.9], model=7)
    assert fresh_seeds(crossed, best_group(crossed, "test_accuracy"), 2) == [
        "seed=2,3", "model.seed=null",
    ]  # fmt: skip


def test_it_says_by_how_much_the_choice_flattered(tmp_path: Path) -> None:
    chosen = best_group(members(tmp_path / "swept", 0.1, [0.9, 0.94]), "test_accuracy")
    fresh = members(tmp_path / "fresh", 0.1, [0.8, 0.82, 0.84, None])
    (one,) = confirmed(chosen, fresh, ["test_accuracy", "test_r2"])
    assert one.flattering == pytest.approx(0.1)
    assert one.ci95 == pytest.approx(t_quantile(2) * 0.02 * (1 / 2 + 1 / 3) ** 0.5)
    assert one.diverged == 1


def test_the_command_trains_the_best_on_fresh_seeds(tmp_path: Path) -> None:
    config = tmp_path / "small.yaml"
    config.write_text(CONFIG)
    runs_dir = tmp_path / "runs"
    command = ["sweep", config, "optimizer.lr=0.1,1e-9", "--repeats", 2, "--runs-dir", runs_dir]
    done = minidl(*command, "--confirm", 3)
    assert done.code == 0, done.err
    sweep, fresh, *said = done.out.splitlines()
    assert sweep == str(runs_dir / "small")
    confirmed_members = collect([fresh]).members
    assert [one.settings["seed"] for one in confirmed_members] == [2, 3, 4]
    assert {one.settings["optimizer.lr"] for one in confirmed_members} == {0.1}
    assert len(said) == 2
    assert all("over 3 fresh runs; the sweep's" in one for one in said)


def test_seeds_of_streams_are_crossed(tmp_path: Path) -> None:
    config = tmp_path / "small.yaml"
    config.write_text(CONFIG)
    command = ["sweep", config, "--dry-run", "--vary", "data,init", "--runs-dir", tmp_path]
    assert len(minidl(*command, "--repeats", 3).out.splitlines()) == 9
    for wrong, said in ((["--repeats", 1], "2 or more"), ([], "2 or more")):
        refused = minidl(*command, *wrong)
        assert refused.code == 2
        assert said in refused.err
    unknown = minidl("sweep", config, "--vary", "dta", "--repeats", 2)
    assert "did you mean 'data'?" in unknown.err


def test_where_all_diverged_the_score_is_that_of_the_task(tmp_path: Path) -> None:
    found = members(tmp_path, 0.1, [None, None])
    for task, score in [("regression", "test_r2"), ("images", "test_psnr")]:
        for one in found:
            one.record.task = task
        assert default_score(found) == score
        assert default_metrics(found) == ["test_loss", score]
