"""The optimizers."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from minidl.spec.component import Component, Expect, Fraction, Group

Factors = Annotated[
    dict[str, Annotated[float, Field(gt=0, le=1000)]],
    Expect("a mapping from names of layers to numbers > 0"),
]


class _Optimizer(Component):
    short: ClassVar[str] = "lr"

    l1: float = Field(0.0, ge=0, description="The L1 penalty λ₁: g ← g + λ₁ sign θ first.")
    weight_decay_on: Literal["all", "weights"] = Field(
        "all",
        description="What weight_decay and l1 concern; weights leaves biases and the parameters of"
        " normalisations out.",
    )
    lr_factors: Factors | None = Field(
        None, description="What the rate is multiplied by for the layers of these names."
    )


class SgdOptimizer(_Optimizer):
    """Stochastic gradient descent: v ← μ v + (1 − dampening) g;  θ ← θ − η v."""

    type: Literal["sgd"] = "sgd"
    lr: float = Field(0.01, gt=0, description="The learning rate η.")
    momentum: Fraction = Field(0.0, description="The momentum μ.")
    dampening: float = Field(
        0.0, ge=0, le=1, description="Scales the gradient's share in the momentum."
    )
    nesterov: bool = Field(False, description="Nesterov's momentum: looks one step ahead.")
    weight_decay: float = Field(0.0, ge=0, description="The L2 penalty λ.")
    decoupled: bool = Field(
        False, description="Decay the weights directly, θ ← θ − ηλθ, not by the gradient."
    )

    def rules(self) -> Iterator[tuple[str, str]]:
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            yield (
                "nesterov",
                "needs momentum > 0 and dampening 0, "
                f"but momentum is {self.momentum:g} and dampening {self.dampening:g}",
            )


class RmspropOptimizer(_Optimizer):
    """RMSprop: s ← α s + (1 − α) g²;  θ ← θ − η g/(√s + ε)  (Hinton 2012)."""

    type: Literal["rmsprop"] = "rmsprop"
    lr: float = Field(0.01, gt=0, description="The learning rate η.")
    alpha: Fraction = Field(0.99, description="How slowly the mean of squares s forgets.")
    eps: float = Field(1e-8, ge=0, description="ε, keeps the denominator from 0.")
    momentum: Fraction = Field(0.0, description="The momentum.")
    centered: bool = Field(False, description="Divide by the deviation: subtract the squared mean.")
    weight_decay: float = Field(0.0, ge=0, description="The L2 penalty.")


class _Averaging(_Optimizer):
    lr: float = Field(0.001, gt=0, description="The learning rate η.")
    betas: tuple[Fraction, Fraction] = Field(
        (0.9, 0.999), description="β₁ and β₂: how slowly the means of g and of g² forget."
    )
    eps: float = Field(1e-8, ge=0, description="ε, keeps the denominator from 0.")


class _AdamLike(_Averaging):
    amsgrad: bool = Field(False, description="Divide by the largest mean of squares so far.")


class AdamOptimizer(_AdamLike):
    """Adam: steps of η m̂/(√v̂ + ε)  (Kingma and Ba 2015)."""

    type: Literal["adam"] = "adam"
    weight_decay: float = Field(0.0, ge=0, description="The L2 penalty.")


class AdamwOptimizer(_AdamLike):
    """Adam with decoupled weight decay  (Loshchilov and Hutter 2019)."""

    type: Literal["adamw"] = "adamw"
    weight_decay: float = Field(0.01, ge=0, description="The decoupled decay λ: θ ← θ − ηλθ.")


class NadamOptimizer(_Averaging):
    """Adam with Nesterov's momentum  (Dozat 2016)."""

    type: Literal["nadam"] = "nadam"
    lr: float = Field(0.002, gt=0, description="The learning rate η.")
    momentum_decay: float = Field(
        0.004, ge=0, description="ψ: μₜ = β₁ (1 − 0.96^(t ψ) / 2) is the momentum of step t."
    )
    weight_decay: float = Field(0.0, ge=0, description="The L2 penalty.")


class RadamOptimizer(_Averaging):
    """Adam whose first steps wait until the mean of g² is known  (Liu et al. 2020)."""

    type: Literal["radam"] = "radam"
    weight_decay: float = Field(0.0, ge=0, description="The L2 penalty.")


class AdamaxOptimizer(_Averaging):
    """Adam by the largest gradient u: steps of η m̂/u  (Kingma and Ba 2015)."""

    type: Literal["adamax"] = "adamax"
    lr: float = Field(0.002, gt=0, description="The learning rate η.")
    weight_decay: float = Field(0.0, ge=0, description="The L2 penalty.")


class AdagradOptimizer(_Optimizer):
    """Adagrad: s ← s + g²;  θ ← θ − η g/(√s + ε)  (Duchi et al. 2011)."""

    type: Literal["adagrad"] = "adagrad"
    lr: float = Field(0.01, gt=0, description="The learning rate η.")
    lr_decay: float = Field(0.0, ge=0, description="η is divided by 1 + (steps before) · lr_decay.")
    initial_accumulator_value: float = Field(0.0, ge=0, description="Where s starts.")
    eps: float = Field(1e-10, ge=0, description="ε, keeps the denominator from 0.")
    weight_decay: float = Field(0.0, ge=0, description="The L2 penalty.")


AnyOptimizer = (
    SgdOptimizer
    | RmspropOptimizer
    | AdamOptimizer
    | AdamwOptimizer
    | NadamOptimizer
    | RadamOptimizer
    | AdamaxOptimizer
    | AdagradOptimizer
)
Optimizer = Annotated[
    AnyOptimizer,
    Field(discriminator="type"),
    Group("optimizer", "an optimizer", AnyOptimizer, "How a step follows from the gradient."),
]
