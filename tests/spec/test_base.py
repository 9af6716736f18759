"""`base: other.yaml`: what a config takes over, and whose place a problem has."""

from pathlib import Path

import pytest

from minidl.errors import ConfigError
from minidl.spec import Spec, dump, load_report, load_spec, load_sweep

BASE = """\
name: wide
data: {type: csv, path: a.csv, target: y, columns: {age: {type: number, missing: median}}}
model: {type: mlp, hidden: [50, 50], activation: tanh}
optimizer: {type: sgd, lr: 0.1, momentum: 0.9}
training: {epochs: 7, batch_size: 16}
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/base.yaml").write_text(BASE)
    return tmp_path


def over(text: str, *overrides: str) -> Spec:
    Path("c.yaml").write_text(f"base: shared/base.yaml\n{text}\n")
    return load_spec("c.yaml", overrides)


def refusal(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        over(text)
    assert caught.value.exit_code == 2
    return str(caught.value).splitlines()


def test_mappings_merge_key_by_key_and_own_keys_win() -> None:
    spec = over("training: {epochs: 3}\noptimizer: {lr: 0.3}\nmodel: {mlp: [5]}")
    assert (spec.training.epochs, spec.training.batch_size) == (3, 16)
    assert (spec.optimizer.lr, spec.optimizer.momentum) == (0.3, 0.9)
    assert spec.model.hidden == (5,)  # a list is replaced
    assert spec.model.activation.type == "tanh"
    assert over("data: {columns: {age: {missing: mean}}}").data.columns["age"].missing == "mean"


def test_a_component_of_another_type_replaces_the_whole() -> None:
    spec = over("optimizer: adam\ndata: {columns: {age: category}}")
    assert (
        spec.optimizer == load_spec({"data": "disk", "model": "mlp", "optimizer": "adam"}).optimizer
    )
    assert spec.data.columns["age"].type == "category"


def test_a_config_has_its_own_name_and_paths_start_where_they_were_written(project: Path) -> None:
    spec = over("seed: 1")
    assert spec.name == "c"
    assert spec.data.path == project / "shared/a.csv"
    assert over("data: {path: b.csv}").data.path == project / "b.csv"


def test_bases_stand_on_each_other_and_overrides_on_all() -> None:
    Path("shared/base.yaml").write_text(f"base: deeper.yaml\n{BASE}")
    Path("shared/deeper.yaml").write_text("seed: 5\ntraining: {patience_of_nobody: 1}\n")
    assert refusal("")[0].startswith(
        "shared/deeper.yaml:2:12: training.patience_of_nobody: unknown"
    )
    Path("shared/deeper.yaml").write_text("seed: 5\ntraining: {epochs: 1, drop_last: true}\n")
    spec = over("", "training.epochs=2", "optimizer.lr=0.7")
    assert (spec.seed, spec.training.epochs, spec.training.drop_last) == (5, 2, True)
    assert (spec.optimizer.lr, spec.optimizer.momentum) == (0.7, 0.9)


def test_what_is_written_down_has_no_base() -> None:
    spec = over("seed: 1")
    assert "base" not in dump(spec)
    assert load_spec({"base": "c.yaml", "name": "c"}) == spec


def test_a_problem_names_the_file_in_which_the_value_stands() -> None:
    Path("shared/base.yaml").write_text(BASE.replace("lr: 0.1", "lr: -1"))
    assert refusal("training: {epochs: 0}") == [
        "c.yaml:2:20: training.epochs: expected an integer ≥ 1, but got 0",
        "shared/base.yaml:4:28: optimizer.lr: expected a number > 0, but got -1",
    ]


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("nowhere.yaml", "nowhere.yaml: no such file"),
        ("shared/bas.yaml", "shared/bas.yaml: no such file; did you mean 'shared/base.yaml'?"),
        ("shared", "shared: is a directory"),
        ("[a.yaml]", "expected the path of another config, but got a list of 1"),
        ("", "expected the path of another config, but got nothing"),
        ("c.yaml", "goes round in a circle: c.yaml → c.yaml"),
    ],
)
def test_a_base_that_cannot_be_is_one_line_with_its_place(base: str, message: str) -> None:
    Path("c.yaml").write_text(f"data: disk\nmodel: mlp\nbase: {base}\n")
    with pytest.raises(ConfigError) as caught:
        load_spec("c.yaml")
    assert str(caught.value) == f"c.yaml:3:{7 if base else 6}: base: {message}"


def test_a_circle_over_several_files_says_which() -> None:
    Path("shared/base.yaml").write_text("base: ../d.yaml\n")
    Path("d.yaml").write_text("base: shared/./base.yaml\n")
    assert refusal("") == [
        "d.yaml:1:7: base: goes round in a circle: shared/base.yaml → d.yaml → shared/base.yaml"
    ]


def test_bases_end() -> None:
    for number in range(30):
        Path(f"{number}.yaml").write_text(f"base: {number + 1}.yaml\n")
    with pytest.raises(ConfigError, match=r"16\.yaml:1:7: base: is one base too many: 16 may"):
        load_spec("0.yaml")


def test_a_base_cannot_be_overridden() -> None:
    with pytest.raises(ConfigError, match=r"base: unknown key; .*can't be overridden"):
        over("", "base=other.yaml")


def test_blocks_are_taken_over_unless_they_are_set_to_nothing() -> None:
    blocks = "sweep: {grid: {optimizer.lr: [0.1, 0.2]}}\nreport: {tables: []}\n"
    Path("shared/base.yaml").write_text(BASE + blocks)
    Path("c.yaml").write_text("base: shared/base.yaml\nsweep: {repeats: 3}\n")
    assert len(load_sweep("c.yaml").members) == 6
    assert load_report("c.yaml") is not None
    assert over("sweep:\nreport: null").seed == 0
    assert load_report("c.yaml") is None
    assert "use `minidl sweep CONFIG`" in refusal("")[0]
