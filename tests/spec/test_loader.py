"""YAML is read as people mean it, and nothing else of YAML is read at all."""

from pathlib import Path

import pytest
from spec.helpers import Problem, Problems

from minidl.errors import ConfigError
from minidl.spec import load_spec, parse_spec

BASE = "data: disk\nmodel: mlp\n"


@pytest.mark.parametrize(
    ("written", "meant"),
    [("1e-3", 1e-3), ("1e3", 1000.0), (".5", 0.5), ("5.", 5.0), ("1.0e+5", 1e5), ("+2", 2.0)],
)
def test_what_looks_like_a_number_is_one(written: str, meant: float) -> None:
    assert parse_spec(BASE + f"optimizer: {{type: sgd, lr: {written}}}").optimizer.lr == meant


def test_a_number_may_start_with_a_sign_and_a_point() -> None:
    spec = parse_spec(BASE.replace("mlp", "{type: mlp, init: {constant: -.5}}"))
    assert spec.model.init.value == -0.5


@pytest.mark.parametrize(
    "written",
    ["007", "2024-01-01", "2024-13-45", "7", "1e-3", "yes", "no", "on", "true"],
)
def test_where_text_is_expected_it_is_what_was_written(written: str) -> None:
    assert parse_spec(BASE + f"name: {written}").name == written


def test_a_column_may_be_called_like_a_number() -> None:
    data = "data: {type: csv, path: a.csv, target: 2020, features: [1990, 01, 1:30]}\nmodel: mlp"
    spec = parse_spec(data)
    assert (spec.data.target, spec.data.features) == ("2020", ("1990", "01", "1:30"))


@pytest.mark.parametrize("written", ["012", "1:30", "190:20:30", "0x10", "1_000", "'3'", "1e400"])
def test_what_is_no_plain_integer_is_none(written: str, problem: Problem) -> None:
    assert "c.yaml:3:7: seed: expected an integer ≥ 0, but got" in problem(
        BASE + f"seed: {written}"
    )


@pytest.mark.parametrize("written", ["3.0", "1e3", "1.0e+5", "true"])
def test_neither_floats_nor_booleans_are_integers(written: str, problem: Problem) -> None:
    assert f"seed: expected an integer ≥ 0, but got {written}" in problem(BASE + f"seed: {written}")


@pytest.mark.parametrize("written", ["yes", "no", "on", "off", "True", "y", "1", "'true'"])
def test_only_true_and_false_are_booleans(written: str, problem: Problem) -> None:
    line = problem(BASE + f"training: {{drop_last: {written}}}")
    assert "training.drop_last: expected true or false, but got" in line


@pytest.mark.parametrize("written", [".nan", ".inf", "-.inf", "1e999", "nan", "inf"])
def test_numbers_are_finite(written: str, problem: Problem) -> None:
    line = problem(BASE + f"optimizer: {{type: sgd, lr: {written}}}")
    assert "optimizer.lr: expected a number > 0, but got" in line


def test_an_empty_value_is_an_error_where_a_value_is_needed(problem: Problem) -> None:
    assert problem(BASE + "optimizer:\n  type: sgd\n  lr:\n") == (
        "c.yaml:5:6: optimizer.lr: expected a number > 0, but got nothing; "
        "write a value or leave the key out"
    )


