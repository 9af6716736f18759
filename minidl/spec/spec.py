"""A whole config."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, PrivateAttr

from minidl.errors import Problem
from minidl.spec.component import Expect, Part, Text
from minidl.spec.data import Data
from minidl.spec.loss import Loss, MseLoss
from minidl.spec.model import Model
from minidl.spec.nodes import Mapping, parse_key, place_of
from minidl.spec.optimizer import Optimizer, SgdOptimizer
from minidl.spec.schedule import ConstantSchedule, Schedule
from minidl.spec.training import Training
from minidl.store.names import fault

MAX_NAME_BYTES = 100

Device = Annotated[
    str,
    Field(pattern=r"^(auto|cpu|cuda(:(0|[1-9][0-9]{0,2}))?)$"),
    Expect("auto, cpu, cuda or cuda:N"),
]


class Spec(Part):
    """A run, as the config describes it."""

    blocks = ("sweep", "report")

    name: Text = Field(description="Names the run; the config file's name if left out.")
    seed: int = Field(0, ge=0, description="Draws data, weights, batch order and dropout.")
    device: Device = Field("auto", description="auto takes a GPU if there is one.")
    data: Data = Field(description="What to learn from.")
    model: Model = Field(description="The network.")
    loss: Loss = Field(MseLoss(), description="What training makes small.")
    optimizer: Optimizer = Field(
        SgdOptimizer(), description="How a step follows from the gradient."
    )
    schedule: Schedule = Field(
        ConstantSchedule(), description="How the rate changes with the finished epochs."
    )
    training: Training = Field(Training(), description="How long, and in which batches.")

    _source: Mapping | None = PrivateAttr(None)

    def problem(self, key: str, message: str) -> Problem:
        """A problem with the value of a key such as `model.layers[2].p`, with its place.

        A key that was left to its default is placed at the nearest parent that was written.
        """
        if self._source is None:
            return Problem(message, key)
        return place_of(self._source, parse_key(key) or ()).problem(message, key)

    def rules(self) -> Iterator[tuple[str, str]]:
        if wrong := fault(self.name, MAX_NAME_BYTES):
            yield "name", f"{wrong} (the run's folder gets this name)"

    def __eq__(self, other: object) -> bool:
        """Equal if all options are; where they were written doesn't matter."""
        return isinstance(other, Spec) and self.__dict__ == other.__dict__
