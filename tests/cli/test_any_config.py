"""Whatever a config file holds, a command ends with exit code 0 or 2 and no traceback."""

from __future__ import annotations

import functools
import math
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from attempts import TIMES, Part, in_parts
from hostile import FORBIDDEN
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from trainings import Finished, minidl

pytestmark = [pytest.mark.torture, pytest.mark.timeout(300 * TIMES)]

CONFIGS = [
    path.read_text() for path in sorted((Path(__file__).parents[2] / "configs").rglob("*.yaml"))
]
# Small enough to build, and between them every layer, loss and kind of data that needs no file.
SMALL = [
    f"data: {data}\nmodel: {{type: sequential, layers: [{layers}]}}\nloss: {loss}\n"
    for data, layers, loss in (
        ("{type: disk, train: 20, test: 20}", "{linear: 5}, relu, linear", "mse"),
        ("iris", "batch_norm, {linear: 5}, {dropout: 0.5}, linear", "cross_entropy"),
        ("{type: noisy_sine, train: 20}", "{linear: 3}, layer_norm, gelu, linear", "mse"),
        (
            "{type: digits, images: true}",
            "{type: conv2d, out_channels: 2, kernel_size: 3}, {max_pool2d: 2}, flatten, linear",
            "cross_entropy",
        ),
        ("{type: moons, train: 20}", "{residual: [{linear: 2}, tanh]}, linear", "bce_with_logits"),
    )
]
PIECES = [
    *("1e-3", ".nan", "-.inf", "012", "1:30", "190:20:30", "yes", "~", "null", "", "1.0e+5"),
    *("2024-13-45", "2024-01-01", '"\\ud800"', "9" * 5000, "-0", "0x1F", "1e400", "1e-320"),
    *("9223372036854775807", "9223372036854775808", "-1", "0", "1", "true", "True", "100000"),
    *("[" * 2000, "{" * 50, "[]", "{}", "[[]]", "{a: {}}", "[1, 2]", "[[1, 0.1]]", "{type: }"),
    *("!!python/object:os.system x", "&a x", "*a", "<<: {a: 1}", "- -", "? ", "---", "...", "%"),
    *("\t", "\0", "\x1b[31m", "\u202e", '"\\x00"', "\ufeff", "\u2028", "\x85", "é", "😀"),
    *("@", "`", "|", ">", "!", "&", "*", "'", '"', "#", ": ", "\n", "\n  ", '"../x"', "/dev/zero"),
    *("relu", "{type: relu}", "{linear: 5}", "type", "sequential", "mse", "adam", "csv", "name"),
]
WORD = re.compile(r"[\w.+-]+")


@st.composite
def mutated(draw: st.DrawFn, texts: list[str]) -> bytes:
    """A sound config with up to four words, lines or characters replaced, moved or lost."""
    text = draw(st.sampled_from(texts))
    for kind in draw(st.lists(st.integers(0, 5), min_size=1, max_size=4)):
        words = list(WORD.finditer(text)) or [*re.finditer("^", text)]
        word: Any = draw(st.sampled_from(words))
        start, end = word.span()
        if kind == 0:  # another word of the same text
            text = text[:start] + draw(st.sampled_from(words))[0] + text[end:]
        elif kind == 1:
            text = text[:start] + draw(st.sampled_from(PIECES)) + text[end:]
        elif kind == 2:
            place = draw(st.integers(0, len(text)))
            text = text[:place] + draw(st.sampled_from(PIECES) | st.text(max_size=3)) + text[place:]
        elif kind == 3:
            text = text[:start] + text[start + draw(st.integers(1, 30)) :]
        else:
            lines = text.split("\n")
            line = lines[draw(st.integers(0, len(lines) - 1))]
            moved = " " * draw(st.integers(0, 6)) + line.lstrip() if kind == 4 else line
            lines.insert(draw(st.integers(0, len(lines))), moved)
            text = "\n".join(lines)
    return text.encode("utf-8", "surrogatepass")


@pytest.fixture(scope="module", autouse=True)
def one_command_tree() -> Iterator[None]:
    """typer makes it anew for each call, which takes four times as long as checking a config."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("typer.main.get_command", functools.cache(typer.main.get_command))
        yield


def check(content: bytes, folder: Path, *command: str) -> Finished:
    config = folder / "c.yaml"
    config.write_bytes(content)
    finished = minidl(command[0], config, *command[1:])
    assert finished.code in (0, 2), finished.err[:1000]
    assert "Traceback" not in finished.err
    assert not FORBIDDEN.search(finished.out + finished.err)
    if finished.code == 2:
        for line in finished.err.splitlines():
            assert line.startswith(("minidl: ", "note: "))
            assert len(line) < 1500
    return finished


def survives(content: bytes, folder: Path, *command: str) -> None:
    """The same; --hypothesis-show-statistics says how many took how long (of a processor)."""
    started = time.process_time()
    check(content, folder, *command)
    event(f"within {math.ceil(10 * (time.process_time() - started)) / 10} s")


def tries(number: int) -> settings:
    return settings(
        max_examples=number * TIMES,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@in_parts(5)
@tries(60)
@given(content=st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_random_bytes(part: Part, content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    survives(content, tmp_path_factory.getbasetemp(), "validate")


@in_parts(5)
@tries(260)
@given(content=mutated(CONFIGS))
def test_mutated_configs(
    part: Part, content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    survives(content, tmp_path_factory.getbasetemp(), "validate")


@in_parts(5)
@tries(60)
@given(content=mutated([text for text in CONFIGS if "\nsweep:" in text]))
def test_mutated_sweeps(
    part: Part, content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    survives(content, tmp_path_factory.getbasetemp(), "sweep", "--dry-run")


@in_parts(5)
@tries(20)
@given(content=mutated(SMALL))
def test_mutated_configs_are_built(
    part: Part, content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    survives(content, tmp_path_factory.getbasetemp(), "validate", "--data")


def test_what_is_mutated_is_sound(tmp_path: Path) -> None:
    for text in SMALL:
        assert check(text.encode(), tmp_path, "validate", "--data").code == 0
    for text in CONFIGS:
        command = ("sweep", "--dry-run") if "\nsweep:" in text else ("validate",)
        assert check(text.encode(), tmp_path, *command).code == 0
