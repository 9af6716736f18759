"""A `sweep:` block and overrides with commas → the members of a sweep."""

from __future__ import annotations

from pathlib import Path

import pytest
from spec.helpers import SWEPT, Load, Refusal, names

from minidl.spec import Sweep, load_spec, load_sweep
from minidl.spec.dump import to_yaml
from minidl.spec.loss import CrossEntropyLoss, MseLoss
from minidl.spec.optimizer import AdamOptimizer, SgdOptimizer


def values(sweep: Sweep) -> list[tuple[object, ...]]:
    return [tuple(member.values.values()) for member in sweep.members]


# The block.


def test_a_grid_has_every_combination_the_last_key_fastest(load: Load) -> None:
    sweep = load("sweep: {grid: {optimizer.lr: [1e-2, 1e-3], training.batch_size: [5, 50]}}")
    assert values(sweep) == [(0.01, 5), (0.01, 50), (0.001, 5), (0.001, 50)]
    for member in sweep.members:
        lr, batch_size = member.values.values()
        assert (member.spec.optimizer.lr, member.spec.training.batch_size) == (lr, batch_size)


def test_a_member_is_the_config_with_its_values_put_in(load: Load, tmp_path: Path) -> None:
    (member,) = load("sweep: {grid: {optimizer.lr: [0.25], model.dropout: [0.1]}}").members
    plain = tmp_path / "plain.yaml"
    plain.write_text("name: c\n" + SWEPT)
    assert member.spec == load_spec(plain, ["optimizer.lr=0.25", "model.dropout=0.1"])


def test_values_that_are_zipped_go_together_beside_the_grid(load: Load) -> None:
    sweep = load(
        "sweep: {zip: {optimizer.lr: [1, 2], training.batch_size: [5, 50]}, "
        "grid: {loss: [mse, cross_entropy]}}"
    )
    assert values(sweep) == [
        ("mse", 1, 5),
        ("mse", 2, 50),
        ("cross_entropy", 1, 5),
        ("cross_entropy", 2, 50),
    ]


def test_repeats_count_the_seed_up(load: Load) -> None:
    sweep = load("seed: 7\nsweep: {grid: {optimizer.lr: [1, 2]}, repeats: 3}")
    assert values(sweep) == [(lr, seed) for lr in (1, 2) for seed in (7, 8, 9)]
    assert [member.spec.seed for member in sweep.members] == [7, 8, 9] * 2


def test_equal_members_are_one(load: Load) -> None:
    assert len(load("sweep: {grid: {optimizer.lr: [0.1, 1e-1, 0.10]}}").members) == 1
    overlapping = load("sweep: {grid: {seed: [1, 2]}, repeats: 2}")
    assert [member.spec.seed for member in overlapping.members] == [1, 2, 3]


def test_whole_components_vary_and_keys_deep_in_them_whichever_is_written_first(load: Load) -> None:
    for block in (
        "sweep: {grid: {optimizer: [sgd, adam], optimizer.lr: [0.1]}}",
        "sweep: {grid: {optimizer.lr: [0.1], optimizer: [sgd, adam]}}",
    ):
        optimizers = [member.spec.optimizer for member in load(block).members]
        assert optimizers == [SgdOptimizer(lr=0.1), AdamOptimizer(lr=0.1)]
        assert {member.values["optimizer"] for member in load(block).members} == {"sgd", "adam"}


def test_a_component_with_options_is_shown_with_them(load: Load) -> None:
    sweep = load("sweep: {grid: {loss: [mse, {type: cross_entropy, label_smoothing: 0.1}]}}")
    assert [m.spec.loss for m in sweep.members] == [
        MseLoss(),
        CrossEntropyLoss(label_smoothing=0.1),
    ]
    assert values(sweep) == [("mse",), ("cross_entropy(label_smoothing=0.1)",)]


def test_keys_reach_into_lists(load: Load) -> None:
    base = "data: disk\nmodel: {sequential: [{linear: 5}, {dropout: 0.1}, linear]}\n"
    sweep = load("sweep: {grid: {'model.layers[1].p': [0.2, 0.3]}}", base=base)
    assert [member.spec.model.layers[1].p for member in sweep.members] == [0.2, 0.3]


def test_a_block_without_values_is_one_run(load: Load) -> None:
    assert values(load()) == [()]
    assert values(load("sweep: {}")) == [()]


RANDOM = (
    "sweep: {random: {samples: %d, optimizer.lr: {log_uniform: [1e-4, 1]}, "
    "model.dropout: {uniform: [0.2, 0.4]}, model.activation: {choice: [relu, tanh]}}, seed: %d}"
)


