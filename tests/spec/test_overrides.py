"""`key=value` on the command line changes the config as if it had been written there."""

from pathlib import Path

import pytest
from spec.helpers import Problem, Problems

from minidl.spec import Spec, load_spec, parse_spec
from minidl.spec.grid_words import split_commas
from minidl.spec.init import ConstantInit, XavierNormalInit
from minidl.spec.layer import DropoutLayer
from minidl.spec.optimizer import AdamOptimizer, SgdOptimizer

BASE = "data: disk\nmodel: mlp\noptimizer: {type: sgd, lr: 0.5, weight_decay: 0.1}\n"


def changed(*overrides: str, text: str = BASE) -> Spec:
    return parse_spec(text, "c.yaml", overrides)


def test_an_override_replaces_one_value() -> None:
    assert changed("optimizer.lr=1e-2").optimizer == SgdOptimizer(lr=0.01, weight_decay=0.1)


def test_a_bare_name_replaces_the_component_and_a_type_only_the_type() -> None:
    assert changed("optimizer=adam").optimizer == AdamOptimizer()
    assert changed("optimizer.type=adam").optimizer == AdamOptimizer(lr=0.5, weight_decay=0.1)


def test_a_type_that_lacks_the_keys_that_stand_there_is_refused_by_its_name(
    problem: Problem,
) -> None:
    text = BASE + "schedule: {type: cosine, final: 0.1}"
    assert problem(text, "schedule.type=constant") == (
        "c.yaml:4:26: schedule.final: unknown key; the keys here are type, warmup; "
        "'schedule.type=constant' changed the type alone: 'schedule=constant' replaces all keys "
        "beside it"
    )
    assert "changed the type" not in problem(text, "schedule.type=cosine", "schedule.finale=1")


def test_overrides_reach_into_short_forms_and_defaults() -> None:
    text = "data: disk\nmodel: {sequential: [{linear: 5}, {dropout: 0.1}, linear]}\noptimizer: sgd"
    spec = changed(
        "optimizer.lr=0.1",
        "model.layers[1].p=0.2",
        "model.layers[0].out_features=7",
        "model.init=xavier",
        "model.init.gain=2",
        "schedule.warmup=3",
        "training.early_stopping.patience=4",
        "data.train=10",
        text=text,
    )
    assert spec.optimizer == SgdOptimizer(lr=0.1)
    assert spec.model.layers[1] == DropoutLayer(p=0.2)
    assert spec.model.layers[0].out_features == 7
    assert spec.model.init == XavierNormalInit(gain=2.0)
    assert (spec.schedule.type, spec.schedule.warmup) == ("constant", 3)
    assert spec.training.early_stopping.patience == 4
    assert spec.data.train == 10


def test_an_item_of_a_default_list_can_be_changed() -> None:
    assert changed("model.hidden[1]=3").model.hidden == (25, 3, 25)


def test_lists_and_mappings_are_written_as_in_yaml() -> None:
    spec = changed("model.hidden=[4, 2]", "model.init={constant: 0.5}", "name=007")
    assert (spec.model.hidden, spec.model.init) == ((4, 2), ConstantInit(value=0.5))
    assert spec.name == "007"


def test_the_last_of_several_wins_and_null_unsets() -> None:
    assert changed("seed=1", "seed=2").seed == 2
    text = BASE + "training: {clip_norm: 1.0}"
    assert changed("training.clip_norm=null", text=text).training.clip_norm is None


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("optimizer.lr=-1", "command line: optimizer.lr: expected a number > 0, but got -1 "
         "(in the override 'optimizer.lr=-1')"),
        ("optimizer.lr=", "optimizer.lr: expected a number > 0, but got nothing"),
        ("optimzer.lr=1", "command line: optimzer: unknown key; the keys here are name, seed"),
        ("optimizer.rl=1", "command line: optimizer.rl: unknown key; the keys here are type, lr"),
        ("optimizer.lr", "command line: expected key=value, such as optimizer.lr=0.01"),
        ("=1", "command line: expected key=value"),
        ("optimizer..lr=1", "command line: expected key=value"),
        ("[0]=1", "command line: expected key=value"),
        ("model.hidden=[1", "isn't valid YAML"),
        ("name=&a x", "command line: anchors (&a) aren't used in a config"),
        ("model.hidden[3]=1", "model.hidden[3]: there is no item [3]: the last is [2]"),
        ("model.hidden.x=1", "model.hidden.x: there is no key 'x' in a list of 3"),
        ("optimizer.lr.x=1", "optimizer.lr.x: there is no key 'x' in 0.5"),
        ("sweep.repeats=3", "sweep: describes many runs"),
        ("optimizer.lr=1e-1,1e-2", "optimizer.lr: a comma makes a list of runs in `minidl sweep` "
         "only; here write 'optimizer.lr=[1e-1,1e-2]' for a list"),
        ("name=\x1b[31m", "command line: isn't valid YAML"),
    ],
)  # fmt: skip
def test_a_wrong_override_is_quoted(override: str, expected: str, problem: Problem) -> None:
    text = BASE.replace("mlp", "{mlp: [1, 2, 3]}")
    line = problem(text, override)
    assert expected in line
    assert "(in the override" in line


def test_problems_of_the_file_come_before_those_of_the_command_line(problems: Problems) -> None:
    lines = problems(BASE + "seed: -1", "optimizer.lr=-1", "device=gpu")
    assert [line.split(": ")[0] for line in lines] == ["c.yaml:4:7", "command line", "command line"]


def test_commas_split_outside_brackets_and_quotes_only() -> None:
    assert split_commas("1,[2,3],{a: 1,b: 2},'4,5',\"6,7\"") == [
        "1",
        "[2,3]",
        "{a: 1,b: 2}",
        "'4,5'",
        '"6,7"',
    ]


def test_paths_start_in_the_folder_of_the_config_or_where_the_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "configs").mkdir()
    config = tmp_path / "configs" / "c.yaml"
    config.write_text("data: {type: csv, path: ../a.csv, target: y}\nmodel: mlp")
    monkeypatch.chdir(tmp_path)
    relative = Path("configs/c.yaml")
    assert load_spec(relative).data.path == tmp_path / "a.csv"
    spec = load_spec(relative, ["data.test_path=b.csv"])
    assert (spec.data.path, spec.data.test_path) == (tmp_path / "a.csv", tmp_path / "b.csv")
    assert load_spec(relative, ["data.path=/x/a.csv"]).data.path == Path("/x/a.csv")


def test_a_path_may_start_in_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    spec = parse_spec("data: {type: csv, path: ~/a.csv, target: y}\nmodel: mlp")
    assert spec.data.path == Path("/home/me/a.csv")
