"""Which way is up for a metric."""

from __future__ import annotations


def higher_is_better(metric: str) -> bool:
    """Accuracy, R² and PSNR grow as a network improves; losses, errors and seconds don't."""
    return metric.endswith(("accuracy", "r2", "psnr"))
