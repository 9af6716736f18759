"""A step in numbers: what is written is what was computed."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch
from explained import IMAGES, TINY, state, watched

from minidl.explain.loss import loss_section
from minidl.explain.numbers import step_page
from minidl.explain.page import as_text

pytestmark = pytest.mark.usefixtures("kept_programs")


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def value_of(text: str) -> float:
    """What a line's arithmetic comes to."""
    text = text.replace("−", "-").replace("·", "*").replace("²", "**2").replace("e^", "math.exp")
    text = re.sub(r"math.exp-\|(.*?)\|", r"math.exp(-abs(\1))", text)
    text = re.sub(r"\|(.*?)\|", r"abs(\1)", text)
    text = re.sub(r"log ([\d.]+)", r"log(\1)", text).replace("log", "math.log")
    text = text.replace("σ", "sigmoid")
    text = re.sub(r"1\[(.*?)\]", r"(1.0 if \1 else 0.0)", text).replace("√", "math.sqrt")
    return float(
        eval(
            re.sub(r"(\d|\)) (\(|math)", r"\1 * \2", text),
            {"math": math, "max": max, "abs": abs, "sigmoid": _sigmoid, "sign": np.sign},
        )
    )


@pytest.mark.parametrize(
    "activation", ["sigmoid", "tanh", "relu", "{leaky_relu: 0.1}", "{elu: 0.5}", "mish"]
)
def test_every_line_of_a_small_network_comes_to_what_it_says(activation: str) -> None:
    replay, seen = watched(TINY, 7, f"model.activation={activation}")
    checked = 0
    for section in step_page(replay.trainer, seen, 2, "step").sections:
        for text in section.lines:
            parts = re.split(" = | ← ", text)
            if len(parts) == 3 and parts[1] not in ("x", "dy"):
                # Numbers have four digits: differences of them are as far off.
                assert value_of(parts[1]) == pytest.approx(value_of(parts[2]), abs=1e-3), text
                checked += 1
    assert checked > 30


@pytest.mark.parametrize(
    "loss",
    [
        *("mse", "mae", "{type: huber, delta: 0.1}", "{type: smooth_l1, beta: 0.1}"),
        *("bce", "bce_with_logits", "cross_entropy"),
        "{type: cross_entropy, label_smoothing: 0.1}",
        "{type: bce, class_weights: balanced}",
        "{type: bce_with_logits, pos_weight: 3}",
    ],
)
def test_the_lines_of_a_loss_come_to_what_they_say(loss: str) -> None:
    activation = ["model.output_activation=sigmoid"] * ("bce" in loss and "logits" not in loss)
    replay, seen = watched(TINY, 1, f"loss={loss}", *activation)
    part, _, *slopes = loss_section(replay.trainer.loss, seen, 1).lines[2:]
    for text in (part, *slopes):
        _, numbers, result = text.split(" = ")
        assert value_of(numbers) == pytest.approx(value_of(result), abs=1e-3), text


def test_what_is_shown_is_the_step_that_the_training_takes() -> None:
    replay, seen = watched(TINY, 7)
    before = state(replay)
    assert torch.equal(seen.before, before["parameters"])
    replay.after(7)
    after = replay.trainer.optimizer.flat.data
    assert torch.allclose(seen.after, after, rtol=1e-12, atol=0)
    assert not torch.equal(seen.before, after)


@pytest.mark.parametrize("text", [TINY, IMAGES])
def test_watching_leaves_no_trace(text: str) -> None:
    replay, _ = watched(text, 3)
    again, _ = watched(text, 3)
    before = {name: x.clone() for name, x in replay.trainer.tensors().items()}
    page = step_page(replay.trainer, watched(text, 3)[1], 0, "step")
    assert page.sections
    assert replay.checkpoint() == again.checkpoint()
    assert all("forward" not in vars(module) for module in replay.trainer.network.modules())
    for name, x in replay.trainer.tensors().items():
        assert torch.equal(x, before[name]), name


def test_a_large_network_is_shown_by_its_largest_entries_and_statistics() -> None:
    replay, seen = watched(IMAGES, 2)
    text = as_text(step_page(replay.trainer, seen, 0, "step"), "table", 80)
    assert "2×3×3 numbers, mean" in text
    assert " more: " in text
    assert "clipped to 0.1" in text
    assert "res_1.fc_1" in text
    assert "nan" not in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("format", ["table", "md", "latex", "json"])
def test_a_step_is_written_in_each_format(format: str) -> None:
    replay, seen = watched(TINY, 1)
    text = as_text(step_page(replay.trainer, seen, 0, "Step 1"), format)
    assert "Step 1" in text
    assert "\x1b" not in text
