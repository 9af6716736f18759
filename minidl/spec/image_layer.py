"""The layers that take images, (channels, height, width)."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from minidl.spec.activation import Named
from minidl.spec.component import Expect, one_or_list
from minidl.spec.init import Init

MAX_CHANNELS = 100_000  # a typing mistake shouldn't fill the memory


def _one_list_or_word(value: object) -> str:
    return "word" if isinstance(value, str) else one_or_list(value)


# One number for both axes, or [vertical, horizontal].
_FROM_1 = Expect("an integer from 1 to 1000, or a pair of them")
_FROM_0 = Expect("an integer from 0 to 1000, or a pair of them")
_OR_SAME = Expect("an integer from 0 to 1000, a pair of them, or same")
_FACTOR = Expect("a number > 0 and ≤ 100, or a pair of them")
_Positive = Annotated[int, Field(ge=1, le=1000)]
_Natural = Annotated[int, Field(ge=0, le=1000)]
_Scale = Annotated[float, Field(gt=0, le=100)]
Size = Annotated[
    Annotated[_Positive, _FROM_1, Tag("one")]
    | Annotated[tuple[_Positive, _Positive], _FROM_1, Tag("list")],
    Discriminator(one_or_list),
    _FROM_1,
]
Margin = Annotated[
    Annotated[_Natural, _FROM_0, Tag("one")]
    | Annotated[tuple[_Natural, _Natural], _FROM_0, Tag("list")],
    Discriminator(one_or_list),
    _FROM_0,
]
Padding = Annotated[
    Annotated[_Natural, _OR_SAME, Tag("one")]
    | Annotated[tuple[_Natural, _Natural], _OR_SAME, Tag("list")]
    | Annotated[Literal["same"], _OR_SAME, Tag("word")],
    Discriminator(_one_list_or_word),
    _OR_SAME,
]
Factor = Annotated[
    Annotated[_Scale, _FACTOR, Tag("one")] | Annotated[tuple[_Scale, _Scale], _FACTOR, Tag("list")],
    Discriminator(one_or_list),
    _FACTOR,
]


class _Kernel(Named):
    short: ClassVar[str] = "out_channels"

    out_channels: int = Field(ge=1, le=MAX_CHANNELS, description="The number of outputs per pixel.")
    kernel_size: Size = Field(3, description="The kernel's height and width.")
    bias: bool = Field(True, description="Whether to add a number per output channel.")
    init: Init | None = Field(None, description="How the weights start; the model's if left out.")


class Conv2dLayer(_Kernel):
    """Convolution: each output pixel is a weighted sum over a window of input pixels."""

    type: Literal["conv2d"] = "conv2d"
    stride: Size = Field(1, description="The step from window to window.")
    padding: Padding = Field(0, description="Zeros around the image; same keeps its size.")
    dilation: Size = Field(1, description="The step from tap to tap of the kernel.")
    groups: int = Field(
        1,
        ge=1,
        le=MAX_CHANNELS,
        description="Into how many the channels are divided; as many as channels: depthwise.",
    )


class ConvTranspose2dLayer(_Kernel):
    """Transposed convolution: each input pixel adds the kernel; a stride enlarges the image."""

    type: Literal["conv_transpose2d"] = "conv_transpose2d"
    stride: Size = Field(1, description="How many times larger the output is.")
    padding: Margin = Field(0, description="What is cut off around the output.")
    output_padding: Margin = Field(0, description="What is added at the output's lower right.")
    dilation: Size = Field(1, description="The step from tap to tap of the kernel.")
    groups: int = Field(
        1,
        ge=1,
        le=MAX_CHANNELS,
        description="Into how many the channels are divided; as many as channels: depthwise.",
    )


class UpsamplingLayer(_Kernel):
    """Nearest upsampling and a convolution, as one layer on the small image: exact, and faster."""

    aliases: ClassVar[tuple[str, ...]] = ("upsample_conv2d",)

    type: Literal["upsampling"] = "upsampling"
    scale_factor: Size = Field(2, description="How often each pixel is repeated.")
    padding: Padding = Field("same", description="Zeros around the enlarged image.")


class UpsampleLayer(Named):
    """Enlarges images: repeats pixels (nearest), or interpolates between them (bilinear)."""

    short: ClassVar[str] = "scale_factor"

    type: Literal["upsample"] = "upsample"
    scale_factor: Factor | None = Field(None, description="How many times larger; or give size.")
    mode: Literal["nearest", "bilinear"] = Field("nearest", description="How to fill in.")
    size: Size | None = Field(None, description="The output's height and width.")

    def rules(self) -> Iterator[tuple[str, str]]:
        if self.scale_factor is None and self.size is None:
            yield "scale_factor", f"is missing: expected {_FACTOR.text} (or a size instead)"
        if self.scale_factor is not None and self.size is not None:
            yield "size", "excludes scale_factor; keep one of the two"


class _Pool(Named):
    short: ClassVar[str] = "kernel_size"

    kernel_size: Size = Field(2, description="The window's height and width.")
    stride: Size | None = Field(
        None, description="The step from window to window; the kernel size if left out."
    )
    padding: Margin = Field(0, description="What is added around the image.")


class MaxPool2dLayer(_Pool):
    """The largest number of each window, channel by channel."""

    type: Literal["max_pool2d"] = "max_pool2d"
    dilation: Size = Field(1, description="The step from pixel to pixel in a window.")


class AvgPool2dLayer(_Pool):
    """The mean of each window, channel by channel."""

    type: Literal["avg_pool2d"] = "avg_pool2d"


class GlobalAvgPool2dLayer(Named):
    """The mean of each channel over the whole image: one number per channel."""

    type: Literal["global_avg_pool2d"] = "global_avg_pool2d"


AnyImageLayer = (
    Conv2dLayer
    | ConvTranspose2dLayer
    | UpsamplingLayer
    | UpsampleLayer
    | MaxPool2dLayer
    | AvgPool2dLayer
    | GlobalAvgPool2dLayer
)
