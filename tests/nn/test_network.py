"""Networks: their one vector, names, modes; bound to other memory, and trained side by side."""

from __future__ import annotations

import pytest
import torch
from cases import OPTIMIZERS, OptimizerCase, error, samples, step
from torch import Tensor

from minidl import nn, optim


def mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2))


# The flat vector.


def test_parameters_are_views_of_one_flat_vector() -> None:
    network = mlp()
    flat = network.flatten()
    memory, grads = (x.untyped_storage().data_ptr() for x in (flat.data, flat.grad))
    for parameter in network.parameters():
        parameter.data = torch.full(parameter.shape, 7.0)
        parameter.data += 1
        parameter.grad = torch.full(parameter.shape, 3.0)
        parameter.grad += 1
        assert parameter.data.untyped_storage().data_ptr() == memory
        assert parameter.grad.untyped_storage().data_ptr() == grads
    assert (flat.data == 8).all()
    assert (flat.grad == 4).all()
    assert flat.data.numel() == flat.size == 3 * 4 + 4 + 4 * 4 + 4 + 4 * 2 + 2


def test_the_flat_vector_has_the_parameters_one_after_the_other() -> None:
    network = mlp().initialize(seed=0)
    before = [p.data.clone() for p in network.parameters()]
    flat = network.flatten()
    assert torch.equal(flat.data, torch.cat([values.view(-1) for values in before]))
    assert (flat.grad == 0).all()


def test_a_flat_vector_can_be_bound_to_other_memory() -> None:
    network = mlp()
    flat = network.flatten()
    data, grad = torch.arange(float(flat.size)), torch.zeros(flat.size)
    flat.bind(data, grad)
    assert network["fc_1"].bias.data.tolist() == [12.0, 13.0, 14.0, 15.0]  # type: ignore[attr-defined]
    network.forward(torch.ones(2, 3))
    network.backward(torch.ones(2, 2))
    assert grad[-2:].tolist() == [2.0, 2.0]
    data[12] = 99
    assert network["fc_1"].bias.data[0] == 99  # type: ignore[attr-defined]


def test_a_network_without_parameters_has_nothing_to_train() -> None:
    with pytest.raises(ValueError, match="without parameters has nothing to train"):
        nn.Sequential(nn.ReLU()).flatten()


# Side by side: what the engine does where nothing is compiled.


def network_with_state() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(3, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.3),
        nn.Residual(nn.Linear(6, 6), nn.GELU()), nn.Linear(6, 2),
    ).to(dtype=torch.float64)  # fmt: skip


def tensors_of(network: nn.Module, optimizer: optim.Optimizer) -> dict[str, dict[str, Tensor]]:
    return {
        "flat": {"data": optimizer.flat.data, "grad": optimizer.flat.grad},
        "vectors": optimizer.vectors,
        "numbers": optimizer.number_tensors,
        "statistics": network.named_statistics(),
        "settings": network.named_settings(),
    }


def bind(network: nn.Module, optimizer: optim.Optimizer, tensors: dict[str, dict[str, Tensor]]) -> None:  # noqa: E501  # fmt: skip
    optimizer.flat.bind(**tensors["flat"])
    optimizer.bind(tensors["vectors"], tensors["numbers"])
    network.bind({**tensors["statistics"], **tensors["settings"]})


