"""Sweeps made up for tables and figures: run folders that nobody trained."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from matplotlib.figure import Figure
from matplotlib.text import Text
from run_cases import disk_output, in_disk, plane

from minidl.spec import dump, parse_spec
from minidl.spec.dump import to_yaml
from minidl.store.run_folder import RunFolder

Array = np.ndarray
BASE = "data: disk\nmodel: mlp\ntraining: {epochs: 20}\n"


def resolved(**settings: Any) -> dict[str, Any]:
    """A full config with some of its settings changed: {"optimizer.lr": 0.1, "loss": "mse"}."""
    overrides = [f"{key}={json.dumps(value)}" for key, value in settings.items()]
    config: dict[str, Any] = yaml.safe_load(dump(parse_spec(BASE, overrides=overrides)))
    return {**config, "device": "cpu"}


def curves(
    epochs: int,
    final_loss: float = 0.02,
    final_accuracy: float = 0.98,
    noise: float = 0.03,
    seed: int = 0,
    rate: Callable[[int], float] = lambda epoch: 0.1,
) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    epoch = np.arange(1, epochs + 1)
    fall = np.exp(-6 * epoch / epochs)
    columns: dict[str, Array] = {"epoch": epoch, "step": 20 * epoch}
    columns["lr"] = np.array([rate(int(e)) for e in epoch])
    for part, more in (("train", 1.0), ("test", 1.1)):
        wobble = 1 + noise * rng.normal(size=epochs) + noise * rng.normal()
        columns[f"{part}_loss"] = more * (final_loss + (0.25 - final_loss) * fall) * wobble
        drop = (final_accuracy - 0.5) * fall * wobble + 0.1 * noise * rng.normal(size=epochs)
        columns[f"{part}_accuracy"] = np.clip(final_accuracy - np.abs(drop) / more, 0, 1)
    columns["seconds"] = 0.01 * epoch
    return columns


def write_run(
    folder: Path,
    config: Mapping[str, Any],
    columns: Mapping[str, Array] | None = None,
    status: str = "done",
    predictions: Mapping[str, Array] | None = None,
    **record: Any,
) -> RunFolder:
    folder.mkdir(parents=True)
    run = RunFolder(folder)
    run.config_path.write_text(to_yaml(dict(config)))
    rows = (
        []
        if columns is None
        else [dict(zip(columns, c, strict=True)) for c in zip(*columns.values(), strict=True)]
    )
    if columns is not None:
        cells = [",".join(repr(v.item()) for v in row.values()) for row in rows]
        run.metrics_path.write_text("\n".join([",".join(columns), *cells]) + "\n")
    finite = [row for row in rows if np.isfinite(float(row["test_loss"]))]
    best = min(finite, key=lambda row: row["test_loss"]) if finite else None
    written = {
        "name": config.get("name"),
        "status": status,
        "seed": config.get("seed"),
        "task": "classification",
        "class_names": ["outside", "inside"],
        "feature_names": ["x1", "x2"],
        "decision": {"kind": "threshold", "at": 0.5},
        "parameters": 1401,
        "started": "2026-01-01T12:00:00+00:00",
        "final": _metrics(finite[-1]) if finite else None,
        "best": {"metric": "test_loss", "epoch": int(best["epoch"]), **_metrics(best)}
        if best
        else None,
        "epochs": len(rows),
        "train_seconds": 0.01 * len(rows),
    }
    run.record_path.write_text(json.dumps({**written, **record}))
    if predictions is not None:
        run.write_predictions(predictions)
    return run


def _rows(columns: Mapping[str, Array]) -> list[dict[str, Any]]:
    return [dict(zip(columns, c, strict=True)) for c in zip(*columns.values(), strict=True)]


def _metrics(row: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in row.items() if "_" in name}


Look = Callable[[dict[str, Any], int], dict[str, Any]]


def sweep(
    folder: Path,
    grid: Mapping[str, Iterable[Any]],
    repeats: int = 3,
    epochs: int = 20,
    look: Look = lambda settings, seed: {},
    report: str = "",
    boundaries: bool = False,
) -> Path:
    """A sweep folder. `look` may give a member its curves' options, and its status."""
    for values in itertools.product(*grid.values()):
        settings = dict(zip(grid, values, strict=True))
        config = resolved(**settings)
        for seed in range(repeats):
            options = look(settings, seed)
            status = options.pop("status", "done")
            columns = curves(epochs, seed=seed, **options)
            if status == "diverged":
                columns = {k: v[: (epochs + 1) // 2].astype(float) for k, v in columns.items()}
                columns["epoch"] = columns["epoch"].astype(int)
                columns["test_loss"][-1] = np.nan
            words = "-".join(f"{key.rpartition('.')[2]}={value}" for key, value in settings.items())
            name = f"{words}-{seed}".replace("/", "_")
            write_run(
                folder / name,
                {**config, "seed": seed, "name": folder.name},
                columns,
                status,
                plane(disk_output, in_disk, points=100, cells=31) if boundaries else None,
            )
    (folder / "sweep.yaml").write_text(BASE + report)
    return folder


def batch_size_by_lr(folder: Path, repeats: int = 10, epochs: int = 50, report: str = "") -> Path:
    """Like the study of report 003: the best rate falls as the batch grows; high rates diverge."""

    def look(settings: dict[str, Any], seed: int) -> dict[str, Any]:
        rate, batch = settings["optimizer.lr"], settings["training.batch_size"]
        far = abs(np.log10(rate * batch / 0.05))
        if rate * batch >= 0.5 and seed % 2:
            return {"status": "diverged"}
        loss = min(0.018 * 3**far, 0.24)
        return {"final_loss": loss, "final_accuracy": 1 - 0.9 * loss, "noise": 0.05 + 0.05 * far}

    grid: dict[str, list[Any]] = {
        "model.activation": ["relu", "tanh"],
        "training.batch_size": [1, 5, 10, 20, 50, 100, 200],
        "optimizer.lr": [1e-2, 1e-3, 1e-4, 1e-5, 1e-6],
    }
    return sweep(folder, grid, repeats, epochs, look, report)


def words_of(figure: Figure) -> list[str]:
    """All that a figure says."""
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]
