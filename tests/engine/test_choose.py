"""Which way a training is run, and that no fault of the compiled one stops it."""

from __future__ import annotations

import ctypes
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from cases import network_and_loss
from engine.helpers import Training, compiler
from torch import Tensor

from minidl import optim
from minidl.engine import choose, elementwise, prepare
from minidl.engine.base import Engine, Program, Tensors
from minidl.engine.compiler import Compiler, compile
from minidl.engine.processor import vector_bytes

Functions = Mapping[str, tuple[Callable[..., None], tuple[Tensor, ...]]]


class Given:
    """A training, as `prepare` gets it."""

    def __init__(self, dtype: torch.dtype = torch.float64) -> None:
        network, loss = network_and_loss()
        network.to(dtype=dtype)
        self.own = Training(network, loss, optim.Adam(network, lr=0.1), dtype)
        for name, x in self.own.tensors.items():
            if name.startswith("optimizer."):
                x.fill_(0.1)
        self.inputs = torch.rand(5, 3, dtype=dtype), torch.rand(5, 2, dtype=dtype)
        self.chunks: list[int] = []

    def functions(self, chunk: int) -> Functions:
        self.chunks.append(chunk)
        return {"step": (self.step, self.inputs), "evaluate": (self.own.evaluate, self.inputs)}

    def step(self, x: Tensor, target: Tensor) -> None:
        self.own.step(x, target)

    def prepare(self, lanes: int) -> tuple[Engine, dict[str, Program]]:
        return prepare(self.functions, self.own.tensors, self.bind, lanes)

    def bind(self, tensors: Tensors) -> None:
        raise AssertionError("nothing runs here")


def test_a_compiler_compiles_for_one_network_or_for_as_many_as_a_vector_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MINIDL_LANES", raising=False)
    name = compiler().name
    engine, programs = Given().prepare(1)
    assert engine.description == f"compiled, single, {name}"
    assert engine.lanes == 1
    assert set(programs) == {"step", "evaluate"}
    engine, _ = Given().prepare(100)
    assert engine.lanes == vector_bytes() // 8
    assert engine.description == f"compiled, {engine.lanes} lanes, {name}"


def test_nothing_is_changed_by_it() -> None:
    given = Given()
    before = {name: x.clone() for name, x in given.own.tensors.items()}
    for lanes in (1, 4):
        given.prepare(lanes)
        assert all(torch.equal(x, before[name]) for name, x in given.own.tensors.items())
    assert given.own.optimizer.steps == 0


def test_what_is_too_large_for_lanes_is_compiled_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    compiler()
    monkeypatch.setattr(choose, "LANES_BYTES", 1000)
    engine, _ = Given().prepare(8)
    assert engine.description.startswith("compiled, single")


def test_what_never_reaches_memory_takes_no_room_of_the_lanes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiler()
    y = torch.ones(1000)

    def step() -> None:
        y.copy_((y * 2 + 1).exp() * 3)  # one loop: what lies between stays in registers

    monkeypatch.setattr(choose, "LANES_BYTES", y.numel() * y.element_size() * 8)
    monkeypatch.setenv("MINIDL_LANES", "8")
    engine, _ = prepare(lambda chunk: {"step": (step, ())}, {"y": y}, lambda tensors: None, 8)
    assert engine.lanes == 8


