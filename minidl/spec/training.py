"""How long, in which batches, and when to stop."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from pydantic import Field

from minidl.scores import ALWAYS, MORE, NEED_OUTPUTS, PARTS
from minidl.spec.component import Expect, Part, Seed

METRICS = tuple(f"{part}_{name}" for name in (*ALWAYS, *MORE) for part in PARTS)
_OF_ALL = f"{', '.join(ALWAYS[:-1])}, {ALWAYS[-1]}, or one of training.metrics"
NAMES = f"(train_, val_ or test_) and ({_OF_ALL})"

if TYPE_CHECKING:
    Metric = str
    More = str
else:
    Metric = Annotated[Literal[METRICS], Expect(f"a metric: {NAMES}")]
    _MORE = f"{', '.join(MORE)} (loss, accuracy, mse, mae, r2 and psnr are always measured)"
    More = Annotated[Literal[MORE], Expect(f"one of {_MORE}", f"any of {_MORE}")]


Watched = Literal["gradients", "weights", "updates", "activations"]
WATCHED: tuple[Watched, ...] = get_args(Watched)
WATCH_ALL = f"training.watch=[{', '.join(WATCHED)}]"  # an override


class EarlyStopping(Part):
    """Stops when a metric hasn't improved for a number of evaluations."""

    metric: Metric | None = Field(
        None,
        description="The metric that must improve; val_loss if left out, without a validation part"
        " test_loss.",
    )
    patience: int = Field(20, ge=1, description="Evaluations to wait for an improvement.")
    min_delta: float = Field(0.0, ge=0, description="The smallest improvement that counts.")
    restore_best: bool = Field(True, description="Whether to end with the best weights.")


class StopAt(Part):
    """Stops as soon as a metric reaches a value."""

    metric: Metric = Field(description="The metric.")
    value: float = Field(description="Stop at this value or better.")


class Training(Part):
    """How long, in which batches, and when to stop."""

    epochs: int = Field(100, ge=1, description="Passes over the training data.")
    batch_size: int = Field(50, ge=1, description="Samples a step.")
    drop_last: bool = Field(False, description="Whether to drop a last batch that is shorter.")
    eval_every: int = Field(1, ge=1, description="Evaluate every so many epochs.")
    evaluate_in: Literal["eval", "train"] = Field(
        "eval", description="The mode of evaluation; train leaves dropout on."
    )
    dtype: Literal["float32", "float64"] = Field("float32", description="The numbers' precision.")
    clip_norm: float | None = Field(None, gt=0, description="Scale the gradient to this norm.")
    clip_value: float | None = Field(None, gt=0, description="Clamp each gradient to ± this.")
    early_stopping: EarlyStopping | None = Field(
        None, description="Stop when a metric no longer improves."
    )
    stop_at: StopAt | None = Field(None, description="Stop when a metric reaches a value.")
    metrics: tuple[More, ...] = Field(
        (), description="What to measure beside loss and accuracy, or mse, mae and R²."
    )
    checkpoint_every: int | None = Field(None, ge=1, description="Epochs between checkpoints.")
    watch: tuple[Watched, ...] = Field(
        (), description="What dynamics.csv says of each layer and epoch."
    )
    record: Literal["boundary"] | None = Field(
        None,
        description="boundary: keep what the network answers over the plane of its two inputs, from"
        " epoch to epoch.",
    )
    seed: Seed = Field(None, description="Orders the batches; by the run's seed if left out.")
    dropout_seed: Seed = Field(None, description="Draws dropout; by the run's seed if left out.")

    def rules(self) -> Iterator[tuple[str, str]]:
        for index, name in enumerate(self.metrics):
            if name in self.metrics[:index]:
                yield f"metrics[{index}]", f"{name} is given twice"
            elif name in NEED_OUTPUTS and self.evaluate_in == "train":
                yield f"metrics[{index}]", f"{name} is measured in eval mode: set evaluate_in: eval"
