"""What runs compiled code: the lanes' memory, many steps in one call, threads."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import torch
from engine.helpers import SINGLE, programs
from torch import Tensor

from minidl.engine.base import Array, Tensors
from minidl.engine.plain import PlainProgram, PlainState
from minidl.engine.program import CompiledProgram, CompiledState
from minidl.engine.trace import trace

LANES = 4


class Averaging:
    """a ← a + rate · (x − a), summed over a batch; n counts the samples."""

    def __init__(self) -> None:
        self.bind(
            {
                "a": torch.zeros(2, 3),
                "rate": torch.tensor(0.5),
                "n": torch.tensor(0),
                "seen": torch.zeros(3),
            }
        )

    def bind(self, tensors: Tensors) -> None:
        self.tensors = tensors

    def step(self, x: Tensor, label: Tensor) -> None:
        own = self.tensors
        own["a"] += own["rate"] * (x.sum(0) - own["a"])
        own["n"] += len(x)
        own["seen"] += (label.unsqueeze(1) == torch.arange(3)).to(x.dtype).sum(0)


def made(*widths: int) -> tuple[Averaging, dict[int, CompiledProgram]]:
    own = Averaging()
    inputs = torch.rand(2, 2, 3), torch.zeros(2, dtype=torch.int64)
    graph = trace(own.step, inputs, own.tensors).graph
    found = programs({"average": graph}, torch.float32, [SINGLE, LANES])
    return own, {width: found["average", width] for width in widths}


@pytest.fixture
def four() -> tuple[Averaging, CompiledProgram]:
    own, programs_of = made(LANES)
    return own, programs_of[LANES]


def data(seed: int, samples: int = 7) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(samples, 2, 3, generator=generator)
    return x, torch.randint(3, (samples,), generator=generator)


def orders(steps: int, lanes: int = LANES) -> Array:
    return np.random.default_rng(0).integers(0, 7, (lanes, steps, 2))


def states(own: Averaging, lanes: int = LANES) -> tuple[CompiledState, PlainState]:
    both = CompiledState(own.tensors, lanes), PlainState(own.tensors, lanes)
    values = np.arange(lanes * 6, dtype=np.float32).reshape(lanes, 2, 3)
    for state in both:
        for lane in range(lanes):
            state.put(lane, own.tensors)
        state.write("a", values)
    return both


# State.


def test_what_is_put_into_a_lane_is_taken_out_of_it() -> None:
    own = Averaging()
    state = CompiledState(own.tensors, LANES)
    given = [
        {"a": torch.rand(2, 3), "rate": torch.rand(()), "n": torch.tensor(2**60 + lane)}
        for lane in range(LANES)
    ]
    for lane in (2, 0, 3, 1):
        state.put(lane, given[lane])
    for lane in range(LANES):
        taken = {name: torch.zeros_like(x) for name, x in given[lane].items()}
        state.take(lane, taken)
        assert all(torch.equal(x, given[lane][name]) for name, x in taken.items())
    state.put(1, {"n": torch.tensor(5)})
    assert state.read("n").tolist() == [2**60, 5, 2**60 + 2, 2**60 + 3]
    assert np.array_equal(state.read("a")[1], given[1]["a"].numpy())


def test_reading_gives_a_copy_and_writing_is_its_inverse() -> None:
    own = Averaging()
    for state in states(own):
        values = np.random.default_rng(1).random((LANES, 2, 3)).astype(np.float32)
        state.write("a", values)
        read = state.read("a")
        assert np.array_equal(read, values)
        read[:] = 0
        values[:] = 0
        assert state.read("a").all()
        assert state.read("n").shape == (LANES,)


def test_memory_begins_where_vectors_may() -> None:
    state = CompiledState({"a": torch.zeros(3), "b": torch.zeros(())}, 16)
    assert all(array.ctypes.data % 64 == 0 for array in state.arrays.values())


# Runs.


def test_each_lane_takes_its_own_samples_in_its_own_order(
    four: tuple[Averaging, CompiledProgram],
) -> None:
    own, program = four
    compiled, plain = states(own)
    sources, rows = [data(lane) for lane in range(LANES)], orders(5)
    program.run(compiled, sources, rows, {})
    PlainProgram(own.step, own.tensors, own.bind).run(plain, sources, rows, {})
    for name in own.tensors:
        assert np.allclose(compiled.read(name), plain.read(name), rtol=1e-6), name
    assert compiled.read("n").tolist() == [10] * LANES
    labels = [sources[lane][1].numpy()[rows[lane]].ravel() for lane in range(LANES)]
    seen = [np.bincount(one, minlength=3) for one in labels]
    assert np.array_equal(compiled.read("seen"), seen)


@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize("given", ["each step", "once"])
def test_numbers_change_from_step_to_step_or_hold_for_all(
    steps: int, given: str, four: tuple[Averaging, CompiledProgram]
) -> None:
    own, program = four
    compiled, plain = states(own)
    sources, rows = [data(lane) for lane in range(LANES)], orders(steps)
    rates = np.random.default_rng(2).random((steps if given == "each step" else 1, LANES))
    program.run(compiled, sources, rows, {"rate": rates})
    PlainProgram(own.step, own.tensors, own.bind).run(plain, sources, rows, {"rate": rates})
    assert np.allclose(compiled.read("a"), plain.read("a"), rtol=1e-6)


def test_a_number_beyond_float32_is_infinite(four: tuple[Averaging, CompiledProgram]) -> None:
    own, program = four
    state, _ = states(own)
    sources = [data(0)] * LANES
    program.run(state, sources, orders(1), {"rate": np.array([[1e300, 0.5, 0.5, 0.5]])})
    assert not np.isfinite(state.read("a")[0]).any()
    assert np.isfinite(state.read("a")[1:]).all()


def test_many_steps_in_one_call_are_those_of_many_calls(
    four: tuple[Averaging, CompiledProgram],
) -> None:
    own, program = four
    once, _ = states(own)
    often, _ = states(own)
    sources, rows = [data(lane) for lane in range(LANES)], orders(6)
    program.run(once, sources, rows, {})
    for step in range(6):
        program.run(often, sources, rows[:, step : step + 1], {})
    assert all(np.array_equal(once.read(name), often.read(name)) for name in own.tensors)


def test_no_steps_change_nothing(four: tuple[Averaging, CompiledProgram]) -> None:
    own, program = four
    state, _ = states(own)
    before = {name: state.read(name) for name in own.tensors}
    program.run(state, [data(0)] * LANES, orders(0), {"rate": np.zeros((0, LANES))})
    assert all(np.array_equal(state.read(name), x) for name, x in before.items())


def test_sources_may_be_as_long_as_they_like_in_each_lane(
    four: tuple[Averaging, CompiledProgram],
) -> None:
    own, program = four
    state, _ = states(own)
    sources = [data(lane, samples=2 + 50 * lane) for lane in range(LANES)]
    last = np.array([[[len(x) - 1, len(x) - 2]] for x, _ in sources])
    program.run(state, sources, last, {"rate": np.ones((1, LANES))})
    expected = [x[-2:].sum(0).numpy() for x, _ in sources]
    assert np.allclose(state.read("a"), expected, rtol=1e-6)


def test_threads_run_one_program_at_once() -> None:
    own, programs_of = made(SINGLE, LANES)
    sources, rows = [data(lane) for lane in range(LANES)], orders(2000)
    for width, program in programs_of.items():
        lanes = max(1, width)
        wanted, _ = states(own, lanes)
        program.run(wanted, sources[:lanes], rows[:lanes], {})
        running = [states(own, lanes)[0] for _ in range(4)]

        def work(state: CompiledState, program: CompiledProgram, lanes: int) -> None:
            for part in range(0, 2000, 100):
                program.run(state, sources[:lanes], rows[:lanes, part : part + 100], {})

        threads = [threading.Thread(target=work, args=(one, program, lanes)) for one in running]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for state in running:
            assert all(np.array_equal(state.read(x), wanted.read(x)) for x in own.tensors)


def test_the_interpreter_goes_on_while_a_program_runs() -> None:
    own, programs_of = made(SINGLE)
    state, _ = states(own, 1)
    rows = np.zeros((1, 3_000_000, 2), np.int64)
    times: list[float] = []

    def work() -> None:
        times.append(time.perf_counter())
        programs_of[SINGLE].run(state, [data(0)], rows, {})
        times.append(time.perf_counter())

    def seen_in_its_middle() -> bool:
        """Whether this thread had a turn in the third fifth of a run."""
        thread = threading.Thread(target=work)
        thread.start()
        turns = []
        while thread.is_alive():
            turns.append(time.perf_counter())
        end, begin = times.pop(), times.pop()
        fifth = (end - begin) / 5
        return any(begin + 2 * fifth < turn < end - 2 * fifth for turn in turns)

    # Once is enough: a busy machine may give this thread no turn in many a run.
    assert any(seen_in_its_middle() for _ in range(20))


# Denormals.


def test_denormals_are_flushed_and_the_callers_mode_is_restored() -> None:
    small, out = torch.full((9,), 1e-30), torch.ones(9)
    graph = trace(lambda: out.copy_(small * 1e-10), (), {"small": small, "out": out}).graph
    found = programs({"denormal": graph}, torch.float32, [SINGLE, LANES])
    values = np.array([1e-30], np.float32)
    try:
        for flush in (False, True):
            torch.set_flush_denormal(flush)
            before = (torch.tensor(1e-30) * 1e-10).item()
            for width in (SINGLE, LANES):
                lanes = max(1, width)
                state = CompiledState({"small": small, "out": out}, lanes)
                for lane in range(lanes):
                    state.put(lane, {"small": small, "out": out})
                program = found["denormal", width]
                program.run(state, [()] * lanes, np.zeros((lanes, 1, 0), np.int64), {})
                assert not state.read("out").any()
                assert (torch.tensor(1e-30) * 1e-10).item() == before
                assert bool((values * np.float32(1e-10))[0]) is not flush
    finally:
        torch.set_flush_denormal(False)
