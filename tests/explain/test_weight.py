"""The chain from the loss to one weight."""

from __future__ import annotations

import pytest
from explained import IMAGES, TINY, watched

from minidl.errors import RunError
from minidl.explain.chain import chain_of, find_weight
from minidl.explain.weight import slope_of, weight_page

pytestmark = pytest.mark.usefixtures("kept_programs")

GROUPS = IMAGES.replace(
    "    - relu\n",
    "    - {type: conv2d, out_channels: 4, kernel_size: 2, groups: 2}\n    - {group_norm: 2}\n",
)
WEIGHTS = [
    *[(TINY, name) for name in ("fc_1[1,0]", "fc_1.bias[1]", "fc_2[0,1]", "fc_2.bias[0]")],
    *[(IMAGES, name) for name in ("conv_1[1,0,2,1]", "conv_1.bias[0]", "norm_1[1]")],
    *[(IMAGES, name) for name in ("norm_2.bias[3]", "fc_1[4,7]", "res_1.fc_1[2,3]", "fc_2[3,1]")],
    (IMAGES, "fc_3.bias[9]"),
    (GROUPS, "conv_2[3,0,1,0]"),
    (GROUPS, "norm_2[1]"),
]


@pytest.mark.parametrize(("text", "name"), WEIGHTS)
def test_the_factors_multiplied_and_added_are_the_recorded_gradient(text: str, name: str) -> None:
    replay, seen = watched(text, 2)
    weight = find_weight(replay.trainer, name)
    chain = chain_of(seen, weight)
    recorded = float(seen.gradient[weight.index])
    # In float64: what is left is the order of the sum.
    assert abs(chain.value - recorded) <= 1e-12
    if chain.unfolded:
        assert abs(chain.unfolded_value() - recorded) <= 1e-12


@pytest.mark.parametrize(("text", "name"), WEIGHTS)
def test_the_gradient_is_the_slope_of_the_loss(text: str, name: str) -> None:
    replay, seen = watched(text, 2)
    weight = find_weight(replay.trainer, name)
    slope = slope_of(replay.in_double(), replay.rows, weight)
    assert slope is not None
    # Batch normalisation takes a bias before it away: that one's gradient alone is 0.
    assert abs(slope) > 1e-6 or name == "conv_1.bias[0]"
    # A central difference with h = 1e-5 is off by about 1e-10.
    assert slope == pytest.approx(float(seen.gradient[weight.index]), abs=1e-8)


def test_the_next_layer_unfolds_the_delta() -> None:
    replay, seen = watched(TINY, 2)
    chain = chain_of(seen, find_weight(replay.trainer, "fc_1[1,0]"))
    assert chain.names == ("δ", "x")
    assert chain.unfolded_names == ("δ of fc_2", "weight of fc_2", "slope of act_1")
    assert [len(inner) for inner in chain.unfolded] == [1] * 5  # one output, five samples


def test_the_page_shows_the_gradient_beside_a_difference_and_the_update() -> None:
    replay, seen = watched(TINY, 2)
    weight = find_weight(replay.trainer, "fc_2[0,1]")
    page = weight_page(replay.trainer, seen, weight, 0.25, "one weight")
    chain, difference, update = page.sections
    assert "∂L/∂fc_2.weight[0, 1] = Σ δ · x" in chain.formulas[0]
    assert difference.lines[0].startswith("central difference 0.25, gradient ")
    assert update.values["after"] == float(seen.after[weight.index])


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("fc_2", "expected a layer and a place, such as fc_2[3,1], not 'fc_2'"),
        ("fc_2[a]", "expected a layer and a place"),
        ("fc_9[0,0]", "no parameter 'fc_9': there are fc_1.weight, fc_1.bias"),
        ("act_1[0]", "no parameter 'act_1'"),
        ("fc_2[1,0]", "fc_2.weight has no [1,0]: the last is [0,1]"),
        ("fc_2[0]", "fc_2.weight has no [0]: the last is [0,1]"),
    ],
)
def test_a_weight_that_is_not_there_is_refused(name: str, problem: str) -> None:
    replay, _ = watched(TINY, 1)
    with pytest.raises(RunError) as caught:
        find_weight(replay.trainer, name)
    assert problem in str(caught.value)
