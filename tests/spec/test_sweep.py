"""A `sweep:` block and overrides with commas → the members of a sweep."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from minidl.errors import ConfigError
from minidl.names import check_name
from minidl.spec import (
    AdamOptimizer,
    CrossEntropyLoss,
    MseLoss,
    SgdOptimizer,
    Sweep,
    load_spec,
    load_sweep,
)
from minidl.spec.dump import to_yaml

BASE = """\
data: disk
model: mlp
optimizer: {type: sgd, lr: 0.5}
"""  # a block that follows stands in line 4


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Sweep]:
    """Loads c.yaml: the base and a block, with overrides."""
    monkeypatch.chdir(tmp_path)

    def loaded(
        block: str = "", *overrides: str, repeats: int | None = None, base: str = BASE
    ) -> Sweep:
        Path("c.yaml").write_text(base + block + "\n")
        return load_sweep("c.yaml", overrides, repeats)

    return loaded


@pytest.fixture
def refusal(load: Callable[..., Sweep]) -> Callable[..., list[str]]:
    """What a user reads where a sweep is refused."""

    def read(block: str, *overrides: str, base: str = BASE) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            load(block, *overrides, base=base)
        assert caught.value.exit_code == 2
        return str(caught.value).splitlines()

    return read


def values(sweep: Sweep) -> list[tuple[object, ...]]:
    return [tuple(member.values.values()) for member in sweep.members]


def names(sweep: Sweep) -> list[str]:
    return [member.name for member in sweep.members]


# The block.


def test_a_grid_has_every_combination_the_last_key_fastest(load) -> None:
    sweep = load("sweep: {grid: {optimizer.lr: [1e-2, 1e-3], training.batch_size: [5, 50]}}")
    assert values(sweep) == [(0.01, 5), (0.01, 50), (0.001, 5), (0.001, 50)]
    for member in sweep.members:
        lr, batch_size = member.values.values()
        assert (member.spec.optimizer.lr, member.spec.training.batch_size) == (lr, batch_size)


def test_a_member_is_the_config_with_its_values_put_in(load, tmp_path: Path) -> None:
    (member,) = load("sweep: {grid: {optimizer.lr: [0.25], model.dropout: [0.1]}}").members
    plain = tmp_path / "plain.yaml"
    plain.write_text("name: c\n" + BASE)
    assert member.spec == load_spec(plain, ["optimizer.lr=0.25", "model.dropout=0.1"])


def test_values_that_are_zipped_go_together_beside_the_grid(load) -> None:
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


def test_repeats_count_the_seed_up(load) -> None:
    sweep = load("seed: 7\nsweep: {grid: {optimizer.lr: [1, 2]}, repeats: 3}")
    assert values(sweep) == [(lr, seed) for lr in (1, 2) for seed in (7, 8, 9)]
    assert [member.spec.seed for member in sweep.members] == [7, 8, 9] * 2


def test_equal_members_are_one(load) -> None:
    assert len(load("sweep: {grid: {optimizer.lr: [0.1, 1e-1, 0.10]}}").members) == 1
    overlapping = load("sweep: {grid: {seed: [1, 2]}, repeats: 2}")
    assert [member.spec.seed for member in overlapping.members] == [1, 2, 3]


def test_whole_components_vary_and_keys_deep_in_them_whichever_is_written_first(load) -> None:
    for block in (
        "sweep: {grid: {optimizer: [sgd, adam], optimizer.lr: [0.1]}}",
        "sweep: {grid: {optimizer.lr: [0.1], optimizer: [sgd, adam]}}",
    ):
        optimizers = [member.spec.optimizer for member in load(block).members]
        assert optimizers == [SgdOptimizer(lr=0.1), AdamOptimizer(lr=0.1)]
        assert {member.values["optimizer"] for member in load(block).members} == {"sgd", "adam"}


def test_a_component_with_options_is_shown_with_them(load) -> None:
    sweep = load("sweep: {grid: {loss: [mse, {type: cross_entropy, label_smoothing: 0.1}]}}")
    assert [m.spec.loss for m in sweep.members] == [
        MseLoss(),
        CrossEntropyLoss(label_smoothing=0.1),
    ]
    assert values(sweep) == [("mse",), ("cross_entropy(label_smoothing=0.1)",)]


def test_keys_reach_into_lists(load) -> None:
    base = "data: disk\nmodel: {sequential: [{linear: 5}, {dropout: 0.1}, linear]}\n"
    sweep = load("sweep: {grid: {'model.layers[1].p': [0.2, 0.3]}}", base=base)
    assert [member.spec.model.layers[1].p for member in sweep.members] == [0.2, 0.3]


def test_a_block_without_values_is_one_run(load) -> None:
    assert values(load()) == [()]
    assert values(load("sweep: {}")) == [()]


RANDOM = (
    "sweep: {random: {samples: %d, optimizer.lr: {log_uniform: [1e-4, 1]}, "
    "model.dropout: {uniform: [0.2, 0.4]}, model.activation: {choice: [relu, tanh]}}, seed: %d}"
)


def test_random_values_come_from_their_ranges(load) -> None:
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


def test_random_members_are_the_same_each_time_and_stay_when_samples_grow(load) -> None:
    assert names(load(RANDOM % (5, 0))) == names(load(RANDOM % (5, 0)))
    assert names(load(RANDOM % (9, 0)))[:5] == names(load(RANDOM % (5, 0)))
    assert not set(names(load(RANDOM % (5, 1)))) & set(names(load(RANDOM % (5, 0))))


def test_random_numbers_are_whole_where_the_key_takes_an_integer(load) -> None:
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


def test_points_that_give_one_run_are_counted(load) -> None:
    same = load("sweep: {grid: {optimizer.lr: [0.1, 1e-1, 0.2], loss: [mse, {type: mse}]}}")
    assert (len(same.members), same.repeated) == (2, 4)
    assert load("sweep: {grid: {seed: [0, 1]}, repeats: 2}").repeated == 1
    assert load("sweep: {grid: {seed: [0, 1]}}").repeated == 0


def test_the_hint_for_milestones_with_rates_can_be_typed(load, refusal) -> None:
    rates = "schedule={type: multistep, milestones: [[2, 0.03], [4, 0.01]]}"
    (line,) = refusal("", rates, "optimizer.lr=0.1,1", "model.hidden=[3]")
    typed = line.split("or '")[1].partition("'")[0]
    assert typed == "schedule={type: multistep, milestones: [2, 4], factor: 0.33}"
    assert len(load("", typed, "optimizer.lr=0.1,1").members) == 2
    assert len(load("", "schedule=constant", "optimizer.lr=0.1,1").members) == 2


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("sweep:", "c.yaml:4:7: sweep: expected a mapping with grid, zip, random or repeats, "
         "but got nothing"),
        ("sweep: 3", "c.yaml:4:8: sweep: expected a mapping with grid, zip, random or repeats, "
         "but got 3"),
        ("sweep: {gird: {seed: [1]}}", "c.yaml:4:9: sweep.gird: unknown key 'gird'; "
         "did you mean 'grid'?"),
        ("sweep: {grid: {}}", "c.yaml:4:15: sweep.grid: expected a mapping from keys to lists of "
         "values, but got an empty mapping"),
        ("sweep: {grid: [1]}", "c.yaml:4:15: sweep.grid: expected a mapping from keys to lists of "
         "values, but got a list of 1"),
        ("sweep: {grid: {seed: []}}", "c.yaml:4:22: sweep.grid.seed: expected a list of values, "
         "but got an empty list"),
        ("sweep: {grid: {seed: 3}}", "c.yaml:4:22: sweep.grid.seed: expected a list of values, "
         "but got 3"),
        ("sweep: {grid: {optimizer.rl: [1]}}", "c.yaml:4:31: optimizer.rl: unknown key; the keys "
         "here are type, lr, momentum, dampening, nesterov, weight_decay, decoupled"),
        ("sweep: {grid: {optimzer.lr: [1]}}", "c.yaml:4:30: optimzer: unknown key; the keys here "
         "are name, seed, device, data, model, loss, optimizer, schedule, training; did you mean "
         "'optimizer'?"),
        ("sweep: {grid: {loss: [mes]}}", "c.yaml:4:23: loss: expected a loss (mse, bce, "
         "bce_with_logits, cross_entropy), but got the text 'mes'; did you mean 'mse'?"),
        ("sweep: {grid: {optimizer.lr: [0.1, -1]}}", "c.yaml:4:36: optimizer.lr: expected a number "
         "> 0, but got -1"),
        ("sweep: {grid: {'a..b': [1]}}", "c.yaml:4:25: a..b: expected a key such as optimizer.lr"),
        ("sweep: {grid: {'model.hidden[7]': [1]}}", "c.yaml:4:36: model.hidden[7]: there is no "
         "item [7]: the last is [2]"),
        ("sweep: {zip: {seed: [1, 2], optimizer.lr: [1]}}", "c.yaml:4:14: sweep.zip: expected "
         "lists of the same length, but got a mapping"),
        ("sweep: {grid: {seed: [1]}, zip: {seed: [2]}}", "c.yaml:4:34: sweep.zip.seed: stands in "
         "sweep.grid already"),
        ("sweep: {grid: {seed: [1]}, grid: {seed: [2]}}", "c.yaml:4:28: the key 'grid' is given "
         "twice (first in line 4)"),
        ("sweep: {repeats: 0}", "c.yaml:4:18: sweep.repeats: expected an integer ≥ 1, but got 0"),
        ("sweep: {repeats: true}", "c.yaml:4:18: sweep.repeats: expected an integer ≥ 1, "
         "but got true"),
        ("sweep: {random: {samples: 2}}", "c.yaml:4:17: sweep.random: expected samples and keys "
         "with a distribution, but got a mapping"),
        ("sweep: {random: {seed: {choice: [1]}}}", "c.yaml:4:17: sweep.random.samples: is missing: "
         "expected an integer ≥ 1"),
        ("schedule: {type: multistep, milestones: [[9, 0.1]]}\nsweep: {grid: {optimizer.lr: [1]}}",
         "c.yaml:4:41: schedule.milestones: name rates, whatever the swept optimizer.lr is: add "
         "schedule=constant, or 'schedule={type: multistep, milestones: [9], factor: 0.1}'"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_block_is_one_line_with_its_place(
    block: str, expected: str, refusal
) -> None:
    assert refusal(block) == [expected]


@pytest.mark.parametrize(
    "distribution",
    [
        "{log_uniform: [0, 1]}",
        "{log_uniform: [1, 0.1]}",
        "{uniform: [1]}",
        "{uniform: [0, x]}",
        "{loguniform: [1, 2]}",
        "{choice: []}",
        "{uniform: [0, 1], choice: [1]}",
        "[1, 2]",
        "3",
    ],
)
def test_a_distribution_that_is_none_is_refused(distribution: str, refusal) -> None:
    (line,) = refusal(f"sweep: {{random: {{samples: 2, optimizer.lr: {distribution}}}}}")
    assert line.startswith(
        "c.yaml:4:44: sweep.random.optimizer.lr: expected {uniform: [low, high]}, "
        "{log_uniform: [low, high]} with 0 < low, or {choice: [value, …]}, but got "
    )


def test_all_mistakes_are_told_at_once_in_the_files_order(refusal) -> None:
    lines = refusal("sweep: {grid: {seed: 3}, gird: {}, repeats: x}")
    assert [line.split(": ")[0] for line in lines] == ["c.yaml:4:22", "c.yaml:4:26", "c.yaml:4:45"]
    lines = refusal("sweep: {grid: {seed: [-1, 1], model.dropout: [0.1, 2]}}")
    assert [line.split(": ")[0] for line in lines] == ["c.yaml:4:23", "c.yaml:4:52"]


def test_ten_million_members_are_refused_with_the_number(refusal) -> None:
    ten = list(range(10))
    block = f"sweep: {{grid: {{seed: {ten}, data.seed: {ten}, model.seed: {ten}}}, repeats: 10000}}"
    assert refusal(block) == [
        "c.yaml: sweep: has 10,000,000 members, more than the 100,000 that one may have"
    ]


def test_rates_may_be_named_where_the_schedule_varies_too(load) -> None:
    schedule = "{type: multistep, milestones: [[9, 0.1]]}"
    block = f"sweep: {{zip: {{optimizer.lr: [1, 2], schedule: [{schedule}, constant]}}}}"
    assert len(load(block).members) == 2


# The command line.


def test_commas_outside_brackets_make_a_list(load) -> None:
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


def test_a_list_in_brackets_is_one_value(load) -> None:
    assert values(load("", "model.hidden=[5,5]")) == [()]
    sweep = load("", "model.hidden=[5,5],[3]")
    assert [member.spec.model.hidden for member in sweep.members] == [(5, 5), (3,)]
    assert values(sweep) == [("[5, 5]",), ("[3]",)]


def test_a_type_varies_under_the_options_that_stand_there(load, refusal) -> None:
    sweep = load("", "optimizer.type=sgd,adam")
    assert [member.spec.optimizer for member in sweep.members] == [
        SgdOptimizer(lr=0.5),
        AdamOptimizer(lr=0.5),
    ]
    (line,) = refusal("", "optimizer.type=sgd,adam", base=BASE.replace("0.5", "0.5, momentum: 0.9"))
    assert line.startswith("c.yaml:3:33: optimizer.momentum: unknown key; the keys here are")


@pytest.mark.parametrize("group", ["grid: {optimizer.lr: [1, 2]}", "zip: {optimizer.lr: [1, 2]}"])
def test_the_command_line_replaces_the_same_key_of_the_block(group: str, load) -> None:
    block = f"sweep: {{{group}, repeats: 2}}"
    assert values(load(block, "optimizer.lr=0.1,0.2,0.3", repeats=1)) == [(0.1,), (0.2,), (0.3,)]
    single = load(block, "optimizer.lr=0.1")
    assert values(single) == [(0,), (1,)]
    assert {member.spec.optimizer.lr for member in single.members} == {0.1}


def test_a_random_key_is_replaced_too(load) -> None:
    sweep = load(RANDOM % (2, 0), "optimizer.lr=1,2")
    assert [m.spec.optimizer.lr for m in sweep.members] == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("optimizer.lr=0.1,,0.2", "command line: has an empty value between commas"),
        ("optimizer.lr=0.1,", "command line: has an empty value between commas"),
        ("optimzer.lr=1,2", "command line: optimzer: unknown key; the keys here are name, seed, "
         "device, data, model, loss, optimizer, schedule, training; did you mean 'optimizer'?"),
        ("optimizer.lr=1,-1", "command line: optimizer.lr: expected a number > 0, but got -1"),
        ("=1,2", "command line: expected a key such as optimizer.lr"),
        ("optimizer.lr", "command line: expected key=value, such as optimizer.lr=0.01"),
        ("optimizer.lr=1,&a 2", "command line: anchors (&a) aren't used in a config"),
        ("loss=mse,[", "command line: isn't valid YAML"),
    ],
)  # fmt: skip
def test_a_wrong_override_is_quoted(override: str, expected: str, refusal) -> None:
    lines = refusal("", override)
    assert lines[0].startswith(expected)
    assert f"(in the override {override!r})" in lines[0]


# Names.


def test_names_say_the_values_and_the_seed(load) -> None:
    sweep = load("", "optimizer.lr=0.1,0.01", "loss=mse,cross_entropy")
    assert names(sweep)[0].rpartition("-")[0] == "lr=0.1,loss=mse,seed=0"
    clash = load("sweep: {grid: {seed: [1], data.seed: [2]}}")
    assert names(clash)[0].rpartition("-")[0] == "seed=1,data.seed=2"


def test_names_stay_when_the_grid_grows(load) -> None:
    small = load("sweep: {grid: {optimizer.lr: [0.1, 0.2]}}")
    for block, repeats in [
        ("sweep: {grid: {optimizer.lr: [0.3, 0.2, 0.1]}}", None),
        ("sweep: {grid: {optimizer.lr: [0.1, 0.2]}, repeats: 3}", None),
        ("sweep: {grid: {optimizer.lr: [0.1, 0.2]}}", 2),
        ("report: {}\nsweep: {zip: {optimizer.lr: [0.1, 0.2]}}", None),
    ]:
        assert set(names(small)) <= set(names(load(block, repeats=repeats)))


def test_names_change_with_anything_that_changes_the_run(load) -> None:
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


def test_names_are_safe_folders_whatever_the_values_are(load, tmp_path: Path) -> None:
    base = "data: {type: csv, path: a.csv, target: y}\nmodel: mlp\n"
    sweep = load(f"sweep: {{grid: {{data.target: {json.dumps(HOSTILE)}}}}}", base=base)
    assert [member.spec.data.target for member in sweep.members] == HOSTILE
    made = names(sweep)
    assert len({name.casefold() for name in made}) == len(HOSTILE)
    for name in made:
        check_name(name)
        assert not set(name) & set(" /\\$`'\"|()!;<>*?:\t\n")
        (tmp_path / name).mkdir()


# What is written down.


def test_a_sweep_that_is_written_down_loads_as_the_same_members(load, tmp_path: Path) -> None:
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


def test_the_report_block_is_kept_and_its_mistakes_show_at_once(load, refusal) -> None:
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
def test_numbers_that_no_config_can_hold(block: str, said: str, refusal) -> None:
    (line,) = refusal(block)
    assert line.startswith(said)
    assert "did you mean" not in line


def test_a_drawn_integer_is_one_that_a_config_can_hold(load) -> None:
    sweep = load("sweep: {random: {samples: 3, training.epochs: {uniform: [1, 1e308]}}}")
    assert {member.spec.training.epochs for member in sweep.members} == {2**63 - 1}
