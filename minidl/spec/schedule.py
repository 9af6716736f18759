"""How the learning rate changes with the finished epochs."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from minidl.spec.component import Component, Expect, Fraction, Group, one_or_list
from minidl.spec.training import Metric

Epoch = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0)]
Pair = Annotated[tuple[Epoch, Rate], Expect("a pair [epoch, rate]")]
Milestone = Annotated[
    Annotated[Epoch, Tag("one")] | Annotated[Pair, Tag("list")],
    Discriminator(one_or_list),
    Expect("an epoch ≥ 1 or a pair [epoch, rate]"),
]


class _Schedule(Component):
    warmup: int = Field(
        0, ge=0, description="Epochs in which the rate first rises from near 0 to its start."
    )


class ConstantSchedule(_Schedule):
    """The optimizer's lr throughout."""

    type: Literal["constant"] = "constant"


class MultistepSchedule(_Schedule):
    """A new rate at each milestone: [epoch, rate] pairs, or epochs and a factor."""

    short: ClassVar[str] = "milestones"

    type: Literal["multistep"] = "multistep"
    milestones: Annotated[
        tuple[Milestone, ...], Expect("a list of [epoch, rate] pairs, or of epochs with a factor")
    ] = Field(min_length=1, description="[[epoch, rate], …], or [epoch, …] together with factor.")
    factor: float | None = Field(
        None, gt=0, description="Multiplies the rate at each milestone that is a bare epoch."
    )

    def rules(self) -> Iterator[tuple[str, str]]:
        pairs = sum(isinstance(milestone, tuple) for milestone in self.milestones)
        if 0 < pairs < len(self.milestones):
            yield "milestones", "mixes [epoch, rate] pairs with bare epochs; use one form"
        elif pairs and self.factor is not None:
            yield "factor", "excludes [epoch, rate] milestones, which name the rates themselves"
        elif not pairs and self.factor is None:
            yield "factor", "is missing: milestones that are bare epochs need it"
        epochs = [m[0] if isinstance(m, tuple) else m for m in self.milestones]
        for index, (before, after) in enumerate(pairwise(epochs), start=1):
            if after <= before:
                yield (
                    f"milestones[{index}]",
                    f"epochs must increase strictly, but {after} comes after {before}",
                )


class StepSchedule(_Schedule):
    """Multiplies the rate by a factor every `step_size` epochs."""

    type: Literal["step"] = "step"
    step_size: int = Field(ge=1, description="Epochs between two changes.")
    factor: float = Field(0.1, gt=0, description="Multiplies the rate at each change.")


class ExponentialSchedule(_Schedule):
    """Multiplies the rate by a factor after every epoch."""

    short: ClassVar[str] = "factor"

    type: Literal["exponential"] = "exponential"
    factor: float = Field(gt=0, description="Multiplies the rate after each epoch.")


class _Falling(_Schedule):
    short: ClassVar[str] = "epochs"

    epochs: int | None = Field(
        None,
        ge=1,
        description="The epoch where the fall ends, warmup included; training.epochs if left out.",
    )
    final: float = Field(0.0, ge=0, le=1, description="Where it ends, as a fraction of lr.")

    def rules(self) -> Iterator[tuple[str, str]]:
        if self.epochs is not None and self.epochs <= self.warmup:
            yield "epochs", f"the fall must end after the warmup of {self.warmup}"


class CosineSchedule(_Falling):
    """Falls from lr to final · lr along half a cosine  (Loshchilov and Hutter 2017)."""

    type: Literal["cosine"] = "cosine"


class LinearSchedule(_Falling):
    """Falls from lr to final · lr along a line."""

    type: Literal["linear"] = "linear"


class PolynomialSchedule(_Falling):
    """Falls from lr to final · lr as a power of what is left of the epochs."""

    short: ClassVar[str] = "power"

    type: Literal["polynomial"] = "polynomial"
    power: float = Field(gt=0, description="Of (1 − epoch / epochs); 1 is linear.")


class CosineRestartsSchedule(_Schedule):
    """Half cosines from lr to final · lr, again and again  (SGDR, Loshchilov and Hutter 2017)."""

    short: ClassVar[str] = "period"

    type: Literal["cosine_restarts"] = "cosine_restarts"
    period: int = Field(ge=1, description="Epochs to the first restart.")
    growth: int = Field(1, ge=1, description="How many times longer each period is than the last.")
    final: float = Field(0.0, ge=0, le=1, description="Where they end, as a fraction of lr.")


class OneCycleSchedule(Component):
    """Rises from a fraction of lr to lr and falls far below it  (Smith and Topin 2018)."""

    short: ClassVar[str] = "epochs"

    type: Literal["one_cycle"] = "one_cycle"
    epochs: int | None = Field(
        None, ge=1, description="How many the cycle takes; training.epochs if left out."
    )
    pct_start: Fraction = Field(0.3, description="The share of them in which the rate rises.")
    div_factor: float = Field(25.0, ge=1, description="The first rate is lr / div_factor.")
    final_div_factor: float = Field(
        1e4, ge=1, description="The last rate is lr / div_factor / final_div_factor."
    )


class PlateauSchedule(_Schedule):
    """Multiplies the rate by a factor when a metric no longer improves."""

    type: Literal["plateau"] = "plateau"
    metric: Metric | None = Field(
        None,
        description="The metric that must improve; val_loss if left out, without a validation part"
        " train_loss.",
    )
    patience: int = Field(10, ge=0, description="How many evaluations without improvement to wait.")
    factor: float = Field(0.1, gt=0, lt=1, description="Multiplies the rate.")
    threshold: float = Field(1e-4, ge=0, description="The least relative change that counts.")
    cooldown: int = Field(0, ge=0, description="Evaluations to wait after a change.")
    min_lr: float = Field(0.0, ge=0, description="The rate never falls below this.")


AnySchedule = (
    ConstantSchedule
    | MultistepSchedule
    | StepSchedule
    | ExponentialSchedule
    | CosineSchedule
    | LinearSchedule
    | PolynomialSchedule
    | CosineRestartsSchedule
    | OneCycleSchedule
    | PlateauSchedule
)
Schedule = Annotated[
    AnySchedule,
    Field(discriminator="type"),
    Group(
        "schedule",
        "a schedule",
        AnySchedule,
        "How the learning rate changes with the finished epochs.",
    ),
]
