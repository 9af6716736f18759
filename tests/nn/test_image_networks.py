"""Whole image networks: captured, stacked, with residual blocks and running statistics."""

from __future__ import annotations

import pytest
import torch
from cases import STACKS, error, samples
from torch import Tensor
from torch.nn import functional

from minidl import nn, optim
from minidl.capture import capture


def denoiser() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(4, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.ReLU(),
        nn.Residual(nn.Conv2d(4, 4, 3, padding="same"), nn.ReLU(), nn.Conv2d(4, 4, 1)),
        nn.UpsampleConv2d(4, 4, 3), nn.ReLU(), nn.Upsample(2, "bilinear"),
        nn.Conv2d(4, 2, 3, padding="same"), nn.LeakyReLU(0.2), nn.ConvTranspose2d(2, 3, 1),
        nn.Sigmoid(),
    )  # fmt: skip


def train(
    networks: int | None, seed: object, x: Tensor, target: Tensor, captured: bool
) -> tuple[nn.Flat, dict[str, Tensor]]:
    network = denoiser().to(dtype=torch.float64).stack(networks).initialize(seed=seed)  # type: ignore[arg-type]
    network.skip_input_gradient()
    loss, optimizer = nn.MSELoss().stack(networks), optim.SGD(network, lr=0.3, momentum=0.9)

    def step(x: Tensor, target: Tensor) -> Tensor:
        value = loss.forward(network.forward(x), target)
        optimizer.zero_grad()
        network.backward(loss.backward())
        optimizer.step()
        return value

    run = capture(step) if captured else step
    with torch.inference_mode():
        for _ in range(10):
            run(x, target)
    return optimizer.flat, network.named_statistics()


@pytest.mark.parametrize("networks", STACKS)
def test_a_captured_image_network_trains_as_the_plain_one_to_the_bit(networks: int | None) -> None:
    x, target = samples((3, 8, 8), networks), samples((3, 8, 8), networks).sigmoid()
    plain, statistics = train(networks, 5, x, target, captured=False)
    replayed, same = train(networks, 5, x, target, captured=True)
    assert torch.equal(plain.data, replayed.data)
    assert statistics.keys() == same.keys() == {"norm_1.running_mean", "norm_1.running_var"}
    assert all(torch.equal(statistics[name], same[name]) for name in same)


def test_each_image_network_of_a_stack_trains_as_if_alone() -> None:
    x, target = samples((3, 8, 8), 3), samples((3, 8, 8), 3).sigmoid()
    flat, statistics = train(3, [3, 14, 15], x, target, captured=True)
    for i, seed in enumerate([3, 14, 15]):
        alone, own = train(None, seed, x[i], target[i], captured=True)
        assert error(flat.member(i), alone.data) < 1e-8  # products of another shape round otherwise
        assert all(error(statistics[name][i], own[name]) < 1e-8 for name in own)


# Running statistics.


@pytest.mark.parametrize("networks", STACKS)
@pytest.mark.parametrize(("kind", "sample"), [(nn.BatchNorm1d, (4,)), (nn.BatchNorm2d, (4, 3, 2))])
def test_running_statistics_are_pytorchs_and_evaluation_uses_them(
    kind: type[nn.BatchNorm1d], sample: tuple[int, ...], networks: int | None
) -> None:
    layer = kind(4, eps=1e-3, momentum=0.3).to(dtype=torch.float64).stack(networks)
    mean, var = torch.zeros(networks or 1, 4).double(), torch.ones(networks or 1, 4).double()
    for factor in (1.0, 3.0, -2.0):
        x = factor * samples(sample, networks) + factor
        layer.forward(x)
        for i in range(networks or 1):
            xi = x if networks is None else x[i]
            functional.batch_norm(xi, mean[i], var[i], training=True, momentum=0.3)
    own = layer.named_statistics()
    assert error(own["running_mean"].view_as(mean), mean) < 1e-14
    assert error(own["running_var"].view_as(var), var) < 1e-14
    y = layer.eval()(x)
    grad = layer.backward(torch.ones_like(y)).clone()
    for i in range(networks or 1):
        pick = (lambda t: t) if networks is None else (lambda t, i=i: t[i])
        leaf = pick(x).clone().requires_grad_()
        expected = functional.batch_norm(leaf, mean[i], var[i], eps=1e-3)
        expected.backward(torch.ones_like(expected))
        assert error(pick(y), expected.detach()) < 1e-13
        assert error(pick(grad), leaf.grad) < 1e-13
    assert torch.equal(layer.named_statistics()["running_mean"], own["running_mean"])


