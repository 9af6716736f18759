"""Networks: one and many, names, modes, memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from cases import LAYERS, STACKS, LayerCase, error, samples
from torch import Tensor

from minidl import nn, optim


def mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2))


# A stack of networks.


def train(
    network: nn.Sequential, loss: nn.Loss, lr: object, x: Tensor, target: Tensor, steps: int
) -> nn.Flat:
    optimizer = optim.Adam(network, lr=lr)  # type: ignore[arg-type]
    for _ in range(steps):
        loss.forward(network.forward(x), target)
        optimizer.zero_grad()
        network.backward(loss.backward())
        optimizer.step()
    return optimizer.flat


# One float32 step differs by the order of sums in a product; 50 float64 steps amplify 1e-16.
@pytest.mark.parametrize(
    ("dtype", "steps", "tolerance"), [(torch.float32, 1, 1e-6), (torch.float64, 50, 1e-8)]
)
def test_each_network_in_a_stack_trains_as_if_alone(
    dtype: torch.dtype, steps: int, tolerance: float
) -> None:
    seeds, rates = [3, 14, 15], [0.1, 0.01, 0.001]

    def make(networks: int | None, seed: object) -> nn.Sequential:
        network = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2))
        return network.to(dtype=dtype).stack(networks).initialize(seed=seed).seed_dropout(seed)  # type: ignore[arg-type]

    x, target = samples((3,), 3).to(dtype), samples((2,), 3).to(dtype)
    together = make(3, seeds)
    start = [together["fc_1"].weight.data[i].clone() for i in range(3)]
    flat = train(together, nn.MSELoss().stack(3), rates, x, target, steps)
    for i in range(3):
        alone = make(None, seeds[i])
        assert torch.equal(alone["fc_1"].weight.data, start[i])
        single = train(alone, nn.MSELoss(), rates[i], x[i], target[i], steps)
        assert error(flat.member(i), single.data) < tolerance


def test_a_network_that_diverges_leaves_the_others_of_its_stack_untouched() -> None:
    def run(rates: list[float]) -> nn.Flat:
        network = mlp().stack(3).initialize(seed=[1, 2, 3])
        x, target = samples((3,), 3).float(), samples((2,), 3).float()
        optimizer = optim.SGD(network, lr=rates)
        loss = nn.MSELoss().stack(3)
        for _ in range(30):
            loss.forward(network.forward(x), target)
            optimizer.zero_grad()
            network.backward(loss.backward())
            optim.clip_value(optimizer.flat, 1e30)
            optimizer.step()
        return optimizer.flat

    calm, wild = run([0.1, 0.1, 0.1]), run([0.1, 1e25, 0.1])
    assert not wild.member(1).isfinite().all()
    for i in (0, 2):
        assert torch.equal(wild.member(i), calm.member(i))


@pytest.mark.parametrize("networks", STACKS)
def test_parameters_are_views_of_one_flat_vector(networks: int | None) -> None:
    network = mlp().stack(networks)
    flat = network.flatten()
    memory = flat.data.untyped_storage().data_ptr()
    for parameter in network.parameters():
        assert parameter.data.untyped_storage().data_ptr() == memory
        assert parameter.grad.untyped_storage().data_ptr() == flat.grad.untyped_storage().data_ptr()
        parameter.data = torch.full(parameter.shape, 7.0)
        assert parameter.data.untyped_storage().data_ptr() == memory
    assert (flat.data == 7).all()
    assert flat.data.numel() == (networks or 1) * flat.size


def test_a_member_of_the_flat_vector_is_that_network_in_the_order_of_its_parameters() -> None:
    network = mlp().stack(3).initialize(seed=[0, 1, 2])
    flat = network.flatten()
    expected = torch.cat([p.data[1].reshape(-1) for p in network.parameters()])
    assert torch.equal(flat.member(1), expected)
    flat.set_member(2, expected)
    assert torch.equal(network["fc_2"].weight.data[2], network["fc_2"].weight.data[1])


def test_numbers_per_network_are_spread_over_each_networks_entries() -> None:
    flat = mlp().stack(3).flatten()
    spread = flat.per_network(torch.tensor([1.0, 2.0, 3.0]))
    assert [flat.member(i, spread).unique().tolist() for i in range(3)] == [[1.0], [2.0], [3.0]]
    assert flat.norms(spread).tolist() == pytest.approx(
        [(i * i * flat.size) ** 0.5 for i in (1, 2, 3)]
    )


# Memory.


@pytest.mark.parametrize("networks", STACKS)
@pytest.mark.parametrize("case", LAYERS, ids=repr)
def test_no_module_writes_into_what_it_is_given(case: LayerCase, networks: int | None) -> None:
    layer = case.make().to(dtype=torch.float64).stack(networks)
    x = samples(case.sample, networks)
    before = x.clone()
    y = layer.forward(x)
    grad_output = torch.ones_like(y)
    layer.backward(grad_output)
    assert torch.equal(x, before)
    assert (grad_output == 1).all()


def test_memory_granted_by_sequential_changes_no_result() -> None:
    """Activations may overwrite a Linear's output; the gradient must not notice."""
    layers = [nn.Linear(3, 4), nn.ReLU(), nn.Dropout(0.5), nn.Tanh(), nn.Flatten(), nn.SiLU(),
              nn.Linear(4, 4), nn.GELU(), nn.Sigmoid(), nn.Linear(4, 2), nn.Softmax()]  # fmt: skip
    network = nn.Sequential(*layers).initialize(seed=0)
    x, grad = samples((3,), None).float(), torch.randn(7, 2)

    def run() -> list[Tensor]:
        network.seed_dropout(0).zero_grad()
        return [
            network(x),
            network.backward(grad.clone()).clone(),
            *(p.grad.clone() for p in network.parameters()),
        ]

    granted = run()
    assert any(layer.may_overwrite_input for layer in layers)
    for layer in layers:
        layer.may_overwrite_input = layer.may_overwrite_grad = False
    assert all(map(torch.equal, granted, run()))


