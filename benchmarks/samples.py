"""How many of the flipped labels `minidl report --samples` finds, and how many others it accuses.

    python benchmarks/samples.py [--seed 0] [--held-out] [--seeds 10]

A tenth of the training labels of each config become another class; ten seeds train on them. The
rule of minidl/again/samples.py was chosen by the first configs, with seed 0; `--held-out` takes
three others.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

import minidl
from minidl.again.samples import samples
from minidl.build import read_data
from minidl.runs.replay import Replay
from minidl.spec import parse_spec
from minidl.spec.dump import plain_values

CONFIGS = Path(__file__).parent.parent / "configs"
SHIPPED = {
    "disk, cross-entropy": ("adam_cross_entropy", []),
    "disk, mse": ("relu_mse_sgd", []),
    "digits": ("digits", []),
    "digits without dropout": ("digits", ["model.dropout=0", "schedule=constant"]),
}
HELD_OUT = {
    "spirals": ("spirals", []),
    "breast_cancer": ("digits", ["data=breast_cancer", "model.hidden=[32]"]),
    "moons": ("adam_cross_entropy", ["data={type: moons, train: 1000, test: 1000}"]),
}
FLIPPED = 0.1


def main(
    seed: Annotated[int, typer.Option(help="Of the flips.")] = 0,
    seeds: Annotated[int, typer.Option(help="Runs of each config.")] = 10,
    held_out: Annotated[bool, typer.Option("--held-out", help="Other configs.")] = False,
) -> None:
    """Flip, train, ask, and count. Asked: 0.8 of the flipped found, 0.7 of the found flipped."""
    for name, (config, overrides) in (HELD_OUT if held_out else SHIPPED).items():
        with tempfile.TemporaryDirectory() as folder:
            flipped, suspects = _tried(Path(folder), config, overrides, seed, seeds)
        both = int((flipped & suspects).sum())
        print(
            f"{name}: {int(flipped.sum())} flipped, {int(suspects.sum())} suspects;"
            f" {both / flipped.sum():.2f} of the flipped found,"
            f" {both / max(int(suspects.sum()), 1):.2f} of the suspects flipped",
            flush=True,
        )


def _tried(
    folder: Path, config: str, overrides: list[str], seed: int, seeds: int
) -> tuple[np.ndarray, np.ndarray]:
    """Which of the training samples were flipped, and which are suspects."""
    text = (CONFIGS / f"{config}.yaml").read_text()
    spec = parse_spec(text, config, [*overrides, "seed=0"])
    data = read_data(spec)
    targets = data.train.targets.copy()
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(targets), round(FLIPPED * len(targets)), replace=False)
    targets[rows] = (targets[rows] + rng.integers(1, data.classes, len(rows))) % data.classes
    for part, labels in (("train", targets), ("test", data.test.targets)):
        np.savez(folder / f"{part}.npz", input=data.parts[part].inputs, target=labels)
    values = plain_values(spec)
    values["data"] = {
        "type": "arrays",
        "path": str(folder / "train.npz"),
        "test_path": str(folder / "test.npz"),
        "standardize": False,
    }
    table = minidl.sweep({**values, "sweep": {"repeats": seeds}}, runs_dir=folder / "runs")
    found = samples(Replay.of_runs([Path(path) for path in table["path"]]))
    flipped = np.zeros(len(targets), dtype=bool)
    flipped[rows] = True
    suspects = np.zeros(len(targets), dtype=bool)
    suspects[found.numbers[found.suspects]] = True
    return flipped, suspects


if __name__ == "__main__":
    typer.run(main)
