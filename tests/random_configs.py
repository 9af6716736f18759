"""Configs drawn from the schema: every component, option and alternative that it has."""

from __future__ import annotations

import math
from random import Random
from typing import Any

from minidl.spec import json_schema

Node = dict[str, Any]
# Left out of a config that `usual` draws: files, and what doesn't say what is trained or how.
NEEDS_FILES = {"CsvData", "ArraysData"}
LEFT_OUT = {"name", "device", "report", "sweep", "epochs", "checkpoint_every", "early_stopping"}
LEFT_OUT |= {"base", "metrics", "watch", "folds", "fold"}
# Small networks on little data; of other numbers those that the bounds allow.
SMALL: dict[str, list[Any]] = {
    "train": [20, 33], "test": [10], "size": [8], "features": [5, 7], "classes": [2, 3, 4],
    "out_features": [1, 2, 5, 16], "out_channels": [1, 2, 3], "hidden": [[1], [5], [4, 3], []],
    "kernel_size": [1, 2, 3, [2, 3]], "stride": [1, 2], "padding": [0, 1], "dilation": [1, 2],
    "output_padding": [0, 1], "scale_factor": [2, [1, 2], 1.5], "normalized_shape": [5, 16],
    "groups": [1, 2], "num_groups": [1, 2], "outputs": [1, 2, 4], "cells": [2, 4],
    "batch_size": [7, 20, 50], "epochs": [1, 3],
    "eps": [1e-5, 1e-3, 1.0], "gain": [0.5, 1.0, 3.0], "value": [0.0, -0.3, 0.5],
    "mean": [0.0, -1.0, 0.5], "std": [0.1, 1.0, 5.0], "noise": [0.0, 0.1, 1.0],
    "test_fraction": [0.2, 0.5], "p": [0.0, 0.3, 0.9], "dropout": [0.0, 0.3], "lr": [1e-3, 0.1],
}  # fmt: skip
NUMBERS = (0, 1, 2, 3, 0.01, 0.1, 0.5, 0.9, 10, 0.99)


class Schema:
    """Draws values for parts of the JSON schema of a config."""

    def __init__(self) -> None:
        self.whole: Node = json_schema()

    def usual(self, random: Random) -> Node:
        """A config of small numbers; its parts needn't fit together."""
        spec: Node = self._object(self.whole, random, 0)
        return spec

    def _object(self, node: Node, random: Random, depth: int) -> Node:
        required = node.get("required", ())
        return {
            key: self._value(key, value, random, depth + 1)
            for key, value in node.get("properties", {}).items()  # none: names of the user's
            if key in required or (key not in LEFT_OUT and random.random() < 0.4)
        }

    def _value(self, key: str, node: Node, random: Random, depth: int) -> Any:
        if "$ref" in node:
            node = self.resolved(node["$ref"])
        if alternatives := node.get("anyOf") or node.get("oneOf"):
            fitting = [one for one in alternatives if not self._too_deep(one, depth)]
            return self._value(key, random.choice(fitting), random, depth)
        if "enum" in node:
            return random.choice(node["enum"])
        kind = node.get("type", "null")
        if key in SMALL and kind in ("array", "integer", "number"):
            return random.choice(SMALL[key])
        if kind == "object":
            return self._object(node, random, depth)
        if kind == "array":
            parts = node.get("prefixItems") or [node["items"]] * random.randint(1, 4)
            return [self._value(key, part, random, depth + 1) for part in parts]
        if kind in ("integer", "number"):
            numbers = [x for x in NUMBERS if allowed(node, x) and (kind == "number" or x % 1 == 0)]
            return random.choice(numbers)
        return {"boolean": random.random() < 0.5, "null": None}.get(kind, "x")

    def _too_deep(self, node: Node, depth: int) -> bool:
        name = node.get("$ref", "").removeprefix("#/$defs/")
        residual = name == "ResidualLayer" or "residual" in node.get("properties", ())
        return name in NEEDS_FILES or (residual and depth > 5)

    def resolved(self, reference: str) -> Node:
        """What "#/$defs/…" stands for."""
        node: Node = self.whole
        for key in reference.removeprefix("#/").split("/"):
            node = node[key]
        return node


def allowed(node: Node, number: float) -> bool:
    """Whether a number is within the bounds of a node."""
    least, most = node.get("minimum", -math.inf), node.get("maximum", math.inf)
    above, below = node.get("exclusiveMinimum", -math.inf), node.get("exclusiveMaximum", math.inf)
    return bool(least <= number <= most and above < number < below)
