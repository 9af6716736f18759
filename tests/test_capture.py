"""The contract of capture, point by point."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from cases import LAYERS, LOSSES, OPTIMIZERS, STACKS, LayerCase, LossCase, OptimizerCase, samples
from torch import Tensor

from minidl import nn, optim
from minidl.capture import capture
from minidl.errors import CaptureError
from minidl.nn.memory import SHAPES_REMEMBERED


def training_step(
    networks: int | None, optimizer_case: OptimizerCase = OPTIMIZERS[0], p: float = 0.5
) -> tuple[Callable[[Tensor, Tensor], Tensor], nn.Sequential, optim.Optimizer]:
    network = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Dropout(p), nn.Linear(8, 2))
    network.to(dtype=torch.float64).stack(networks).initialize(seed=0).seed_dropout(1)
    loss, optimizer = nn.MSELoss().stack(networks), optimizer_case.make(network)

    def step(x: Tensor, target: Tensor) -> Tensor:
        value = loss.forward(network.forward(x), target)
        optimizer.zero_grad()
        network.backward(loss.backward())
        optim.clip_norm(optimizer.flat, 0.5)
        optimizer.step()
        return value

    return step, network, optimizer


def batches(networks: int | None, sizes: list[int]) -> list[tuple[Tensor, Tensor]]:
    lead = () if networks is None else (networks,)
    g = torch.Generator().manual_seed(8)
    return [
        (
            torch.randn(*lead, n, 3, generator=g, dtype=torch.float64),
            torch.randn(*lead, n, 2, generator=g, dtype=torch.float64),
        )
        for n in sizes
    ]


@pytest.mark.parametrize("networks", STACKS)
@pytest.mark.parametrize("case", OPTIMIZERS, ids=repr)
def test_captured_and_eager_trainings_are_equal_to_the_bit(
    case: OptimizerCase, networks: int | None
) -> None:
    """With dropout, clipping, a short last batch and a changing rate."""
    results = []
    for wrap in (lambda step: step, capture):
        step, _, optimizer = training_step(networks, case)
        run = wrap(step)
        values = []
        with torch.inference_mode():
            for number, (x, target) in enumerate(batches(networks, [4, 4, 2] * 6)):
                if number == 9:
                    optimizer.lr = 0.3 * optimizer.lr
                values.append(run(x, target).clone())
        assert optimizer.steps == 18
        results.append((optimizer.flat.data.clone(), torch.stack(values)))
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])


@pytest.mark.parametrize("networks", STACKS)
@pytest.mark.parametrize("case", LAYERS, ids=repr)
def test_every_layer_can_be_captured(case: LayerCase, networks: int | None) -> None:
    layer = case.make().to(dtype=torch.float64).stack(networks)
    gradient = torch.randn(layer(samples(case.sample, networks)).shape, dtype=torch.float64)

    def both(x: Tensor, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        layer.zero_grad()
        return layer.forward(x), layer.backward(grad_output)

    step = capture(both)
    for factor in (1.0, 2.0, -3.0):
        x = factor * samples(case.sample, networks)
        output, grad = (t.clone() for t in step(x, factor * gradient))
        grads = [p.grad.clone() for p in layer.parameters()]
        expected_output, expected_grad = both(x, factor * gradient)
        assert torch.equal(output, expected_output)
        assert torch.equal(grad, expected_grad)
        assert all(torch.equal(g, p.grad) for g, p in zip(grads, layer.parameters(), strict=True))


@pytest.mark.parametrize("case", LOSSES, ids=repr)
def test_every_loss_can_be_captured(case: LossCase) -> None:
    g = torch.Generator().manual_seed(1)
    loss = case.make()
    step = capture(lambda y, t: (loss.forward(y, t), loss.backward()))
    for _ in range(3):
        output, target = case.output(5, g), case.target(5, g)
        value, grad = (t.clone() for t in step(output, target))
        assert torch.equal(value, loss.forward(output, target))
        assert torch.equal(grad, loss.backward())


def test_a_recording_holds_the_calls_that_write_and_no_others() -> None:
    step, _, _ = training_step(None, p=0.0)
    run = capture(step)
    run(*batches(None, [4])[0])
    (recording,) = run.report()
    names = [getattr(call, "func", call).__name__ for call in recording.calls]
    assert names[:3] == ["addmm", "maximum", "draw"]
    assert "advance" in names
    assert not {"expand_as", "view", "empty", "mT"} & set(names)


def test_each_batch_shape_has_its_own_recording() -> None:
    step, _, _ = training_step(None)
    run = capture(step)
    for x, target in batches(None, [4, 4, 2, 4, 2]):
        run(x, target)
    assert len(run.report()) == 2


def test_the_mode_chooses_the_recording() -> None:
    _, network, _ = training_step(None)
    forward = capture(network.forward)
    x = torch.ones(1, 3, dtype=torch.float64).expand(4, 3).contiguous()
    network.eval()
    calm = forward(x).clone()
    network.train()
    dropped = forward(x).clone()
    network.eval()
    assert torch.equal(forward(x), calm)
    assert not torch.equal(dropped, calm)
    assert len(forward.report()) == 2


# What can't be repeated faithfully.


def test_a_temporary_is_refused_with_module_and_call() -> None:
    class Doubling(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.add(x * 2, x, out=self.scratch("y", x))

    with pytest.raises(
        CaptureError, match=r"add in Doubling.forward reads a temporary, the result of mul"
    ):
        capture(Doubling().forward)(torch.ones(3))


def test_a_temporary_as_the_result_is_refused() -> None:
    with pytest.raises(CaptureError, match="the step's result reads a temporary"):
        capture(lambda x: x * 2)(torch.ones(3))


def test_a_temporary_changed_in_place_is_refused() -> None:
    with pytest.raises(CaptureError, match="reads a temporary"):
        capture(lambda x: torch.zeros(3).add_(x))(torch.ones(3))


@pytest.mark.parametrize(
    "read",
    [
        lambda x: x.sum().item(),
        lambda x: x.tolist(),
        lambda x: float(x[0]),
        lambda x: int(x[0]),
        lambda x: bool(x[0] > 0),
        lambda x: 1 if x[0] > 0 else 0,
        lambda x: x.numpy(),
        lambda x: torch.equal(x, x),
        lambda x: 1.0 in x,
        lambda x: torch.nonzero(x),
        lambda x: x[x > 0],
    ],
)
def test_a_value_read_into_python_is_refused(read: Callable[[Tensor], object]) -> None:
    with pytest.raises(CaptureError, match=r"into Python|shape depends on the data"):
        capture(read)(torch.ones(3))


@pytest.mark.parametrize(
    "change",
    [
        lambda x, buffer: torch.add(x, 1, out=buffer),
        lambda x, buffer: buffer.resize_(7),
        lambda x, buffer: buffer.unsqueeze_(0),
        lambda x, buffer: buffer.t_(),
    ],
)
def test_a_changed_shape_is_refused(change: Callable[[Tensor, Tensor], object]) -> None:
    buffer = torch.zeros(5, 2)
    with pytest.raises((CaptureError, UserWarning)):  # torch itself warns, and warnings are errors
        capture(lambda x: change(x, buffer))(torch.ones(3))


def test_a_wrong_out_shape_is_an_error_even_where_warnings_are_off() -> None:
    flat = torch.zeros(10)
    with (
        pytest.warns(UserWarning, match="resized"),
        pytest.raises(CaptureError, match=r"add in .* changed a shape in place, from \(2,\)"),
    ):
        capture(lambda x: torch.add(x, 1, out=flat[:2]))(torch.ones(3))


def test_a_python_number_that_changes_is_found_by_the_check() -> None:
    _, _, optimizer = training_step(None)

    def frozen_rate(x: Tensor) -> None:
        optimizer.flat.data.mul_(1 - optimizer.lr)
        optimizer.step()

    run = capture(frozen_rate)
    before = optimizer.flat.data.clone()
    with pytest.warns(UserWarning, match="does not repeat the step to the bit"):
        run(torch.ones(3))
    expected = before * (1 - optimizer.lr)
    assert torch.equal(optimizer.flat.data, expected)  # the check left no trace
    optimizer.lr = 0.25
    run(torch.ones(3))
    assert torch.allclose(optimizer.flat.data, expected * 0.75)  # plain calls read the new rate


def test_a_step_count_in_python_is_found_by_the_check() -> None:
    counts, total = [0], torch.zeros(1)

    def counting(x: Tensor) -> None:
        counts[0] += 1
        total.add_(float(counts[0]))

    with pytest.warns(UserWarning, match="does not repeat"):
        capture(counting)(torch.ones(3))


def test_the_recorded_call_is_a_real_step_and_the_check_leaves_no_trace() -> None:
    step, network, optimizer = training_step(None)
    plain, other, other_optimizer = training_step(None)
    x, target = batches(None, [4])[0]
    value = capture(step)(x, target).clone()
    assert torch.equal(value, plain(x, target))
    assert torch.equal(optimizer.flat.data, other_optimizer.flat.data)
    assert optimizer.steps == other_optimizer.steps == 1
    assert torch.equal(network[2].step_state()["generators"], other[2].step_state()["generators"])


def test_inputs_of_the_caller_are_never_written() -> None:
    step, _, _ = training_step(None)
    run = capture(step)
    x, target = batches(None, [4])[0]
    copies = x.clone(), target.clone()
    for _ in range(3):
        run(x, target)
    assert torch.equal(x, copies[0])
    assert torch.equal(target, copies[1])


def test_a_captured_network_can_not_move_its_memory() -> None:
    network = nn.Sequential(nn.Linear(3, 2))
    capture(network.forward)(torch.ones(4, 3))
    with pytest.raises(RuntimeError, match="a captured step holds"):
        network.stack(3)


def test_recordings_of_ever_new_shapes_are_forgotten_again() -> None:
    run = capture(training_step(None)[0])
    with torch.inference_mode():
        for x, target in batches(None, list(range(1, 70))):
            run(x, target)
    assert len(run.report()) == SHAPES_REMEMBERED
