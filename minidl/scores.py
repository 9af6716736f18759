"""Metrics by their names: what there are, which way is up, and what is read in percent."""

from __future__ import annotations

PARTS = ("train", "val", "test")  # as the names of metrics begin, in the order of metrics.csv

# What every training measures, as far as it fits its task.
ALWAYS = ("loss", "accuracy", "mse", "mae", "r2", "psnr")
# What `training.metrics` adds, named after scikit-learn's scores: of classes,
OF_POSITIVE = ("precision", "recall", "f1")  # of the second of two classes
OF_COUNTS = (*OF_POSITIVE, "precision_macro", "recall_macro", "f1_macro", "balanced_accuracy")
OF_PROBABILITIES = ("log_loss", "brier", "ece")
OF_RANKS = ("roc_auc", "average_precision")
# and of numbers.
OF_NUMBERS = ("rmse", "median_error")
NEED_OUTPUTS = (*OF_RANKS, "median_error")  # of a whole part; the others are made of sums
MORE = (*OF_COUNTS, *OF_RANKS, *OF_PROBABILITIES, *OF_NUMBERS)

BINS = 15  # of ece: of equal width over the confidences from 0 to 1, as in Guo et al. 2017

_HIGHER = {"accuracy", "r2", "psnr", *OF_COUNTS, *OF_RANKS}
_SHARES = {"accuracy", "error", "balanced_accuracy"}


def is_of_a_part(name: str) -> bool:
    """Whether a column of metrics.csv was measured on a part: val_loss is, lr isn't."""
    return name.partition("_")[0] in PARTS


def without_part(metric: str) -> str:
    """What was measured: loss of val_loss, lr of lr."""
    return metric.partition("_")[2] if is_of_a_part(metric) else metric


def higher_is_better(metric: str) -> bool:
    """Accuracy, F1, R² and PSNR grow as a network improves; losses, errors and seconds don't."""
    return without_part(metric) in _HIGHER


def is_share(metric: str) -> bool:
    """Whether people read the metric in percent."""
    return without_part(metric) in _SHARES


def accuracy_of(metric: str) -> str | None:
    """The accuracy that 1 − an error rate is: test_accuracy of test_error; None of others."""
    part, _, name = metric.partition("_")
    return f"{part}_accuracy" if name == "error" else None