def test_random_values_come_from_their_ranges(load: Load) -> None:
    drawn = load(RANDOM % (200, 0)).members
    rates = [member.spec.optimizer.lr for member in drawn]
    assert len(set(rates)) == 200
    assert 1e-4 <= min(rates) < 5e-4
    assert 0.3 < max(rates) <= 1
    # Log-uniform: half of them lie below the geometric mean. 200 draws stray by 7 (1 std).
    assert 65 < sum(rate < 1e-2 for rate in rates) < 135
    dropouts = [member.spec.model.dropout for member in drawn]
    assert 0.2 <= min(dropouts) < 0.21 < 0.39 < max(dropouts) <= 0.4
    assert 65 < sum(p < 0.3 for p in dropouts) < 135
    activations = [member.spec.model.activation.type for member in drawn]
    assert 65 < activations.count("tanh") < 135


def test_random_members_are_the_same_each_time_and_stay_when_samples_grow(load: Load) -> None:
    assert names(load(RANDOM % (5, 0))) == names(load(RANDOM % (5, 0)))
    assert names(load(RANDOM % (9, 0)))[:5] == names(load(RANDOM % (5, 0)))
    assert not set(names(load(RANDOM % (5, 1)))) & set(names(load(RANDOM % (5, 0))))


def test_random_numbers_are_whole_where_the_key_takes_an_integer(load: Load) -> None:
    drawn = load(
        "sweep: {random: {samples: 60, "
        "training.batch_size: {log_uniform: [1, 1000]}, 'model.hidden[1]': {uniform: [4, 9]}, "
        "training.checkpoint_every: {uniform: [1, 2]}, model.init.std: {uniform: [1, 2]}}}",
        base="data: disk\nmodel: {type: mlp, hidden: [5, 6], init: {normal: 0.1}}\n",
    ).members
    specs = [member.spec for member in drawn]
    assert {spec.model.hidden[1] for spec in specs} == {4, 5, 6, 7, 8, 9}
    assert {spec.training.checkpoint_every for spec in specs} == {1, 2}
    sizes = [spec.training.batch_size for spec in specs]
    assert min(sizes) < 10 < 300 < max(sizes)
    assert all(type(size) is int for size in sizes)
    assert len({spec.model.init.std for spec in specs}) == 60  # a number stays one
    assert {member.values["model.hidden[1]"] for member in drawn} == {4, 5, 6, 7, 8, 9}


def test_points_that_give_one_run_are_counted(load: Load) -> None:
    same = load("sweep: {grid: {optimizer.lr: [0.1, 1e-1, 0.2], loss: [mse, {type: mse}]}}")
    assert (len(same.members), same.repeated) == (2, 4)
    assert load("sweep: {grid: {seed: [0, 1]}, repeats: 2}").repeated == 1
    assert load("sweep: {grid: {seed: [0, 1]}}").repeated == 0


def test_the_hint_for_milestones_with_rates_can_be_typed(load: Load, refusal: Refusal) -> None:
    rates = "schedule={type: multistep, milestones: [[2, 0.03], [4, 0.01]]}"
    (line,) = refusal("", rates, "optimizer.lr=0.1,1", "model.hidden=[3]")
    typed = line.split("or '")[1].partition("'")[0]
    assert typed == "schedule={type: multistep, milestones: [2, 4], factor: 0.33}"
    assert len(load("", typed, "optimizer.lr=0.1,1").members) == 2
    assert len(load("", "schedule=constant", "optimizer.lr=0.1,1").members) == 2


def test_rates_may_be_named_where_the_schedule_varies_too(load: Load) -> None:
    schedule = "{type: multistep, milestones: [[9, 0.1]]}"
    block = f"sweep: {{zip: {{optimizer.lr: [1, 2], schedule: [{schedule}, constant]}}}}"
    assert len(load(block).members) == 2


# The command line.


def test_commas_outside_brackets_make_a_list(load: Load) -> None:
    sweep = load("", "optimizer.lr=1e-1,1e-2", "loss=mse,cross_entropy", "seed=1,2,3")
    assert len(sweep.members) == 12
    assert values(sweep)[0] == (0.1, "mse", 1)
    assert sweep.block == {
        "grid": {
            "optimizer.lr": [0.1, 0.01],
            "loss": ["mse", "cross_entropy"],
            "seed": [1, 2, 3],
        },
        "repeats": 1,
    }


def test_a_list_in_brackets_is_one_value(load: Load) -> None:
    assert values(load("", "model.hidden=[5,5]")) == [()]
    sweep = load("", "model.hidden=[5,5],[3]")
    assert [member.spec.model.hidden for member in sweep.members] == [(5, 5), (3,)]
    assert values(sweep) == [("[5, 5]",), ("[3]",)]


