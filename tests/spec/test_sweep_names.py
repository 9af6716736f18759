"""What the members of a sweep are called."""

from __future__ import annotations

import json
from pathlib import Path

from spec.helpers import Load, names

from minidl.spec import load_sweep
from minidl.store.names import check_name


def test_names_say_the_values_and_the_seed(load: Load) -> None:
    sweep = load("", "optimizer.lr=0.1,0.01", "loss=mse,cross_entropy")
    assert names(sweep)[0].rpartition("-")[0] == "lr=0.1,loss=mse,seed=0"
    clash = load("sweep: {grid: {seed: [1], data.seed: [2]}}")
    assert names(clash)[0].rpartition("-")[0] == "seed=1,data.seed=2"


def test_names_stay_when_the_grid_grows(load: Load) -> None:
    small = load("sweep: {grid: {optimizer.lr: [0.1, 0.2]}}")
    for block, repeats in [
        ("sweep: {grid: {optimizer.lr: [0.3, 0.2, 0.1]}}", None),
        ("sweep: {grid: {optimizer.lr: [0.1, 0.2]}, repeats: 3}", None),
        ("sweep: {grid: {optimizer.lr: [0.1, 0.2]}}", 2),
        ("report: {}\nsweep: {zip: {optimizer.lr: [0.1, 0.2]}}", None),
    ]:
        assert set(names(small)) <= set(names(load(block, repeats=repeats)))


def test_names_change_with_anything_that_changes_the_run(load: Load) -> None:
    one = names(load("sweep: {grid: {optimizer.lr: [0.1]}}"))
    other = names(load("training: {epochs: 7}\nsweep: {grid: {optimizer.lr: [0.1]}}"))
    renamed = names(load("name: other\nsweep: {grid: {optimizer.lr: [0.1]}}"))
    assert one != other
    assert one == renamed


HOSTILE = [
    "../../etc",
    "/etc/passwd",
    ".hidden",
    "-rf",
    "a b\tc",
    "$(reboot)",
    "`id`",
    "nul\\x",
    '"quoted"',
    "猫" * 60,
    "x" * 500,
    "=cmd|' /C calc'!A0",
    "\u202eabc",
    "\x07bell",
]


def test_names_differ_by_more_than_case(load: Load) -> None:
    """Some file systems take `A` and `a` for one."""
    found = names(load("", "name=run,Run,RUN"))
    assert len({name.casefold() for name in found}) == 3


def test_names_are_safe_folders_whatever_the_values_are(load: Load, tmp_path: Path) -> None:
    base = "data: {type: csv, path: a.csv, target: y}\nmodel: mlp\n"
    sweep = load(f"sweep: {{grid: {{data.target: {json.dumps(HOSTILE)}}}}}", base=base)
    assert [member.spec.data.target for member in sweep.members] == HOSTILE
    made = names(sweep)
    assert len({name.casefold() for name in made}) == len(HOSTILE)
    for name in made:
        check_name(name)
        assert not set(name) & set(" /\\$`'\"|()!;<>*?:\t\n")
        (tmp_path / name).mkdir()


def test_members_are_called_as_before(tmp_path: Path) -> None:
    """Else no sweep could go on that began before there were folds, metrics, weights of classes."""
    config = tmp_path / "small.yaml"
    config.write_text(
        "name: small\ndata: iris\nmodel: mlp\nloss: cross_entropy\ntraining: {epochs: 2}\n"
    )
    assert [member.name for member in load_sweep(config).members] == ["seed=0-edf101c9"]


def test_members_with_layers_are_called_as_before(tmp_path: Path) -> None:
    """Else no sweep could go on that began before these layers had all of their options."""
    config = tmp_path / "small.yaml"
    layers = "[{conv2d: 3}, batch_norm, {residual: [layer_norm]}, max_pool2d, flatten, linear]"
    text = f"data: {{type: digits, images: true}}\nmodel: {{sequential: {layers}}}\n"
    config.write_text(f"name: small\n{text}loss: cross_entropy\n")
    (before,) = load_sweep(config).members
    assert before.name == "seed=0-0319da25"
    config.write_text(
        f"name: small\n{text}loss: cross_entropy\n".replace(
            "[layer_norm]", "[{type: layer_norm, elementwise_affine: false}]"
        )
    )
    assert [member.name for member in load_sweep(config).members] != [before.name]
