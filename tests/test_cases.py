"""Nothing public without a row in the tables of cases.py."""

from __future__ import annotations

from cases import LAYERS, LOSSES, OPTIMIZERS

from minidl import nn, optim


def public(package: object, base: type) -> set[type]:
    found = (getattr(package, name) for name in package.__all__)  # type: ignore[attr-defined]
    return {kind for kind in found if isinstance(kind, type) and issubclass(kind, base)} - {base}


def test_every_module_has_a_row() -> None:
    assert public(nn, nn.Module) - {nn.Activation} == {type(case.make()) for case in LAYERS}


def test_every_loss_has_a_row() -> None:
    assert public(nn, nn.Loss) == {type(case.make()) for case in LOSSES}


def test_every_optimizer_has_a_row() -> None:
    assert public(optim, optim.Optimizer) == {case.kind for case in OPTIMIZERS}
