"""Words for the values of a grid: log(…), range(…), choice(…)."""

from __future__ import annotations

from pathlib import Path

import pytest

from minidl.errors import ConfigError
from minidl.spec import load_spec, load_sweep
from minidl.spec.grid_words import grid_values

CONFIG = "data: disk\nmodel: mlp\n"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("log(1e-4, 1e-1, 4)", ["1e-4", "0.001", "0.01", "1e-1"]),
        ("log(1,10,2)", ["1", "10"]),
        ("range(3)", ["0", "1", "2"]),
        ("range(1, 8, 3)", ["1", "4", "7"]),
        ("range(3, 0, -1)", ["3", "2", "1"]),
        ("choice(relu, [tanh, relu], {type: elu, alpha: 2})",
         ["relu", "[tanh, relu]", "{type: elu, alpha: 2}"]),
    ],
)  # fmt: skip
def test_a_word_stands_for_its_values(text: str, values: list[str]) -> None:
    assert grid_values(text) == values


@pytest.mark.parametrize("text", ["0.1", "logistic", "log", "[log(1, 2, 3)]", "rangefinder(2)", ""])
def test_what_isn_t_a_word_stands_for_itself(text: str) -> None:
    assert grid_values(text) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("log(0, 1, 3)", "0 < low < high"),
        ("log(1, 0.1, 3)", "0 < low < high"),
        ("log(1, inf, 3)", "0 < low < high"),
        ("log(1, 10, 1)", "an integer count ≥ 2"),
        ("log(1, 10)", "expected log"),
        ("log(1, 10, 3, 4)", "expected log"),
        ("range(0)", "holds 0 values"),
        ("range(1000000)", "holds 1,000,000 values"),
        ("range(1.5)", "of integers"),
        ("range(1, 2, 0)", "of integers"),
        ("choice(a,,b)", "an empty value"),
        ("choice()", "an empty value"),
    ],
)
def test_a_word_used_wrongly_says_how_it_is_used(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        grid_values(text)
    config = tmp_path / "c.yaml"
    config.write_text(f"{CONFIG}sweep: {{grid: {{seed: '{text}'}}}}\n")
    for place, arguments in (("c.yaml:3:", []), ("command line", [f"seed={text}"])):
        with pytest.raises(ConfigError, match=message) as caught:
            load_sweep(config, arguments)
        assert place in str(caught.value)


def test_a_grid_takes_words_in_the_file_and_on_the_command_line(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(f"{CONFIG}sweep: {{grid: {{optimizer.lr: 'log(1e-3, 1e-1, 3)'}}}}\n")
    sweep = load_sweep(config, ["seed=range(2)"])
    found = {(one.values["optimizer.lr"], one.values["seed"]) for one in sweep.members}
    assert found == {(lr, seed) for lr in (0.001, 0.01, 0.1) for seed in (0, 1)}


def test_one_run_takes_no_words(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(CONFIG)
    with pytest.raises(ConfigError, match="makes a list of runs in `minidl sweep` only"):
        load_spec(config, ["optimizer.lr=log(1e-3, 1e-1, 3)"])
