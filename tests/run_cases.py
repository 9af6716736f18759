"""Run folders made up for the figures: one function a case, none of them trains anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minidl.store.run_folder import RunFolder
from minidl.store.run_record import RunRecord

Array = NDArray[Any]
CASES: dict[str, Callable[[Path], RunFolder]] = {}


def case(make: Callable[[Path], RunFolder]) -> Callable[[Path], RunFolder]:
    CASES[make.__name__] = make
    return make


def write(
    runs_dir: Path,
    name: str,
    metrics: list[dict[str, Any]],
    predictions: dict[str, Array],
    loss: str = "mse",
    **record: Any,
) -> RunFolder:
    config = f"loss: {{type: {loss}}}"
    run = RunFolder.create(runs_dir, stem="case", name=name, config_text=config)
    known = {"name": name, "status": "done", "task": "classification", **record}
    run.write_record(RunRecord(**known))
    for row in metrics:
        run.append_metrics(row)
    run.write_predictions(predictions)
    return run


def epochs(
    count: int,
    start: float = 0.26,
    end: float = 0.02,
    rates: Callable[[int], float] = lambda epoch: 0.1,
    score: str = "accuracy",
    noise: float = 0.03,
) -> list[dict[str, Any]]:
    """Rows like those of a training that goes well."""
    rng = np.random.default_rng(0)
    rows = []
    for epoch in range(1, count + 1):
        done = epoch / count
        loss = end + (start - end) * np.exp(-6 * done)
        rows.append(
            {
                "epoch": epoch,
                "step": 20 * epoch,
                "lr": rates(epoch),
                "train_loss": float(loss * (1 + noise * rng.normal())),
                "train_" + score: float(1 - loss / (1 + loss) * (1 + noise * rng.normal())),
                "test_loss": float(loss * (1.15 + noise * rng.normal())),
                "test_" + score: float(1 - loss / (1 + loss) * (1.2 + noise * rng.normal())),
                "seconds": 0.01 * epoch,
            }
        )
    return rows


def multistep(epoch: int) -> float:
    return 0.1 if epoch <= 100 else 0.03 if epoch <= 175 else 0.01


def cosine(epoch: int) -> float:
    return float(0.05 * (1 + np.cos(np.pi * (epoch - 1) / 250)))


def plane(
    output: Callable[[Array], Array],
    label: Callable[[Array], Array],
    low: float = 0.0,
    high: float = 1.0,
    points: int = 1000,
    truth: bool = True,
    cells: int = 101,
) -> dict[str, Array]:
    """Predictions over two inputs of a network that puts out `output(inputs)`."""
    rng = np.random.default_rng(0)
    train, test = rng.uniform(low, high, (2, points, 2))
    axis = np.linspace(low, high, cells)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1)
    arrays = {
        "train_input": train,
        "train_target": label(train),
        "train_output": output(train),
        "test_input": test,
        "test_target": label(test),
        "test_output": output(test),
        "grid_x": axis,
        "grid_y": axis,
        "grid_output": output(grid),
    }
    return arrays | ({"grid_target": label(grid)} if truth else {})


def in_disk(x: Array) -> Array:
    return np.asarray(np.hypot(x[..., 0] - 0.5, x[..., 1] - 0.5) < 1 / np.sqrt(2 * np.pi), int)


def disk_output(x: Array) -> Array:
    wobble = 0.02 * np.sin(5 * np.arctan2(x[..., 1] - 0.5, x[..., 0] - 0.5))
    radius = np.hypot(x[..., 0] - 0.5, x[..., 1] - 0.5) + wobble
    return np.asarray(1.04 / (1 + np.exp((radius - 0.4) * 40)) - 0.02)[..., None]


def arms(x: Array, classes: int, turn: float = 0.0) -> Array:
    """Logits (…, classes): spirals around the middle."""
    x = x - x.mean() if x.ndim == 1 else x
    angle = np.arctan2(x[..., 1], x[..., 0]) - 5 * np.hypot(x[..., 0], x[..., 1]) + turn
    return np.asarray(6 * np.cos(angle[..., None] - 2 * np.pi * np.arange(classes) / classes))


THRESHOLD = {"kind": "threshold", "at": 0.5}
TWO: dict[str, Any] = {
    "class_names": ["outside", "inside"],
    "feature_names": ["x", "y"],
    "decision": THRESHOLD,
}


@case
def disk(runs_dir: Path) -> RunFolder:
    predictions = plane(disk_output, in_disk)
    return write(runs_dir, "relu_mse_sgd", epochs(250, rates=multistep), predictions, **TWO)


@case
def spirals(runs_dir: Path) -> RunFolder:
    names: dict[str, Any] = {
        "class_names": ["first", "second", "third"],
        "feature_names": ["x", "y"],
    }
    predictions = plane(
        lambda x: arms(x, 3, 0.15), lambda x: arms(x, 3).argmax(-1), -1, 1, 600, truth=False
    )
    rows = epochs(250, start=1.1, end=0.001, rates=cosine)
    return write(runs_dir, "spirals", rows, predictions, decision={"kind": "argmax"}, **names)


@case
def ten_classes_in_the_plane(runs_dir: Path) -> RunFolder:
    names = [
        f"a rather long class name, number {i}" if i % 3 == 0 else f"class {i}" for i in range(10)
    ]
    predictions = plane(
        lambda x: arms(x, 10, 0.1), lambda x: arms(x, 10).argmax(-1), -1, 1, 600, truth=True
    )
    rows = epochs(5, start=2.3)
    features = ["petal length in the flower (cm), measured by hand", "$x_2$"]
    return write(
        runs_dir, "ten", rows, predictions, "cross_entropy", decision={"kind": "argmax"},
        class_names=names, feature_names=features,
    )  # fmt: skip


def table(classes: int, points: int = 360, right: float = 0.9) -> dict[str, Array]:
    """Predictions without inputs: most on the diagonal."""
    rng = np.random.default_rng(0)
    arrays: dict[str, Array] = {}
    for part in ("train", "test"):
        target = rng.integers(classes, size=points)
        chosen = np.where(rng.random(points) < right, target, rng.integers(classes, size=points))
        arrays[f"{part}_target"], arrays[f"{part}_output"] = target, np.eye(classes)[chosen] * 4.0
    return arrays


@case
def digits(runs_dir: Path) -> RunFolder:
    names = [str(i) for i in range(10)]
    rows = epochs(60, start=2.3, end=0.05)
    return write(runs_dir, "digits", rows, table(10, right=0.97), class_names=names)


@case
def two_classes_of_many_features(runs_dir: Path) -> RunFolder:
    rng = np.random.default_rng(0)
    arrays: dict[str, Array] = {}
    for part in ("train", "test"):
        arrays[f"{part}_target"] = rng.integers(2, size=114)
        arrays[f"{part}_output"] = arrays[f"{part}_target"][:, None] + rng.normal(0, 0.25, (114, 1))
    names = ["malignant", "benign"]
    return write(
        runs_dir, "breast_cancer", epochs(30), arrays, class_names=names, decision=THRESHOLD
    )


@case
def twenty_classes(runs_dir: Path) -> RunFolder:
    names = [f"species {chr(65 + i)} {'of the north' if i % 4 == 0 else ''}" for i in range(20)]
    return write(runs_dir, "twenty", epochs(1), table(20, 2000), class_names=names)


@case
def hostile_words(runs_dir: Path) -> RunFolder:
    names = ["_hidden $x^2$", "$\\frac{1}{2}$ of\nlines", "", "\x1b[31mred\u202e", "猫" * 80]
    name = "a run whose name goes on and on, $ \\input{x} and further than any title can show it"
    run = write(runs_dir, "hostile", epochs(3), table(5), class_names=names)
    run.write_record(replace(run.read_record(), name=name))
    return run


@case
def one_epoch(runs_dir: Path) -> RunFolder:
    predictions = plane(disk_output, in_disk, truth=False, points=60, cells=31)
    return write(runs_dir, "one_epoch", epochs(1), predictions, **TWO)


@case
def diverged(runs_dir: Path) -> RunFolder:
    rows = epochs(9, start=0.3, end=0.2)
    for index, row in enumerate(rows[4:]):
        row["train_loss"] = row["test_loss"] = 10.0 ** (3 * index)
        row["train_accuracy"] = row["test_accuracy"] = 0.5
    rows[-1] |= {"train_loss": np.nan, "test_loss": np.inf, "test_accuracy": np.nan}
    run = write(runs_dir, "diverged", rows, {}, **TWO)
    run.predictions_path.unlink()
    run.write_record(replace(run.read_record(), status="diverged"))
    return run


@case
def tiny_loss_range(runs_dir: Path) -> RunFolder:
    rows = epochs(40, start=0.69315, end=0.69312, noise=0.0)
    for row in rows:
        row["test_loss"] = row["train_loss"] + 2e-6
        row["train_accuracy"] = row["test_accuracy"] = 0.5
    predictions = plane(lambda x: 0.5 + 0 * x[..., :1], in_disk, points=200, cells=21)
    return write(runs_dir, "tiny", rows, predictions, **TWO)


@case
def warmup_then_steps(runs_dir: Path) -> RunFolder:
    rows = epochs(
        120, rates=lambda epoch: 0.1 * min(1, epoch / 5) * (0.1 if epoch > 80 else 1), end=0.15
    )
    return write(runs_dir, "warmup", rows, table(3), class_names=["a", "b", "c"])


def line(targets: int) -> dict[str, Array]:
    rng = np.random.default_rng(0)
    train, test = rng.uniform(-1, 1, (2, 200, 1))
    axis = np.linspace(-1.1, 1.1, 300)

    def curve(x: Array) -> Array:
        return np.concatenate([np.sin(4 * x + shift) for shift in range(targets)], axis=-1)

    return {
        "train_input": train,
        "train_target": curve(train) + rng.normal(0, 0.1, (200, targets)),
        "train_output": 0.95 * curve(train),
        "test_input": test,
        "test_target": curve(test) + rng.normal(0, 0.1, (200, targets)),
        "test_output": 0.95 * curve(test),
        "grid_x": axis,
        "grid_output": 0.95 * curve(axis[:, None]),
    }


@case
def inputs_of_unlike_units(runs_dir: Path) -> RunFolder:
    predictions = plane(disk_output, in_disk, points=40, truth=False)
    for name in ("train_input", "test_input"):
        predictions[name] = predictions[name] * [0.2, 9000] + [1.5, 0]
    predictions["grid_x"], predictions["grid_y"] = (
        predictions["grid_x"] * 0.2 + 1.5,
        predictions["grid_y"] * 9000,
    )
    rows = epochs(200)
    for row in rows:
        if row["epoch"] % 20:
            row |= {"test_loss": None, "test_accuracy": None}
    names: dict[str, Any] = {**TWO, "feature_names": ["height (m)", "income ($)"]}
    return write(runs_dir, "units", rows, predictions, **names)


REGRESSION: dict[str, Any] = {"task": "regression", "class_names": []}


@case
def noisy_sine(runs_dir: Path) -> RunFolder:
    names: dict[str, Any] = {"feature_names": ["x"], "target_names": ["y"]}
    rows = epochs(100, start=0.5, end=0.012, score="r2")
    return write(runs_dir, "noisy_sine", rows, line(1), **REGRESSION, **names)


@case
def three_targets(runs_dir: Path) -> RunFolder:
    names: dict[str, Any] = {
        "feature_names": ["time"],
        "target_names": ["a", "b", "the last of the targets"],
    }
    return write(runs_dir, "three_targets", epochs(100, score="r2"), line(3), **REGRESSION, **names)


@case
def diabetes(runs_dir: Path) -> RunFolder:
    rng = np.random.default_rng(0)
    arrays: dict[str, Array] = {}
    for part, count in (("train", 354), ("test", 88)):
        target = rng.gamma(4, 38, (count, 1))
        arrays |= {
            f"{part}_target": target,
            f"{part}_output": 75 + 0.5 * target + rng.normal(0, 30, (count, 1)),
        }
    rows = epochs(40, start=29_000, end=2_900, score="r2")
    for index, row in enumerate(rows):
        for part in ("train", "test"):
            row[f"{part}_r2"] = 0.5 - 30 * np.exp(-index) - (0.02 if part == "test" else 0)
    return write(
        runs_dir, "diabetes", rows, arrays, **REGRESSION, target_names=["disease progression"]
    )


@case
def surface(runs_dir: Path) -> RunFolder:
    predictions = plane(
        lambda x: np.sin(3 * x[..., :1]) + x[..., 1:] ** 2,
        lambda x: np.sin(3 * x[..., :1]) + x[..., 1:] ** 2,
        -1, 1, 300, truth=False,
    )  # fmt: skip
    names: dict[str, Any] = {"feature_names": ["width", "height"], "target_names": ["yield"]}
    rows = epochs(50, score="r2")
    return write(runs_dir, "surface", rows, predictions, **REGRESSION, **names)


# Images


def images(
    count: int, size: tuple[int, int, int], noise: float = 0.2, enlarged: int = 1
) -> dict[str, Array]:
    """Predictions of a denoiser that leaves more noise in every further image, or less."""
    rng = np.random.default_rng(0)
    _, height, width = size
    y, x = np.mgrid[:height, :width] / max(height, width)
    clean = np.stack([0.5 + 0.45 * np.sin(7 * x * (i + 1) + 5 * y) for i in range(count * size[0])])
    clean = clean.reshape(count, *size)
    left = np.linspace(noise, 0.01, count)[:, None, None, None]
    noisy = clean + noise * rng.normal(size=clean.shape)
    output = clean + left * rng.normal(size=clean.shape)
    psnr = {
        name: -10 * np.log10(((part - clean) ** 2).mean((1, 2, 3)))
        for name, part in (("test_input_psnr", noisy), ("test_psnr", output))
    }
    if enlarged > 1:
        noisy = noisy[:, :, ::enlarged, ::enlarged]
        del psnr["test_input_psnr"]
    arrays = {"input": noisy, "output": output, "target": clean}
    kept = {f"test_image_{name}": part.astype(np.float32) for name, part in arrays.items()}
    return {**psnr, **kept, "test_image_index": np.arange(count)}


def decibels(count: int) -> list[dict[str, Any]]:
    rows = epochs(count, start=0.04, end=0.006, score="psnr")
    for row in rows:
        for part in ("train", "test"):
            row[f"{part}_psnr"] = float(-10 * np.log10(row[f"{part}_loss"])) + 2
    return rows


IMAGES: dict[str, Any] = {"task": "images", "feature_names": ["noisy"], "target_names": ["clean"]}


@case
def denoiser(runs_dir: Path) -> RunFolder:
    return write(runs_dir, "denoise", decibels(10), images(8, (3, 32, 32)), **IMAGES)


@case
def one_gray_image(runs_dir: Path) -> RunFolder:
    """One epoch, one wide image of one channel, names that are too long."""
    name = "a run whose name goes on and on, $ \\input{x} and further than any title can show it"
    words: dict[str, Any] = {
        "task": "images",
        "target_names": ["the clean image, as it was once measured"],
    }
    run = write(runs_dir, "gray", decibels(1), images(1, (1, 6, 40)), **words)
    run.write_record(replace(run.read_record(), name=name))
    return run


@case
def enlarged_images(runs_dir: Path) -> RunFolder:
    """Two channels, which are no colours, twice as large as their inputs, and some NaN."""
    arrays = images(3, (2, 24, 16), enlarged=2)
    arrays["test_image_output"][0, 0, 3:9] = np.nan
    arrays["test_psnr"][0] = np.nan
    return write(runs_dir, "enlarged", decibels(40), arrays, task="images")


@case
def diverged_denoiser(runs_dir: Path) -> RunFolder:
    rows = decibels(4)
    rows[-1] |= {
        "train_loss": np.nan,
        "test_loss": np.inf,
        "train_psnr": np.nan,
        "test_psnr": -90.0,
    }
    run = write(runs_dir, "diverged_denoiser", rows, {}, status="diverged", **IMAGES)
    run.predictions_path.unlink()
    return run


@case
def watched(runs_dir: Path) -> RunFolder:
    run = one_epoch(runs_dir)
    row = {"fc_1.gradient_norm": 1e-3, "fc_2.gradient_norm": 0.1, "act_1.dead": 0.25}
    run.dynamics.append({"epoch": 1, **row, "act_1.my own": 3.0})
    return run


@case
def watched_of_thirty_layers(runs_dir: Path) -> RunFolder:
    run = disk(runs_dir)
    for epoch in range(1, 41):
        norms = {f"fc_{n}.gradient_norm": 10.0 ** ((n - 30) / 3) for n in range(2, 31)}
        run.dynamics.append({"epoch": epoch, "fc_1.gradient_norm": 0.0, **norms})
    return run


@case
def watched_and_diverged(runs_dir: Path) -> RunFolder:
    run = diverged(runs_dir)
    for epoch, norm in ((1, 0.5), (2, float("nan"))):
        run.dynamics.append({"epoch": epoch, "fc_1.weight_norm": norm})
    return run
