"""Which way is up for a metric, and what is read in percent."""

from __future__ import annotations


def higher_is_better(metric: str) -> bool:
    """Accuracy, R² and PSNR grow as a network improves; losses, errors and seconds don't."""
    return metric.endswith(("accuracy", "r2", "psnr"))


def is_share(metric: str) -> bool:
    """Whether people read the metric in percent."""
    return metric.endswith(("accuracy", "error"))
