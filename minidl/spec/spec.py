"""A whole config."""

from collections.abc import Iterator
from typing import Annotated, Any, Self

from pydantic import Field, PrivateAttr

from minidl.errors import Problem
from minidl.spec.component import Expect, Part, Text
from minidl.spec.data import Data
from minidl.spec.loss import Loss, MseLoss
from minidl.spec.model import Model
from minidl.spec.nodes import Mapping, parse_key, place_of
from minidl.spec.optimizer import Optimizer, SgdOptimizer
from minidl.spec.schedule import ConstantSchedule, PlateauSchedule, Schedule
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

    def settled(self) -> Self:
        """With the metrics that choices look at, where the config leaves them open."""
        part = self.data.selection_part
        stopping, schedule = self.training.early_stopping, self.schedule
        changes: dict[str, Any] = {}
        if stopping is not None and stopping.metric is None:
            stopping = stopping.model_copy(update={"metric": f"{part}_loss"})
            changes["training"] = self.training.model_copy(update={"early_stopping": stopping})
        if isinstance(schedule, PlateauSchedule) and schedule.metric is None:
            # Without a validation part the training loss: its plateau gives nothing away.
            metric = "train_loss" if part == "test" else f"{part}_loss"
            changes["schedule"] = schedule.model_copy(update={"metric": metric})
        return self.model_copy(update=changes) if changes else self

    @property
    def selection_metric(self) -> str:
        """The metric by which the best epoch is chosen."""
        stopping = self.training.early_stopping
        return (stopping and stopping.metric) or f"{self.data.selection_part}_loss"

    def optimism(self) -> str | None:
        """What to say where the test part decides something; None where it doesn't."""
        choosing = {
            "training.early_stopping": self.training.early_stopping,
            "training.stop_at": self.training.stop_at,
            "schedule": self.schedule,
        }
        metrics = {key: getattr(part, "metric", None) or "" for key, part in choosing.items()}
        found = [key for key, metric in metrics.items() if metric.startswith("test_")]
        if not found:
            return None
        if self.data.validation_key:
            hint = "look at the validation part, by val_ metrics"
        else:
            has_fraction = "validation_fraction" in type(self.data).model_fields
            option = "validation_fraction: 0.2" if has_fraction else "validation: 500"
            hint = f"set rows apart for it, with data.{option}"
        verb = "chooses" if len(found) == 1 else "choose"
        keys = " and ".join(found)
        return f"{keys} {verb} by the test part, so its figures are optimistic: {hint}"

    def __eq__(self, other: object) -> bool:
        """Equal if all options are; where they were written doesn't matter."""
        return isinstance(other, Spec) and self.__dict__ == other.__dict__
