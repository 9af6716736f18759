"""A sweep over folds: its members, and how they train side by side."""

from __future__ import annotations

import csv
from pathlib import Path
from unittest import mock

import pytest
from sweep.helpers import alone, assert_same_run, carried_out, loaded, planned
from trainings import plainly

from minidl.errors import RunError
from minidl.spec import Sweep, load_sweep
from minidl.train.programs import Programs

IRIS = """\
data: {type: iris, test_fraction: 0.3}
model: {mlp: [4]}
loss: cross_entropy
training: {epochs: 2, batch_size: 20}
"""
FOUR = f"{IRIS}sweep: {{folds: 4, repeats: 3}}\n"  # two of 38 rows, two of 37


def seeds_and_folds(sweep: Sweep) -> list[tuple[int, int | None]]:
    return [(member.spec.seed, member.spec.data.model_dump()["fold"]) for member in sweep.members]


def test_each_repeat_is_tested_on_each_fold(tmp_path: Path) -> None:
    sweep = loaded(tmp_path, text=FOUR)
    assert seeds_and_folds(sweep) == [(seed, fold) for seed in (0, 1, 2) for fold in (1, 2, 3, 4)]
    assert all(member.spec.data.model_dump()["test_fraction"] is None for member in sweep.members)
    assert sweep.members[5].values == {"seed": 1, "data.fold": 2}
    assert sweep.members[5].name.startswith("seed=1,fold=2-")


def test_the_command_s_folds_replace_the_block_s(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(FOUR)
    sweep = load_sweep(tmp_path / "c.yaml", ["data=wine,iris"], repeats=1, folds=2)
    assert seeds_and_folds(sweep) == [(0, 1), (0, 2)] * 2
    assert sweep.block["folds"] == 2


def test_folds_train_in_lanes_and_come_out_as_if_alone(tmp_path: Path) -> None:
    made: list[int] = []
    of = Programs.of

    def watched(trainer: object, width: int = 1) -> Programs:
        found = of(trainer, width)  # type: ignore[arg-type]
        made.append(found.engine.lanes)
        return found

    with mock.patch.object(Programs, "of", watched):
        folder = carried_out(tmp_path, text=FOUR)
    assert len(made) == 2  # one for each size: none trains by itself
    assert min(made) > 1
    for member in loaded(tmp_path, text=FOUR).members[3:6]:
        assert_same_run(folder.run(member), alone(member.spec, tmp_path / "alone", member.name))
    with (folder.path / "results.csv").open() as file:
        found = [(int(row["seed"]), int(row["data.fold"])) for row in csv.DictReader(file)]
    assert found == seeds_and_folds(loaded(tmp_path, text=FOUR))


@plainly
def test_without_a_compiler_each_trains_by_itself(tmp_path: Path) -> None:
    carried_out(tmp_path, text=FOUR)


def test_more_repeats_and_a_larger_grid_leave_what_is_there(tmp_path: Path) -> None:
    block = "sweep: {folds: 2, repeats: REPEATS, grid: {optimizer.lr: LR}}\n"
    few = block.replace("REPEATS", "1").replace("LR", "[0.1]")
    more = block.replace("REPEATS", "2").replace("LR", "[0.1, 0.2]")
    carried_out(tmp_path, text=IRIS + few)
    assert planned(tmp_path, text=IRIS + more).missing == 6


def test_another_number_of_folds_is_another_sweep(tmp_path: Path) -> None:
    carried_out(tmp_path, text=f"{IRIS}sweep: {{folds: 2}}\n")
    with pytest.raises(RunError, match=r"sweep\.folds: 2 → 3"):
        planned(tmp_path, text=f"{IRIS}sweep: {{folds: 3}}\n")
