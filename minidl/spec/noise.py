"""What spoils an image."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from minidl.spec.component import Component, Group


class GaussianNoise(Component):
    """Normal numbers are added to each value."""

    short: ClassVar[str] = "sigma"
    aliases: ClassVar[tuple[str, ...]] = ("normal",)

    type: Literal["gaussian"] = "gaussian"
    sigma: float = Field(0.2, gt=0, le=10, description="Their std; images reach from 0 to 1.")


class PoissonNoise(Component):
    """Each value is a count of photons: the less light, the more noise."""

    short: ClassVar[str] = "peak"

    type: Literal["poisson"] = "poisson"
    peak: float = Field(30.0, gt=0, le=1e6, description="The mean count where a value is 1.")


class MaskNoise(Component):
    """Pixels are lost: all of their channels are 0."""

    short: ClassVar[str] = "lost"

    type: Literal["mask"] = "mask"
    lost: float = Field(0.5, gt=0, lt=1, description="The share of pixels that are lost.")


AnyNoise = GaussianNoise | PoissonNoise | MaskNoise
Noise = Annotated[
    AnyNoise,
    Field(discriminator="type"),
    Group("noise", "a kind of noise", AnyNoise, "What spoils the images of photo_patches."),
]
