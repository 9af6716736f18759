"""How long, in which batches, and when to stop."""

from typing import Literal

from pydantic import Field

from minidl.spec.component import Part, Seed

Metric = Literal[
    "train_loss",
    "test_loss",
    "train_accuracy",
    "test_accuracy",
    "train_mse",
    "test_mse",
    "train_mae",
    "test_mae",
    "train_r2",
    "test_r2",
    "train_psnr",
    "test_psnr",
]


class EarlyStopping(Part):
    """Stops when a metric hasn't improved for a number of evaluations."""

    metric: Metric = Field("test_loss", description="The metric that must improve.")
    patience: int = Field(20, ge=1, description="Evaluations to wait for an improvement.")
    min_delta: float = Field(
        0.0, ge=0, description="A smaller change doesn't keep it from stopping."
    )
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
    checkpoint_every: int | None = Field(None, ge=1, description="Epochs between checkpoints.")
    seed: Seed = Field(None, description="Orders the batches; by the run's seed if left out.")
    dropout_seed: Seed = Field(None, description="Draws dropout; by the run's seed if left out.")
