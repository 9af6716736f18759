"""The network as a table."""

from __future__ import annotations

import torch
from explained import IMAGES, TINY
from trainings import plainly

from minidl import nn
from minidl.build import prepare
from minidl.explain.code import code_page
from minidl.explain.network import amount, layer_rows, multiply_adds, network_sheets, notes_of
from minidl.spec import parse_spec


def test_the_table_counts_what_a_layer_holds_and_computes() -> None:
    data, experiment = prepare(parse_spec(TINY))
    first, act, last = layer_rows(experiment, data.input_shape)
    assert (first.layer, first.output, first.parameters) == ("fc_1", (2,), 6)
    assert (first.forward, first.backward) == (4, 8)  # y = x Wᵀ; dyᵀ x and dy W
    assert (act.parameters, act.forward, act.backward) == (0, 0, 0)
    assert last.memory == 8 * (3 * 3 + 5)  # weight, gradient and v of 3 numbers, 5 outputs


def test_a_convolution_multiplies_each_weight_at_each_pixel() -> None:
    conv = nn.Conv2d(2, 3, 3)
    assert multiply_adds(conv.forward, torch.zeros(1, 2, 5, 5)) == 2 * 3 * 9 * (3 * 3)


def test_the_table_adds_up_to_the_networks_parameters() -> None:
    data, experiment = prepare(parse_spec(IMAGES))
    rows = layer_rows(experiment, data.input_shape)
    layers, formulas = network_sheets(parse_spec(IMAGES), experiment, rows, data.input_shape)
    total = layers.records[-1]
    assert total["parameters"] == experiment.trainer.optimizer.flat.size
    assert "res_1.fc_1" in [record["layer"] for record in layers.records]
    assert [r["kind"] for r in formulas.records][-2:] == ["CrossEntropyLoss", "Adam"]


def test_the_notes_say_what_a_step_and_an_epoch_cost() -> None:
    data, experiment = prepare(parse_spec(TINY))
    _, step, epoch = notes_of(experiment, layer_rows(experiment, data.input_shape))
    # 6 forward and 12 backward per sample; nobody reads the first layer's dx, 4 of them.
    assert "A step of 5 samples takes 90 multiply-adds. Compiled it takes 70" in step
    assert "An epoch of 5 steps takes 414; all 4 epochs take 1,656" in epoch


def test_amounts_of_memory_are_short() -> None:
    assert [amount(x) for x in (0, 999, 1000, 5_604, 12_345_678)] == [
        *("0 B", "999 B", "1 kB", "5.6 kB", "12.3 MB"),
    ]


@plainly
def test_code_shows_the_real_source_and_every_loop_under_its_formula() -> None:
    _, experiment = prepare(parse_spec(TINY))
    page = code_page(experiment.trainer, "its code")
    by_title = {section.title: section for section in page.sections}
    python = by_title["Python: Linear"].lines
    assert "    def backward(self, grad_output: Tensor) -> Tensor:" in python
    loops = [section for section in page.sections if section.title == "C: Sigmoid.backward"]
    loops += [section for section in page.sections if section.title == "C: Linear.forward"]
    assert loops
    assert all(section.formulas for section in loops)
    assert any("_step(char *scratch" in text for text in by_title["C: the step"].lines)
