"""Image layers in a config: what is inferred, the short forms, and what doesn't fit together."""

from __future__ import annotations

import pytest

from minidl.build import prepare
from minidl.errors import ConfigError
from minidl.nn import Sequential
from minidl.spec import SequentialModel, dump, parse_spec

IMAGES = "{type: digits, images: true}"


def config(layers: str, data: str = IMAGES, more: str = "") -> str:
    model = f"{{type: sequential, layers: {layers}}}"
    return f"data: {data}\nmodel: {model}\nloss: cross_entropy\n{more}"


def network(layers: str) -> Sequential:
    return prepare(parse_spec(config(layers), "c.yaml"))[1].network


def complaint(text: str) -> str:
    """The one problem, without its place in the file."""
    with pytest.raises(ConfigError) as caught:
        prepare(parse_spec(text, "c.yaml"))
    (problem,) = caught.value.problems
    assert problem.line is not None
    return f"{problem.key}: {problem.message}"


def test_sizes_follow_from_layer_to_layer() -> None:
    layers = "[{conv2d: 4}, batch_norm, relu, max_pool2d, {upsampling: 6}, flatten, linear]"
    assert [repr(layer) for layer in network(layers)] == [
        "Conv2d(1, 4, kernel_size=3)",
        "BatchNorm2d(4)",
        "ReLU()",
        "MaxPool2d(2)",
        "UpsampleConv2d(4, 6, kernel_size=3)",
        "Flatten()",
        "Linear(216, 10)",
    ]


def test_short_forms_name_the_first_thing_to_say() -> None:
    layers = (
        "[{conv2d: 4}, {conv_transpose2d: 4}, {upsample_conv2d: 4}, {upsample: [2, 1.5]}, "
        "{max_pool2d: [2, 1]}, {avg_pool2d: 3}, {layer_norm: 4}, {residual: [relu]}]"
    )
    model = parse_spec(config(layers), "c.yaml").model
    assert isinstance(model, SequentialModel)
    got = [getattr(layer, type(layer).short) for layer in model.layers]
    assert got[:-1] == [4, 4, 4, (2, 1.5), (2, 1), 3, 4]
    assert model.layers[2].type == "upsampling"
    assert [layer.type for layer in got[-1]] == ["relu"]


def test_image_layers_survive_being_written() -> None:
    layers = (
        "[{type: conv2d, out_channels: 4, kernel_size: [3, 1], padding: same}, "
        "{residual: [relu, {residual: [{type: conv2d, out_channels: 4, padding: 1}]}]}, "
        "{type: upsample, size: [4, 5]}, flatten, linear]"
    )
    spec = parse_spec(config(layers), "c.yaml")
    assert parse_spec(dump(spec), "c.yaml") == spec


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        (
            "[{conv2d: 4}, {type: conv2d, out_channels: 4, kernel_size: 7}]",
            "model.layers[1]: Conv2d(4, 4, kernel_size=7) can't take 4×6×6: "
            "its 7×7 kernel is larger than the 6×6 input",
        ),
        (
            "[{conv2d: 4}, linear]",
            "model.layers[1]: linear takes one row of numbers per sample, but gets 4×6×6: "
            "put a flatten layer before it",
        ),
        (
            "[{type: conv2d, out_channels: 3, stride: 2, padding: same}]",
            "model.layers[0]: padding 'same' needs stride 1, but got 2",
        ),
        (
            "[{type: max_pool2d, padding: 2}]",
            "model.layers[0]: padding must be at most half the kernel size 2, but got 2",
        ),
        (
            "[{residual: [{conv2d: 4}]}]",
            "model.layers[0]: a Residual's modules must keep the shape, "
            "but they turn 1×8×8 into 4×6×6",
        ),
        (
            "[relu, {residual: [relu, {type: conv2d, out_channels: 1, kernel_size: 9}]}]",
            "model.layers[1].layers[1]: Conv2d(1, 1, kernel_size=9) can't take 1×8×8: "
            "its 9×9 kernel is larger than the 8×8 input",
        ),
        (
            "[flatten, {conv2d: 4}]",
            "model.layers[1]: conv2d takes images (channels, height, width), but gets 64",
        ),
        (
            "[flatten, max_pool2d]",
            "model.layers[1]: MaxPool2d(2) takes images (N, C, H, W), but gets (N, 64)",
        ),
        (
            "[{layer_norm: 3}]",
            "model.layers[0]: LayerNorm(3) takes (N, ..., 3), but gets (N, 1, 8, 8)",
        ),
        (
            "[{type: conv2d, out_channels: 4, groups: 2}]",
            "model.layers[0]: groups must divide 1 input and 4 output channels, but got 2",
        ),
        (
            "[{conv2d: 4}, {group_norm: 3}]",
            "model.layers[1]: num_groups must divide the 4 channels, but got 3",
        ),
        (
            "[{conv2d: 4}, global_avg_pool2d]",
            "model: the network gives 4 outputs per sample, but cross_entropy here needs 10",
        ),
        (
            "[{residual: [flatten, linear]}]",
            "model.layers[0].layers[1].out_features: is missing: expected an integer ≥ 1 "
            "(only the last linear layer's can be inferred)",
        ),
        (
            "[{residual: [{type: relu, name: a}, {type: tanh, name: a}]}]",
            "model.layers[0].layers[1].name: a layer before has the name 'a' already",
        ),
        (
            "[upsample]",
            "model.layers[0].scale_factor: is missing: expected a number > 0 and ≤ 100, "
            "or a pair of them (or a size instead)",
        ),
        (
            "[{type: upsample, scale_factor: 2, size: 4}]",
            "model.layers[0].size: excludes scale_factor; keep one of the two",
        ),
        (
            "[{type: conv2d, out_channels: 2, padding: valid}]",
            "model.layers[0].padding: expected an integer from 0 to 1000, a pair of them, or same, "
            "but got the text 'valid'",
        ),
        (
            "[{max_pool2d: [2, 2, 2]}]",
            "model.layers[0].kernel_size: expected an integer from 1 to 1000, or a pair of them, "
            "but got a list of 3",
        ),
    ],
)
def test_what_does_not_fit_is_said_with_its_place_and_the_sizes(layers: str, said: str) -> None:
    assert complaint(config(layers)) == said


def test_digits_are_images_only_if_asked_for_and_that_is_said() -> None:
    for layers, message in (
        ("[{conv2d: 4}]", "conv2d takes images (channels, height, width), but gets 64"),
        ("[max_pool2d]", "MaxPool2d(2) takes images (N, C, H, W), but gets (N, 64)"),
    ):
        expected = f"model.layers[0]: {message}; set data.images: true"
        assert complaint(config(layers, "digits")) == expected


@pytest.mark.parametrize(
    "layers", ["[batch_norm, linear]", "[{conv2d: 2}, batch_norm, flatten, linear]"]
)
@pytest.mark.parametrize("size", [1, 359])
def test_a_batch_of_one_sample_cannot_be_normalised(size: int, layers: str) -> None:
    data = "{type: shapes, train: 360, test: 50, size: 8}"
    if "conv2d" not in layers:
        data = "{type: moons, train: 360, test: 50}"
    text = config(layers, data, f"training: {{batch_size: {size}}}")
    assert complaint(text) == (
        "training.batch_size: leaves a batch of 1 of the 360 samples, but batch_norm compares "
        "samples: choose another, or drop_last"
    )
    prepare(parse_spec(config(layers, data, "training: {batch_size: 359, drop_last: true}")))