def test_called_networks_return_memory_of_their_own() -> None:
    network = mlp()
    first = network(torch.ones(2, 3))
    kept = first.clone()
    network(torch.zeros(2, 3))
    assert torch.equal(first, kept)


@pytest.mark.parametrize("make", [mlp, lambda: nn.Sequential(nn.Flatten(), mlp())])
def test_the_input_gradient_can_be_left_out(make: Callable[[], nn.Sequential]) -> None:
    network = make()
    network.forward(torch.ones(2, 3))
    assert network.backward(torch.ones(2, 2)).shape == (2, 3)
    full = [p.grad.clone() for p in network.parameters()]
    network.skip_input_gradient()
    network.zero_grad()
    assert network.backward(torch.ones(2, 2)).numel() == 0
    assert all(torch.equal(p.grad, g) for p, g in zip(network.parameters(), full, strict=True))


# Names and structure.


def test_children_are_named_by_kind_and_found_by_name_or_number() -> None:
    network = mlp()
    assert [name for name, _ in network.named_children()] == [
        "fc_1", "act_1", "fc_2", "act_2", "fc_3",
    ]  # fmt: skip
    assert network["fc_2"] is network[2]
    assert network["fc_2"].weight.grad.shape == (4, 4)
    with pytest.raises(KeyError, match="no module named 'fc_9'; there are fc_1, act_1"):
        network["fc_9"]


def test_names_can_be_given() -> None:
    network = nn.Sequential({"encoder": nn.Linear(3, 2), "squash": nn.Sigmoid()})
    assert network["squash"](torch.zeros(1)).item() == 0.5


def test_repr_shows_names_sizes_and_the_stack() -> None:
    assert repr(mlp().stack(3)).splitlines()[:3] == [
        "Sequential(  # a stack of 3",
        "  fc_1: Linear(3, 4)",
        "  act_1: ReLU()",
    ]


def test_one_instance_twice_is_an_error() -> None:
    shared = nn.Linear(3, 3)
    with pytest.raises(ValueError, match=r"Linear\(3, 3\) stands twice"):
        nn.Sequential(shared, nn.Sequential(nn.ReLU(), shared))


def test_sizes_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match=r"Linear\(3, 4\) can't take an input of shape \(2, 5\)"):
        mlp().forward(torch.ones(2, 5))
    with pytest.raises(ValueError, match=r"Linear\(3, 4\) can't take samples of shape \(5,\)"):
        mlp().output_shape((5,))
    with pytest.raises(ValueError, match=r"needs a target of the output's shape \(2, 1\)"):
        nn.MSELoss().forward(torch.ones(2, 1), torch.ones(2))


# Dropout.


@pytest.mark.parametrize("networks", STACKS)
def test_dropout_keeps_the_expectation_and_is_off_in_evaluation(networks: int | None) -> None:
    layer = nn.Dropout(0.25).stack(networks).seed_dropout(0)
    x = torch.ones(*(() if networks is None else (networks,)), 200, 100)
    y = layer(x)
    assert y.unique().tolist() == pytest.approx([0, 1 / 0.75])
    # 20,000 draws: the mean is off by 0.004 (one standard deviation).
    assert y.mean().item() == pytest.approx(1, abs=0.02)
    layer.eval()
    assert torch.equal(layer(x), x)


def test_a_stack_drops_with_one_p_per_network() -> None:
    layer = nn.Dropout([0.0, 0.5, 0.9]).stack(3).seed_dropout(0)
    kept = (layer(torch.ones(3, 100, 100)) != 0).float().mean((1, 2)).tolist()
    assert kept == pytest.approx([1.0, 0.5, 0.1], abs=0.02)


def test_masks_of_a_member_are_those_of_the_network_alone() -> None:
    together = nn.Dropout(0.5).stack(3).seed_dropout([7, 8, 9])
    alone = nn.Dropout(0.5).seed_dropout(8)
    for size in (40, 40, 7, 40, 1000):
        x = torch.ones(size, 25)
        assert torch.equal(together(x.expand(3, size, 25))[1], alone(x))


@pytest.mark.parametrize("steps", [0, 1, 13, 14, 20])
def test_draws_go_on_from_their_state(steps: int) -> None:
    """Also where the pool of 16,384 numbers is nearly used up: 13 steps of 1,250."""
    layer = nn.Dropout(0.5).seed_dropout(1)
    x = torch.ones(50, 25, dtype=torch.float64)
    for _ in range(steps):
        layer(x)
    other = nn.Dropout(0.5)
    other.restore_step_state(layer.step_state())
    for _ in range(20):
        assert torch.equal(other(x), layer(x))


@pytest.mark.parametrize("p", [1.0, -0.1, float("nan")])
def test_an_impossible_p_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="p must be at least 0 and below 1"):
        nn.Dropout(p)
