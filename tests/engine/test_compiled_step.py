"""minidl.compile: a step of one's own, compiled."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from engine.helpers import compiler
from torch import Tensor

from minidl import nn, optim
from minidl.engine import compile, compiled_step
from minidl.errors import MinidlWarning, TraceError


class Made:
    """A network and its step, as README has it."""

    def __init__(
        self,
        optimizer: Callable[[nn.Module], optim.Optimizer] = lambda network: optim.SGD(network, 0.1),
        dtype: torch.dtype = torch.float64,
        *between: nn.Module,
    ) -> None:
        self.network = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), *between, nn.Linear(5, 2))
        self.network.to(dtype=dtype).initialize(seed=1).seed_dropout(2)
        self.loss, self.optimizer = nn.MSELoss(), optimizer(self.network)

    def step(self, x: Tensor, target: Tensor) -> Tensor:
        value = self.loss.forward(self.network.forward(x), target)
        self.optimizer.zero_grad()
        self.network.backward(self.loss.backward())
        self.optimizer.step()
        return value


def batches(
    count: int, size: int = 4, dtype: torch.dtype = torch.float64
) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(size)
    made = []
    for _ in range(count):
        x = torch.randn(size, 3, generator=generator, dtype=torch.float64)
        made.append((x.to(dtype), x[:, :2].sin().to(dtype)))
    return made


def is_compiled(step: Any) -> bool:
    return bool(step._variants) and not step._plain


@pytest.fixture(autouse=True)
def here() -> None:
    compiler()


OPTIMIZERS: dict[str, Callable[[nn.Module], optim.Optimizer]] = {
    "SGD": lambda network: optim.SGD(network, lr=0.1, momentum=0.9),
    "Adam": lambda network: optim.Adam(network, lr=0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_compiled_steps_are_the_plain_ones(name: str) -> None:
    plain, other = Made(OPTIMIZERS[name]), Made(OPTIMIZERS[name])
    step = compile(other.step)
    for epoch, (x, target) in enumerate(batches(6)):
        for made in (plain, other):
            made.optimizer.lr = 0.1 / (1 + epoch // 2)  # a schedule
        expected, value = plain.step(x, target), step(x, target)
        assert value.shape == ()
        assert value.item() == pytest.approx(expected.item(), rel=1e-11)
    assert is_compiled(step)
    assert plain.optimizer.steps == other.optimizer.steps == 6
    assert torch.allclose(plain.optimizer.flat.data, other.optimizer.flat.data, rtol=0, atol=1e-11)


def test_it_works_on_the_modules_own_memory() -> None:
    made = Made()
    step = compile(made.step)
    (x, target), *more = batches(3)
    memory = made.network.parameters()[0].data
    step(x, target)
    for own in more:
        before = memory.clone()
        step(*own)
        assert not torch.equal(memory, before)
        assert made.network.parameters()[0].data is memory
    for parameter in made.network.parameters()[:2]:
        parameter.data.zero_()  # what others write there counts: tanh(0) is 0
    bias = made.network.parameters()[3].data.clone()
    assert step(x, target).item() == pytest.approx(((bias - target) ** 2).mean().item(), rel=1e-11)


def test_an_evaluation_sees_what_the_compiled_steps_did() -> None:
    made = Made()
    step, evaluate = compile(made.step), compile(lambda x, t: made.loss.forward(made.network(x), t))
    ((x, target),) = batches(1)
    values = [evaluate(x, target).item()]
    for _ in range(5):
        step(x, target)
        values.append(evaluate(x, target).item())
    assert values == sorted(values, reverse=True)
    assert values[-1] == pytest.approx(made.loss.forward(made.network(x), target).item(), rel=1e-12)


def test_a_new_size_of_batch_is_compiled_anew() -> None:
    plain, other = Made(), Made()
    step = compile(other.step)
    given = [*batches(2), *batches(2, 7), *batches(1)]
    for x, target in given:
        assert step(x, target).item() == pytest.approx(plain.step(x, target).item(), rel=1e-11)
    assert len(step._variants) == 2


def test_beyond_so_many_sizes_it_runs_plainly_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compiled_step, "MOST_VARIANTS", 1)
    plain, other = Made(), Made()
    step = compile(other.step)
    given = [*batches(1), *batches(2, 7), *batches(1)]
    with pytest.warns(MinidlWarning, match="1 kinds of batches are compiled") as warned:
        values = [step(x, target).item() for x, target in given]
    wanted = [plain.step(x, target).item() for x, target in given]
    assert values == pytest.approx(wanted, rel=1e-11)
    assert len(step._variants) == len(warned) == 1


def test_training_and_evaluation_are_told_apart() -> None:
    made = Made(OPTIMIZERS["SGD"], torch.float64, nn.Dropout(0.5))
    twin = Made(OPTIMIZERS["SGD"], torch.float64, nn.Dropout(0.5))
    ((x, _),) = batches(1, 30)
    forward = compile(made.network.forward)
    for mode in (True, False, True, True, False):
        for network in (made.network, twin.network):
            network.train(mode)
        assert torch.allclose(forward(x), twin.network.forward(x), rtol=0, atol=1e-12)
    assert int(made.network.named_statistics()["dropout_1.step"]) == 3


def test_rates_change_in_between_and_adam_counts_on() -> None:
    plain, other = Made(OPTIMIZERS["Adam"]), Made(OPTIMIZERS["Adam"])
    step = compile(other.step)
    (first, *rest) = batches(5)
    step(*first), plain.step(*first)
    for rate, batch in zip((0.5, 0.0, 1e-3, 0.1), rest, strict=True):
        plain.optimizer.lr = other.optimizer.lr = rate
        before = other.optimizer.flat.data.clone()
        step(*batch), plain.step(*batch)
        assert torch.equal(before, other.optimizer.flat.data) is (rate == 0)
        assert torch.allclose(plain.optimizer.flat.data, other.optimizer.flat.data, atol=1e-11)
    other.optimizer.steps = plain.optimizer.steps = 1000
    step(*first), plain.step(*first)
    assert torch.allclose(plain.optimizer.flat.data, other.optimizer.flat.data, atol=1e-11)


# Results.


class Pair(NamedTuple):
    one: Tensor
    other: Tensor


FORMS: dict[str, Callable[[Tensor], Any]] = {
    "a tensor": lambda x: x * 2,
    "a tuple": lambda x: (x + 1, x.sum()),
    "a list in a dict": lambda x: {"a": [x - 1, x.mean()], "b": x.T},
    "a named tuple": lambda x: Pair(x * 3, x[0]),
    "nothing": lambda x: None,
    "a number beside it": lambda x: (x.exp(), 3, "text"),
    "a condition": lambda x: x > 0.5,
    "whole numbers": lambda x: (x.argmax(1), x.argmax(0, keepdim=True)),
    "its input": lambda x: (x, x[1:], x.sum()),
    "a view": lambda x: (x * 2)[:, 1:].T,
}


@pytest.mark.parametrize("form", FORMS)
def test_results_have_the_form_of_the_plain_ones(form: str) -> None:
    step = compile(FORMS[form])
    for seed in range(3):
        x = torch.rand(3, 4, generator=torch.Generator().manual_seed(seed))
        expected, found = FORMS[form](x), step(x)
        assert type(found) is type(expected)
        _compare(found, expected)
    assert is_compiled(step)


def _compare(found: Any, expected: Any) -> None:
    if isinstance(expected, Tensor):
        assert found.dtype == expected.dtype
        assert found.shape == expected.shape
        assert torch.allclose(found, expected)
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        _compare(list(found.values()), list(expected.values()))
    elif isinstance(expected, tuple | list):
        for one, other in zip(found, expected, strict=True):
            _compare(one, other)
    else:
        assert found == expected


def test_a_result_is_not_overwritten_by_the_next_step() -> None:
    step = compile(lambda x: x * 2)
    results = [step(torch.full((3,), float(n))) for n in range(5)]
    assert [one[0].item() for one in results] == [0, 2, 4, 6, 8]


def test_inputs_may_lie_in_any_order() -> None:
    x = torch.rand(6, 4)
    step = compile(lambda x: x - x.sum(0))
    for given in (x.T, x.T.contiguous(), x.T):
        assert torch.allclose(step(given), given - given.sum(0))
    assert is_compiled(step)


def test_float64_with_whole_numbers_first() -> None:
    weights = torch.rand(5, dtype=torch.float64)
    step = compile(lambda n: n.to(torch.float64) * weights)
    for n in (torch.arange(5), torch.arange(5) * 3):
        assert torch.allclose(step(n), n * weights, rtol=1e-14)
    assert is_compiled(step)


def test_a_step_without_inputs() -> None:
    theta = torch.ones(3, dtype=torch.float64)
    step = compile(lambda: theta.mul_(2))
    for expected in (2.0, 4.0, 8.0):
        step()
        assert theta.tolist() == [expected] * 3
    assert is_compiled(step)


# Where it can't be compiled.


def plainly(function: Callable[..., Any], *given: Tensor, match: str) -> Any:
    """Runs it twice: the first time with a warning, then without one; gives the second result."""
    step = compile(function)
    with pytest.warns(MinidlWarning, match=match):
        first = step(*given)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        second = step(*given)
    _compare(first, function(*given))
    assert step._plain
    return second


def test_without_a_compiler_it_runs_plainly_after_one_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("minidl.engine.choose.find_compiler", lambda: None)
    plain, other = Made(), Made()
    step = compile(other.step)
    with pytest.warns(MinidlWarning, match=r"Made\.step runs plainly: no C compiler found"):
        step(*batches(1)[0])
    plain.step(*batches(1)[0])
    assert torch.equal(plain.optimizer.flat.data, other.optimizer.flat.data)
    assert step(*batches(1)[0]).item() == plain.step(*batches(1)[0]).item()
    assert other.optimizer.steps == 2


def test_a_call_that_is_not_known_runs_plainly_and_is_named() -> None:
    plainly(lambda x: x.sin(), torch.rand(3), match="runs plainly: sin in ")
    plainly(lambda x: x.max(1).values, torch.rand(3, 2), match="runs plainly: max in ")
    plainly(lambda x: x.double() * 2, torch.rand(3), match="several types")


def test_random_draws_run_plainly() -> None:
    step = compile(lambda x: x + torch.rand(3))
    with pytest.warns(MinidlWarning, match="rand"):
        step(torch.zeros(3))
    assert not torch.equal(step(torch.zeros(3)), step(torch.zeros(3)))


@pytest.mark.parametrize("dtype", [torch.float16, torch.int32, torch.uint8, torch.bool])
def test_inputs_of_other_types_run_plainly(dtype: torch.dtype) -> None:
    given = torch.ones(20, dtype=dtype)
    plainly(lambda x: torch.where(x != 0, 1.0, 2.0), given, match="runs plainly")


def test_lasting_conditions_run_plainly() -> None:
    mask = torch.zeros(20, dtype=torch.bool)

    def step(x: Tensor) -> Tensor:
        mask.copy_(x > 0.5)
        return mask.to(x.dtype)

    plainly(step, torch.rand(20), match="runs plainly")


def test_a_mask_that_changes_between_steps_counts() -> None:
    mask = torch.ones(5, dtype=torch.bool)
    step = compile(lambda x: torch.where(mask, x, -x))
    x = torch.arange(5.0)
    with pytest.warns(MinidlWarning, match="a tensor of bool"):
        assert torch.equal(step(x), x)
    mask[::2] = False
    assert torch.equal(step(x), torch.where(mask, x, -x))


def test_switching_a_module_that_made_no_call_is_another_trace() -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5))
    network[1].eval()
    forward, x = compile(network.forward), torch.ones(64, 3)
    for _ in range(2):
        assert torch.equal(forward(x) == 0, torch.zeros(64, 4, dtype=torch.bool))
    network[1].train()
    for _ in range(2):
        assert 0.3 < float((forward(x) == 0).float().mean()) < 0.7


def test_an_empty_batch_runs_plainly() -> None:
    step = compile(lambda x: x.sum(0))
    with pytest.warns(MinidlWarning, match="runs plainly"):
        values = [step(torch.zeros(0, 3)).tolist() for _ in range(2)]
    assert values == [[0, 0, 0]] * 2


def test_what_isnt_a_tensor_is_refused() -> None:
    with pytest.raises(TypeError, match="takes tensors, but gets int"):
        compile(lambda x, k: x * k)(torch.ones(2), 3)  # type: ignore[arg-type]


def test_a_step_that_reads_a_value_is_an_error() -> None:
    made = Made()
    before = made.optimizer.flat.data.clone()
    step = compile(lambda x, target: made.step(x, target).item())
    with pytest.raises(TraceError, match=r"item in .* reads a value into Python"):
        step(*batches(1)[0])
    assert torch.equal(made.optimizer.flat.data, before)
    assert made.optimizer.steps == 0


def test_wrong_code_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    from minidl.engine import elementwise

    monkeypatch.setitem(elementwise._REAL, "sub", "{0} + {1}")
    plain, other = Made(), Made()
    step = compile(other.step)
    with pytest.warns(MinidlWarning, match="give different numbers"):
        step(*batches(1)[0])
    plain.step(*batches(1)[0])
    assert torch.equal(plain.optimizer.flat.data, other.optimizer.flat.data)
    assert other.optimizer.steps == plain.optimizer.steps == 1


def test_it_keeps_the_functions_name_and_documentation() -> None:
    def step(x: Tensor) -> Tensor:
        """Mine."""
        return x

    compiled = compile(step)
    assert compiled.__name__ == "step"  # type: ignore[attr-defined]
    assert compiled.__doc__ == "Mine."