def test_an_empty_value_is_fine_where_null_is() -> None:
    assert parse_spec(BASE + "training: {clip_norm: }").training.clip_norm is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "c.yaml: is empty; `minidl new` writes a config to start from"),
        ("# only a comment\n", "c.yaml: is empty"),
        ("- data", "c.yaml:1:1: expected a mapping of keys such as data and model, but got a list"),
        ("disk", "c.yaml:1:1: expected a mapping of keys such as data and model, but got the text"),
        (BASE + "---\na: 1", "c.yaml:3:1: a second document starts here"),
        (BASE + "<<: {seed: 1}", "c.yaml:3:1: merge keys (<<) aren't used in a config"),
        (BASE + "name: !!str x", "c.yaml:3:7: tags ('tag:yaml.org,2002:str') aren't used"),
        (BASE + "name: !!python/object:os.system x", "c.yaml:3:7: tags ("),
        (BASE + "name: &a x", "c.yaml:3:7: anchors (&a) aren't used in a config: write it out"),
        (BASE + "1: x", "c.yaml:3:1: a key must be text, but got '1'"),
        (
            BASE + "optimizer: {type: sgd, lr: 1,5}",
            "got '5'; a list stands in [ ], and a decimal number has a point",
        ),
        (BASE + "seed:0\nloss: mse", "; write 'key: value', with a space after the colon"),
        (BASE + "true: x", "c.yaml:3:1: a key must be text, but got 'true'"),
        (BASE + "? [a, b]\n: x", "c.yaml:3:3: a key must be text, but got a list or a mapping"),
        (BASE + "seed: 1\nseed: 2", "c.yaml:4:1: the key 'seed' is given twice (first in line 3)"),
        ("%YAML 1.1\n---\n" + BASE, "YAML directives (%YAML, %TAG) aren't used in a config"),
        (BASE + "seed: " + "9" * 5000, "c.yaml:3:7: the integer '99999"),
        (BASE + "seed: 9223372036854775808", "c.yaml:3:7: the integer '9223372036854775808' is"),
        (BASE + 'name: "\\ud800"', "c.yaml:3:"),
        (BASE + "name: \ud800", "c.yaml: holds half of a surrogate pair, which isn't text"),
        (
            BASE + "name: \x00",
            "c.yaml:3:7: isn't valid YAML: holds the control character '\\x00'; is it UTF-16?",
        ),
        ("[" * 2000, "c.yaml:1:33: nested more than 32 levels deep"),
        (BASE + "x: " + "{a: " * 40 + "1" + "}" * 40, "nested more than 32 levels deep"),
        (
            BASE + "loss: [mse",
            "isn't valid YAML: while parsing a flow sequence",
        ),
        (BASE + "loss:\n\ttype: mse", "YAML is indented with spaces, not with tabs"),
        ("a: " + "x" * 1_000_001, "c.yaml: is larger than 1 MB, too large for a config"),
        ("a: [" + "1," * 20_000 + "]", "more than 10,000 values, too many for a config"),
    ],
)
def test_what_is_no_config_is_one_clear_line(text: str, complaint: str, problems: Problems) -> None:
    lines = problems(text)
    assert complaint in lines[0]
    assert len(lines) == 1


def test_an_alias_is_reported_once_and_hides_no_other_problem(problems: Problems) -> None:
    assert problems("data: &d disk\nmodel: *d\nseed: -1") == [
        "c.yaml:1:7: anchors (&d) aren't used in a config: write it out",
        "c.yaml:2:8: aliases (*d) aren't used in a config: write it out",
        "c.yaml:3:7: seed: expected an integer ≥ 0, but got -1",
    ]


def test_aliases_that_multiply_are_never_followed(problems: Problems) -> None:
    bomb = "a: &a [x]\n" + "".join(
        f"{new}: &{new} [{', '.join(['*' + old] * 9)}]\n"
        for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert problems(bomb)[-1].startswith("c.yaml:")


def test_a_thousand_problems_are_not_all_listed(problems: Problems) -> None:
    lines = problems(BASE + "".join(f"key_{index}: 1\n" for index in range(1000)))
    assert len(lines) <= 101
    lines = problems(BASE + "seed: 1\n" * 1000)
    assert lines[-1] == "and more: only 100 problems are listed"


def test_a_file_with_a_byte_order_mark_and_windows_line_ends_loads(tmp_path: Path) -> None:
    path = tmp_path / "run one.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + BASE.replace("\n", "\r\n").encode())
    assert load_spec(path).name == "run one"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, ": no such file"),
        (b"", ": is empty"),
        (b"data: disk\nname: \xff\n", ":2: isn't UTF-8 text (byte 0xff)"),
        (BASE.encode("utf-16"), ":1: isn't UTF-8 text (but UTF-16): save the file as UTF-8"),
        (b"#" * 1_000_001, ": is larger than 1 MB, too large for a config"),
    ],
)
def test_a_file_that_is_no_config_is_named(
    tmp_path: Path, content: bytes | None, complaint: str
) -> None:
    path = tmp_path / "c.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_spec(path)
    assert str(caught.value).startswith(f"{path}{complaint}")


@pytest.mark.parametrize(
    ("path", "complaint"),
    [(".", "is a directory"), ("/dev/zero", "isn't a regular file"), ("x" * 300, "x{300}: ")],
)
def test_a_path_that_is_no_file_is_named(path: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        load_spec(path)


def test_a_path_with_a_nul_is_no_such_file() -> None:
    with pytest.raises(ConfigError):
        load_spec("a\0b")