@pytest.mark.parametrize("case", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize(
    ("loss", "target"),
    [(nn.MSELoss(), samples((2,))), (nn.CrossEntropyLoss(), torch.arange(7) % 2)],
    ids=["mse", "cross-entropy"],
)
def test_a_whole_step_can_be_mapped_over_the_tensors_of_many_networks(
    case: OptimizerCase, loss: nn.Loss, target: Tensor
) -> None:
    def make(seed: int) -> tuple[nn.Sequential, optim.Optimizer]:
        network = network_with_state().initialize(seed=seed).seed_dropout(seed)
        return network, case.make(network, lr=0.01 * (1 + seed))

    alone = [make(seed) for seed in range(3)]
    together = {
        kind: {name: torch.stack([tensors_of(*one)[kind][name] for one in alone]) for name in names}
        for kind, names in tensors_of(*alone[0]).items()
    }
    network, optimizer = make(9)
    x = samples((3,))

    def one_step(tensors: dict[str, dict[str, Tensor]]) -> Tensor:
        bind(network, optimizer, tensors)
        value = loss.forward(network.forward(x), target)
        optimizer.zero_grad()
        network.backward(loss.backward())
        optimizer.update()
        return value

    for number in range(3):
        for one in alone:
            one[1].advance()
        for name, values in together["numbers"].items():
            values.copy_(torch.stack([one[1].number(name) for one in alone]))
        losses = torch.func.vmap(one_step)(together)
        for (own, its), value in zip(alone, losses, strict=True):
            expected = loss.forward(own.forward(x), target)
            its.zero_grad()
            own.backward(loss.backward())
            its.update()
            assert error(value, expected) < 1e-13, number
    # Batched products sum in another order. The gradient of a bias before a normalisation is 0 but
    # for rounding, 1e-17, which Adagrad divides by itself + 1e-10. Another lane's are off by 0.01.
    for kind, named in together.items():
        for name, values in named.items():
            expected = torch.stack([tensors_of(*one)[kind][name] for one in alone])
            torch.testing.assert_close(values, expected, rtol=1e-9, atol=1e-6)
    assert together["statistics"]["dropout_1.step"].tolist() == [3, 3, 3]


# Training.


def test_a_network_learns() -> None:
    network = mlp().initialize(seed=0)
    x = samples((3,), count=20).float()
    target = x[:, :2] * x[:, 1:]
    optimizer, loss = optim.Adam(network, lr=0.02), nn.MSELoss()
    first = step(network, loss, optimizer, x, target).item()
    for _ in range(300):
        last = step(network, loss, optimizer, x, target).item()
    assert last < 0.1 * first


def test_outputs_are_memory_of_their_own() -> None:
    network = mlp()
    first = network(torch.ones(2, 3))
    kept = first.clone()
    network(torch.zeros(2, 3))
    assert torch.equal(first, kept)


def test_mode_and_dtype_reach_all_modules() -> None:
    network = network_with_state().to(dtype=torch.float32).eval()
    assert not any(module.training for module in network.modules())
    assert {p.data.dtype for p in network.parameters()} == {torch.float32}
    dtypes = {name: values.dtype for name, values in network.named_statistics().items()}
    assert dtypes == {
        "norm_1.running_mean": torch.float32,
        "norm_1.running_var": torch.float32,
        "dropout_1.step": torch.int64,
    }
    assert {name: values.dtype for name, values in network.named_settings().items()} == {
        "dropout_1.p": torch.float32,
        "dropout_1.seed": torch.int64,
    }
    assert all(module.training for module in network.train().modules())


# Names and structure.


def test_children_are_named_by_kind_and_found_by_name_or_number() -> None:
    network = mlp()
    assert [name for name, _ in network.named_children()] == [
        "fc_1", "act_1", "fc_2", "act_2", "fc_3",
    ]  # fmt: skip
    assert network["fc_2"] is network[2]
    assert network["fc_2"].weight.grad.shape == (4, 4)  # type: ignore[attr-defined]
    assert len(network) == len(list(network)) == 5
    with pytest.raises(KeyError, match="no module named 'fc_9'; there are fc_1, act_1"):
        network["fc_9"]


def test_names_can_be_given() -> None:
    network = nn.Sequential({"encoder": nn.Linear(3, 2), "squash": nn.Sigmoid()})
    assert network["squash"](torch.zeros(1)).item() == 0.5


def test_repr_shows_names_and_sizes() -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.Residual(nn.Linear(4, 4, bias=False), nn.ReLU()))
    assert repr(network).splitlines() == [
        "Sequential(",
        "  fc_1: Linear(3, 4)",
        "  res_1: Residual(",
        "    fc_1: Linear(4, 4, bias=False)",
        "    act_1: ReLU()",
        "  )",
        ")",
    ]


def test_one_instance_twice_is_an_error() -> None:
    shared = nn.Linear(3, 3)
    with pytest.raises(ValueError, match=r"Linear\(3, 3\) stands twice"):
        nn.Sequential(shared, nn.Sequential(nn.ReLU(), shared))
    with pytest.raises(ValueError, match="at least one module"):
        nn.Sequential()


def test_a_layer_of_no_size_is_refused() -> None:
    with pytest.raises(ValueError, match="Linear needs sizes of at least 1, got 0, 2"):
        nn.Linear(0, 2)


# Residual blocks.


def test_a_residual_that_changes_the_shape_is_refused() -> None:
    block = nn.Residual(nn.Linear(4, 3))
    with pytest.raises(ValueError, match=r"keep the shape, but they turn 4 into 3"):
        block.output_shape((4,))
    with pytest.raises(ValueError, match=r"keep the shape, but they turn \(2, 4\) into \(2, 3\)"):
        block.forward(torch.ones(2, 4))


def test_a_residual_shows_its_modules() -> None:
    assert repr(nn.Residual(nn.Linear(4, 4))) == "Residual(\n  fc_1: Linear(4, 4)\n)"
