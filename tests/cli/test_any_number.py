"""Whatever number stands at a key of the schema, `train` and `check` end with 0, 1 or 2."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from attempts import Part, in_parts
from random_configs import Node, Schema, allowed
from trainings import minidl, plainly

SCHEMA = Schema()
NUMBERS: list[float] = [
    *(-0.0, 5e-324, 1e-310, 1e-45, 1.2e-38, 1e-20, 1 - 2**-53, 1e16, 1e20, 3.4028235e38, 3.5e38),
    *(1e154, 1.7976931348623157e308, -1e308, -1, 0, 1, 2**53, 2**63 - 1, 2**63, 10**30),
]  # fmt: skip
# Larger numbers here are work or memory that was asked for; tests of their own say how much.
WORK = {"epochs", "train", "test", "hidden", "out_features", "outputs", "out_channels", "size"}
WORK |= {"classes", "features", "cells"}
MOST_WORK = 100

ROWS: Node = {"type": "moons", "train": 30, "test": 10}
IMAGES: Node = {"type": "shapes", "train": 20, "test": 8, "size": 8}
PATCHES: Node = {"type": "photo_patches", "train": 20, "test": 8, "size": 8}
MLP: Node = {"type": "mlp", "hidden": [3]}
DENOISER: Node = {"sequential": [{"type": "conv2d", "out_channels": 3, "padding": "same"}]}
NEEDED: Node = {
    "out_channels": 2, "num_groups": 1, "value": 0.5, "metric": "train_loss", "factor": 0.5,
    "milestones": [1], "step_size": 1, "order": ["w0", "w1", "w2"],
}  # fmt: skip
FILES_OR_FIGURES = ("Report", "ReportTable", "ArraysData")
TABLE: Node = {"type": "csv", "path": "t.csv", "target": "y"}
LINES = ["a,b,c,d,y"]
LINES += [
    f"{n % 7},w{n % 3},2020-01-{n + 1:02},{'yes' if n % 2 else 'no'},{n % 2}" for n in range(30)
]
# A column of this table for each kind.
COLUMNS = {"Text": "b", "Category": "b", "Ordinal": "b", "Date": "c", "Boolean": "d"}
ON_IMAGES = ("Conv", "Ups", "MaxPool", "AvgPool")


def config(part: str, written: Node) -> Node:
    """A config with a part of that definition, which is `written`."""
    layers = {"type": "sequential", "layers": [written, "linear"]}
    training = {"epochs": 2, "batch_size": 10}
    whole: Node = {"data": ROWS, "model": MLP, "loss": "mse", "training": training}
    if part.startswith(ON_IMAGES):
        layers["layers"] = [written, "flatten", "linear"]
        return whole | {"data": IMAGES, "model": layers}
    if part.endswith(("Layer", "Activation")):
        return whole | {"model": layers}
    if part == "Training":
        return whole | {"training": training | written}
    if part in ("EarlyStopping", "StopAt"):
        key = {"EarlyStopping": "early_stopping", "StopAt": "stop_at"}[part]
        return whole | {"training": training | {key: written}}
    if part.endswith("Column"):
        name = COLUMNS.get(part.removesuffix("Column"), "a")
        return whole | {"data": TABLE | {"columns": {name: written}}}
    if part == "Rare":
        return whole | {"data": TABLE | {"rare": written}}
    if part == "CsvData":
        return whole | {"data": TABLE | written}
    if part.endswith("Data"):
        like = {"PhotoPatchesData": PATCHES, "ShapesData": IMAGES}.get(part, ROWS)
        known = SCHEMA.whole["$defs"][part]["properties"]
        model = {PATCHES["type"]: DENOISER}.get(like["type"], {"sequential": ["flatten", "linear"]})
        return whole | {
            "data": {key: value for key, value in like.items() if key in known} | written,
            "model": model,
        }
    if part.endswith("Noise"):
        return whole | {"data": PATCHES | {"noise": written}, "model": DENOISER}
    if part.endswith("Init"):
        return whole | {"model": MLP | {"init": written}}
    if part.endswith("Model"):
        own = MLP if part == "MlpModel" else {"layers": ["linear"]}
        return whole | {"model": own | written}
    group = next(end for end in ("Loss", "Optimizer", "Schedule") if part.endswith(end))
    return whole | {group.lower(): written}


def numeric(node: Node) -> Iterator[Node]:
    """The nodes for a single number that a value of this node may be."""
    node = SCHEMA.resolved(node["$ref"]) if "$ref" in node else node
    if node.get("type") in ("integer", "number"):
        yield node
    for alternative in node.get("anyOf", []) + node.get("oneOf", []):
        yield from numeric(alternative)


def attempts() -> list[tuple[str, str, float, Node]]:
    """Each part of the schema, each of its numeric keys, each number there, and the config."""
    made = [("Spec", "seed", n, {"seed": n, "data": ROWS, "model": MLP}) for n in NUMBERS]
    for part, node in SCHEMA.whole["$defs"].items():
        if part in FILES_OR_FIGURES or part.endswith("Figure"):
            continue
        needed = {key: NEEDED[key] for key in node.get("required", ()) if key in NEEDED}
        if "type" in node["properties"]:
            needed["type"] = node["properties"]["type"]["enum"][0]
        for key, value in node["properties"].items():
            for number in NUMBERS:
                fitting = any(
                    allowed(one, number) and (one["type"] == "number" or isinstance(number, int))
                    for one in numeric(value)
                )
                if fitting and not (key in WORK and number > MOST_WORK):
                    made.append((part, key, number, config(part, {**needed, key: number})))
    return made


def test_every_part_with_numbers_is_tried() -> None:
    parts = {part for part, *_ in attempts()}
    assert len(attempts()) > 800
    assert {
        "SgdOptimizer",
        "Training",
        "BatchNormLayer",
        "NormalInit",
        "XorData",
        "CsvData",
        "TextColumn",
    } <= parts


@in_parts(50, every=2)
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore::minidl.errors.MinidlWarning")
@plainly
def test_any_number(part: Part, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minidl.verify.compare.ENTRIES", 3)
    wrong = []
    (tmp_path / "t.csv").write_text("\n".join(["a,b,c,d,y", *LINES, ""]))
    for number, (name, key, value, whole) in enumerate(part.of(attempts())):
        path = tmp_path / "c.yaml"
        path.write_text(json.dumps(whole))
        for command, *options in (["train", "--runs-dir", tmp_path, "--name", number], ["check"]):
            finished = minidl(command, path, *options)
            if finished.code not in (0, 1, 2):
                wrong.append(f"{command}: {name}.{key} = {value}: {finished.code} {finished.err}")
    assert not wrong, "\n".join(wrong)
    assert minidl("report", tmp_path).code == 0
