"""Nothing public without a row in the tables of cases.py."""

from __future__ import annotations

from cases import LAYERS, LOSSES, OPTIMIZERS, public

from minidl import nn, optim


def test_every_module_has_a_row() -> None:
    assert public(nn, nn.Module) - {nn.Activation} == {type(case.make()) for case in LAYERS}


def test_every_loss_has_a_row() -> None:
    assert public(nn, nn.Loss) == {type(case.make()) for case in LOSSES}


def test_every_optimizer_has_a_row() -> None:
    assert public(optim, optim.Optimizer) == {case.kind for case in OPTIMIZERS}