def test_statistics_follow_stack_and_dtype_and_start_anew_with_initialize() -> None:
    network = nn.Sequential({"first": nn.Sequential(nn.BatchNorm1d(2))})
    network.forward(torch.tensor([[1.0, 2.0], [3.0, 6.0]]))
    assert network.named_statistics()["first.norm_1.running_mean"].tolist() == pytest.approx(
        [0.2, 0.4]
    )
    network.stack(3).to(dtype=torch.float64)
    for name, values in network.named_statistics().items():
        assert name.startswith("first.norm_1.running_")
        assert values.shape == (3, 2)
        assert values.dtype == torch.float64
    network.initialize(seed=0)
    values = network.named_statistics()
    assert (values["first.norm_1.running_mean"] == 0).all()
    assert (values["first.norm_1.running_var"] == 1).all()


def test_the_mode_chooses_a_normalisations_recording() -> None:
    layer = nn.BatchNorm1d(2)
    forward = capture(layer.forward)
    x = torch.tensor([[1.0, 2.0], [3.0, 6.0]])
    trained = forward(x).clone()
    layer.eval()
    assert not torch.equal(forward(x), trained)
    layer.train()
    assert torch.equal(forward(x), trained)


@pytest.mark.parametrize("networks", STACKS)
def test_a_batch_of_one_cannot_be_normalised_while_training(networks: int | None) -> None:
    layer = nn.BatchNorm1d(4).stack(networks)
    x = samples((4,), networks, count=1).float()
    with pytest.raises(ValueError, match="needs more than one value per channel while training"):
        layer.forward(x)
    layer.eval().forward(x)


# Residual blocks.


def test_memory_granted_around_a_residual_changes_no_result() -> None:
    """Its input is read again after its modules, its grad_output after their backward."""
    layers: list[nn.Module] = [
        nn.Conv2d(2, 3, 3, padding=1), nn.Residual(nn.ReLU(), nn.Conv2d(3, 3, 1), nn.ReLU()),
        nn.Tanh(), nn.Residual(nn.Sequential(nn.Sigmoid(), nn.Dropout(0.0))), nn.Sigmoid(),
        nn.Sequential(nn.BatchNorm2d(3), nn.ReLU()), nn.Residual(nn.Residual(nn.SiLU()), nn.Tanh()),
        nn.MaxPool2d(2), nn.GELU(), nn.Flatten(),
    ]  # fmt: skip
    network = nn.Sequential(*layers).to(dtype=torch.float64).initialize(seed=0)
    x = samples((2, 4, 4), None)
    grad = torch.randn_like(network(x))

    def run() -> list[Tensor]:
        network.zero_grad()
        results = [network(x), network.backward(grad.clone()).clone()]
        return results + [p.grad.clone() for p in network.parameters()]

    granted = run()
    inner = layers[1].children()[0].children()
    assert not inner[0].may_overwrite_input
    assert not inner[-1].may_overwrite_grad
    assert inner[-1].may_overwrite_input  # a convolution's output that no one else reads
    assert any(module.may_overwrite_grad for module in network.modules())
    for module in network.modules():
        module.may_overwrite_input = module.may_overwrite_grad = False
    assert all(map(torch.equal, granted, run()))


def test_a_residual_that_changes_the_shape_is_refused() -> None:
    block = nn.Residual(nn.Linear(4, 3))
    with pytest.raises(ValueError, match=r"keep the shape, but they turn 4 into 3"):
        block.output_shape((4,))
    with pytest.raises(ValueError, match=r"keep the shape, but they turn \(2, 4\) into \(2, 3\)"):
        block.forward(torch.ones(2, 4))


def test_a_residual_shows_its_modules() -> None:
    assert repr(nn.Residual(nn.Linear(4, 4))) == "Residual(\n  fc_1: Linear(4, 4)\n)"