def test_without_a_compiler_it_runs_plainly_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minidl.engine.choose.find_compiler", lambda: None)
    given = Given()
    engine, programs = given.prepare(3)
    assert engine.description == "plain (no C compiler found)"
    assert engine.lanes == 3
    assert set(programs) == {"step", "evaluate"}
    assert given.chunks[-1] == engine.chunk


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiler that knows its version, and nothing else."""
    path = tmp_path / "cc"
    path.write_text('#!/bin/sh\n[ "$1" = --version ] && echo brokencc 1.2 && exit 0\nexit 3\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("CC", str(path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.usefixtures("broken")
def test_a_compiler_that_fails_leaves_the_plain_way() -> None:
    engine, _ = Given().prepare(4)
    assert engine.description.startswith("plain (cc failed with status 3")
    assert "\n" not in engine.description


def test_a_step_that_reads_a_value_runs_plainly() -> None:
    given = Given()
    step = given.step

    def reading(x: Tensor, target: Tensor) -> None:
        step(x, target)
        given.own.loss_sum.item()

    given.step = reading  # type: ignore[method-assign]
    engine, _ = given.prepare(1)
    assert engine.description == "plain (item in reading reads a value into Python)"


def test_a_call_that_is_not_known_runs_plainly_and_is_named() -> None:
    given = Given()
    given.step = lambda x, target: given.own.loss_sum.add_(x.sin().sum())  # type: ignore[assignment, method-assign]
    engine, _ = given.prepare(1)
    assert engine.description.startswith("plain (sin in ")


@pytest.mark.parametrize("lanes", [1, 2])
def test_a_wrong_number_of_lanes_is_said(lanes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIDL_LANES", "3")
    engine, _ = Given().prepare(lanes)
    assert engine.description.startswith("compiled" if lanes == 1 else "plain (MINIDL_LANES must")


# Planted miscompilation: a line of a table that says something else.

WRONG: dict[str, tuple[str, str]] = {
    "add": ("_REAL", "{0} - {1}"),
    "sub": ("_REAL", "{0} + {1}"),
    "mul": ("_REAL", "{0} + {1}"),
    "div": ("_REAL", "{0} * {1}"),
    "neg": ("_REAL", "{0}"),
    "sqrt": ("_REAL", "{0}"),
    "tanh": ("_REAL", "exp({0})"),
    "exp": ("_REAL", "expm1({0})"),
    "log": ("_REAL", "log1p({0})"),
    "log1p": ("_REAL", "log({0})"),
    "sigmoid": ("_REAL", "tanh({0})"),
    "erf": ("_REAL", "tanh({0})"),
    "maximum": ("_REAL", "min({0}, {1})"),
    "abs": ("_REAL", "-{0}"),
    "gt": ("_COMPARISONS", "lt({0}, {1})"),
    "le": ("_COMPARISONS", "gt({0}, {1})"),
    "eq": ("_COMPARISONS", "ne({0}, {1})"),
    "logical_and": ("_LOGIC", "or({0}, {1})"),
}


class Everything:
    """A step that uses each of these lines."""

    def __init__(self) -> None:
        self.out = torch.zeros(18, 4)

    def step(self, x: Tensor) -> None:
        y = x.abs() + 0.5
        calls = [x + y, x - y, x * y, x / y, -x, y.sqrt(), x.tanh(), x.exp(), x.sigmoid(), x.erf()]
        calls += [y.log(), y.log1p(), torch.maximum(x, y * x), x.abs(), (x > 0.75).to(x.dtype)]
        calls += [(x <= 2).to(x.dtype), (x == 2).to(x.dtype)]
        calls += [torch.logical_and(x > 0, x < 1).to(x.dtype)]
        for row, value in zip(self.out, calls, strict=True):
            row.copy_(value)


def description_of(own: Everything) -> str:
    x = torch.tensor([-1.5, 0.25, 0.75, 2.0])
    functions = {"step": (own.step, (x,))}
    engine, _ = prepare(lambda chunk: functions, {"out": own.out}, lambda tensors: None, 1)
    return engine.description


def test_what_is_compiled_right_is_taken() -> None:
    compiler()
    assert description_of(Everything()).startswith("compiled")


@pytest.mark.parametrize("name", WRONG)
def test_wrong_code_is_told_and_not_used(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler()
    table, template = WRONG[name]
    monkeypatch.setitem(getattr(elementwise, table), name, template)
    told = "plain (compiled code and PyTorch give different numbers"
    assert description_of(Everything()).startswith(told)


MANGLED = {
    "a product of the wrong sign": (r"= fma(\d+)\(", r"= -fma\1("),
    "a sum that begins with 1": (r"splat(\d+)\(0\)", r"splat\1(1)"),
    "a constant that is off": (r"splat(\d+)\((\d+\.\d+)\)", r"splat\1(\2 + 0.01)"),
    "a store that is left out": (r"\n *store\d+\([^;]*;", ""),
}


@pytest.mark.parametrize("kind", MANGLED)
def test_wrong_loops_are_told(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def mangled(source: str, found: Compiler) -> ctypes.CDLL:
        wrong, count = re.subn(*MANGLED[kind], source)
        assert count
        return compile(wrong, found)

    compiler()
    monkeypatch.setattr("minidl.engine.program.compile", mangled)
    for lanes in (1, 2) if "store" not in kind else (1,):
        engine, _ = Given().prepare(lanes)
        assert engine.description.startswith("plain (compiled code and PyTorch give different")