def test_a_type_varies_under_the_options_that_stand_there(load: Load, refusal: Refusal) -> None:
    sweep = load("", "optimizer.type=sgd,adam")
    assert [member.spec.optimizer for member in sweep.members] == [
        SgdOptimizer(lr=0.5),
        AdamOptimizer(lr=0.5),
    ]
    (line,) = refusal(
        "", "optimizer.type=sgd,adam", base=SWEPT.replace("0.5", "0.5, momentum: 0.9")
    )
    assert line.startswith("c.yaml:3:33: optimizer.momentum: unknown key; the keys here are")


@pytest.mark.parametrize("group", ["grid: {optimizer.lr: [1, 2]}", "zip: {optimizer.lr: [1, 2]}"])
def test_the_command_line_replaces_the_same_key_of_the_block(group: str, load: Load) -> None:
    block = f"sweep: {{{group}, repeats: 2}}"
    assert values(load(block, "optimizer.lr=0.1,0.2,0.3", repeats=1)) == [(0.1,), (0.2,), (0.3,)]
    single = load(block, "optimizer.lr=0.1")
    assert values(single) == [(0,), (1,)]
    assert {member.spec.optimizer.lr for member in single.members} == {0.1}


def test_a_random_key_is_replaced_too(load: Load) -> None:
    sweep = load(RANDOM % (2, 0), "optimizer.lr=1,2")
    assert [m.spec.optimizer.lr for m in sweep.members] == [1, 1, 2, 2]


# What is written down.


def test_a_sweep_that_is_written_down_loads_as_the_same_members(load: Load, tmp_path: Path) -> None:
    base = "data: {type: csv, path: a.csv, target: y}\nmodel: mlp\n"
    for block, overrides in [
        ("sweep: {grid: {data.path: [b.csv, sub/c.csv]}, repeats: 2}", ()),
        ("sweep: {grid: {data: [{type: csv, path: b.csv, target: y}, disk]}}", ()),
        (RANDOM % (3, 4), ("loss=mse,cross_entropy", "data.test_path=t.csv")),
        ("sweep: {zip: {model.init: [he, {constant: 0.5}], seed: [1, 2]}}", ("data.seed=7",)),
    ]:
        sweep = load(block, *overrides, base=base)
        elsewhere = tmp_path / "else" / "where"
        elsewhere.mkdir(parents=True, exist_ok=True)
        written = {**sweep.base, "sweep": sweep.block}
        (elsewhere / "sweep.yaml").write_text(to_yaml(_listed(written)))
        again = load_sweep(elsewhere / "sweep.yaml")
        assert again.members == sweep.members
        assert again.name == sweep.name == "c"


def _listed(value: object) -> object:
    if isinstance(value, dict):
        return {key: _listed(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_listed(inner) for inner in value]
    return str(value) if isinstance(value, Path) else value


def test_the_report_block_is_kept_and_its_mistakes_show_at_once(
    load: Load, refusal: Refusal
) -> None:
    assert load("report: {tables: [{by: [loss]}]}").report == {"tables": ({"by": ("loss",)},)}
    assert load().report is None
    (line,) = refusal("report: {tabels: []}")
    assert line.startswith("c.yaml:4:10: report.tabels: unknown key")


@pytest.mark.parametrize(
    ("block", "said"),
    [
        (
            "sweep: {random: {samples: 2, training.epochs: {uniform: [1, .inf]}}}",
            "c.yaml:4:47: sweep.random.training.epochs: expected {uniform: [low, high]}",
        ),
        (
            "sweep: {random: {samples: 2, optimizer.lr: {uniform: [-1e308, 1e308]}}}",
            "c.yaml:4:44: sweep.random.optimizer.lr: expected {uniform: [low, high]}",
        ),
        (
            "seed: 9223372036854775806\nsweep: {repeats: 5}",
            "c.yaml:4:7: seed: with 5 repeats goes beyond 9223372036854775807",
        ),
        ("sweep: {grid: {sweep: [1]}}", "c.yaml:4:24: sweep: unknown key"),
    ],
)
def test_numbers_that_no_config_can_hold(block: str, said: str, refusal: Refusal) -> None:
    (line,) = refusal(block)
    assert line.startswith(said)
    assert "did you mean" not in line


def test_a_drawn_integer_is_one_that_a_config_can_hold(load: Load) -> None:
    sweep = load("sweep: {random: {samples: 3, training.epochs: {uniform: [1, 1e308]}}}")
    assert {member.spec.training.epochs for member in sweep.members} == {2**63 - 1}
