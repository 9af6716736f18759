"""validate, schema, components and new: what they print and write."""

import json
from pathlib import Path

import pytest
import typer
from minidl_cli.components import components
from minidl_cli.new import Kind, new, starter
from minidl_cli.options import Format
from minidl_cli.schema import schema
from minidl_cli.validate import validate

from minidl.errors import ConfigError, DataError, RunError
from minidl.spec import component_groups, load_spec, parse_spec


def test_validate_says_ok_on_stdout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("data: disk\nmodel: mlp\n")
    validate(config, ["optimizer.lr=0.1"])
    assert capsys.readouterr().out == f"{config}: ok\n"


def test_validate_shows_what_the_columns_of_a_table_were_taken_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"{i},{'red' if i % 3 else 'green'},{'ab'[i % 2]}" for i in range(20)]
    (tmp_path / "t.csv").write_text("\n".join(["size,colour,kind", *lines]))
    (tmp_path / "c.yaml").write_text(
        "data: {type: csv, path: t.csv, target: kind}\nmodel: mlp\nloss: cross_entropy\n"
    )
    validate(tmp_path / "c.yaml", data=True)
    _, *shown, _ = capsys.readouterr().out.splitlines()
    assert shown == [
        "to predict: 'kind', of 'a', 'b'",
        "numbers: 'size'",
        "words: 'colour', of 'green', 'red'",
        "rows of each class: 'a' 10, 'b' 10",
        "baseline: test accuracy 50.0 %, by the majority",
        "note: 'size' numbers the rows, it seems: leave it out (data.drop)",
    ]


def test_validate_raises_all_problems(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("data: disk\nmodel: mlp\nseed: -1\n")
    with pytest.raises(ConfigError) as caught:
        validate(config, ["optimizer.lr=0"])
    assert len(caught.value.problems) == 2


STUDY = """\
data: {type: disk, train: 20, test: 10}
model: {type: mlp, hidden: [4]}
sweep: {grid: {optimizer.lr: [0.1, 1e-2], model.hidden: [[3], WIDTHS]}}
"""


def test_validate_checks_every_run_of_a_study(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(STUDY.replace("WIDTHS", "[5]"))
    validate(config, ["training.epochs=1,2"], data=True)
    assert capsys.readouterr().out.splitlines() == [
        "2 classes, 2 inputs, 20 training and 10 test samples, 13 parameters",
        "2 classes, 2 inputs, 20 training and 10 test samples, 21 parameters",
        f"{config}: ok, 8 runs",
    ]
    config.write_text(STUDY.replace("WIDTHS", "[0]").replace("1e-2", "-1"))
    with pytest.raises(ConfigError) as caught:
        validate(config)
    assert [problem.place.rpartition("c.yaml")[2] for problem in caught.value.problems] == [
        ":3:36",
        ":3:62",
    ]


def test_validate_reads_every_file_of_a_study(tmp_path: Path) -> None:
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    paths[0].write_text("x,y\n" + "1,a\n2,b\n" * 5 + "much,a\n")
    config = tmp_path / "c.yaml"
    config.write_text(
        "data: {type: csv, path: a.csv, target: y}\nmodel: mlp\nloss: cross_entropy\n"
        "sweep: {grid: {data.path: [a.csv, b.csv]}}\n"
    )
    with pytest.raises(DataError) as caught:
        validate(config, data=True)
    assert "a.csv: row 12, column 'x'" in caught.value.problems[0]
    assert "b.csv: there is no such file" in caught.value.problems[1]


def test_validate_in_json_says_what_is_wrong_and_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("data: disk\nmodel: mlp\noptimizer: {type: sgd, lr: -1}\n")
    with pytest.raises(typer.Exit) as caught:
        validate(config, format=Format.json)
    assert caught.value.exit_code == 2
    found = json.loads(capsys.readouterr().out)
    assert found["valid"] is False
    (problem,) = found["problems"]
    assert (problem["key"], problem["line"], problem["column"]) == ("optimizer.lr", 3, 28)
    validate(config, ["optimizer.lr=1"], data=True, format=Format.json)
    assert json.loads(capsys.readouterr().out) == {
        "config": str(config),
        "valid": True,
        "runs": 1,
        "data": ["2 classes, 2 inputs, 1,000 training and 1,000 test samples, 1,401 parameters"],
        "notes": [],
    }


def test_components_in_json_have_the_same_options(capsys: pytest.CaptureFixture[str]) -> None:
    components("adam", format=Format.json)
    ((group,),) = [json.loads(capsys.readouterr().out)]
    (adam,) = group["components"]
    assert (group["name"], adam["name"]) == ("optimizer", "adam")
    assert {"lr", "betas"} <= {option["name"] for option in adam["options"]}


def test_schema_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    schema()
    assert json.loads(capsys.readouterr().out)["type"] == "object"


def test_components_lists_every_option_in_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    components()
    text = capsys.readouterr().out
    assert "\x1b" not in text
    assert all(line == line.rstrip() for line in text.splitlines())
    for group in component_groups():
        for component in group.components:
            assert f"  {component.name}" in text
            assert all(f"      {option.name}" in text for option in component.options)


@pytest.mark.parametrize(
    ("name", "shown", "hidden"),
    [
        ("optimizer", "adagrad", "cross_entropy"),
        ("adam", "betas            = [0.9, 0.999]", "adagrad"),
        ("he", "he_normal, he", "xavier"),
        ("step", "step_size  required", "cosine"),
    ],
)
def test_components_of_one_name(
    name: str, shown: str, hidden: str, capsys: pytest.CaptureFixture[str]
) -> None:
    components(name)
    text = capsys.readouterr().out
    assert shown in text
    assert hidden not in text


def test_an_unknown_component_is_refused_with_a_guess() -> None:
    with pytest.raises(ConfigError, match=r"component 'addam'; .* did you mean 'adam'"):
        components("addam")


@pytest.mark.parametrize("kind", list(Kind))
def test_new_writes_a_config_that_loads(kind: Kind, tmp_path: Path) -> None:
    path = tmp_path / "my first.yaml"
    new(path, kind)
    spec = load_spec(path)
    assert (spec.name, spec.data.type) == ("my first", kind)
    assert f"minidl train '{path}'" in path.read_text()


def test_new_replaces_a_file_only_when_told(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("mine")
    with pytest.raises(RunError, match="exists already"):
        new(path)
    assert path.read_text() == "mine"
    new(path, overwrite=True)
    assert load_spec(path)
    with pytest.raises(RunError, match="is a folder"):
        new(tmp_path, overwrite=True)


def test_an_odd_file_name_stays_inside_its_comment() -> None:
    spec = parse_spec(starter(Kind.disk, Path("a\nseed: 7.yaml")))
    assert spec.seed == 0
