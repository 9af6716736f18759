"""The `sweep:` block of a config: a grid, values that go together, random draws, repeats."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minidl.errors import Problem
from minidl.spec.grid_words import grid_values
from minidl.spec.loader import MAX_INTEGER, load
from minidl.spec.nodes import Mapping, Node, Scalar, show_node
from minidl.spec.nodes import Sequence as ListNode
from minidl.spec.nodes import plain as plain_values
from minidl.spec.problems import did_you_mean

_BLOCK = ("grid", "zip", "random", "repeats", "seed", "files")
_DISTRIBUTIONS = ("uniform", "log_uniform", "choice")

Assignment = tuple[tuple[str, Node], ...]


@dataclass
class Drawn(Scalar):
    """A number drawn from a range: whole where its key takes an integer."""

    def rounded(self) -> Scalar:
        """The nearest integer that a config can hold."""
        assert isinstance(self.value, float)
        whole = max(-MAX_INTEGER, min(round(self.value), MAX_INTEGER))
        return Scalar(whole, str(whole), self.place)


class SweepBlock:
    """The `sweep:` block, checked: what is put under which key, and how often it is repeated.

    Problems join the list that it is given.
    """

    def __init__(self, node: Node | None, problems: list[Problem]) -> None:
        self.problems = problems
        self.grid: dict[str, list[Node]] = {}
        self.zip: dict[str, list[Node]] = {}
        self.random: dict[str, tuple[str, list[Node]]] = {}
        self.samples, self.repeats, self.seed = 0, 1, 0
        if node is None:
            return
        if not isinstance(node, Mapping):
            self._refuse(node, "sweep", "expected a mapping with grid, zip, random or repeats")
            return
        for name in node.items:
            if name not in _BLOCK:
                message = f"unknown key {name!r}{did_you_mean(name, _BLOCK)}"
                problems.append(node.keys[name].problem(message, f"sweep.{name}"))
        self.grid = self._lists(node, "grid")
        self.zip = self._lists(node, "zip")
        if len({len(values) for values in self.zip.values()}) > 1:
            self._refuse(node.items["zip"], "sweep.zip", "expected lists of the same length")
        self._read_random(node.items.get("random"))
        self._refuse_twice(node)
        files = node.items.get("files")  # what `minidl sweep` writes down for itself
        if files is not None and not isinstance(files, Mapping):
            self._refuse(files, "sweep.files", "expected a mapping from data files to SHA-256s")
        self.repeats = self._integer(node, "repeats", 1, 1)
        self.seed = self._integer(node, "seed", 0, 0)

    def forget(self, key: str) -> None:
        """Leave a key to the command line."""
        for group in (self.grid, self.zip, self.random):
            group.pop(key, None)

    def assignments(self) -> Iterator[Assignment]:
        """What is put under which key, for each member but for repeats."""
        grid = [[(key, value) for value in values] for key, values in self.grid.items()]
        rows = list(zip(*self.zip.values(), strict=True)) if self.zip else [()]
        zipped = [tuple(zip(self.zip, row, strict=True)) for row in rows]
        draws = self._draws()
        for point in itertools.product(*grid):
            for together in zipped:
                for drawn in draws:
                    yield (*point, *together, *drawn)

    def count(self) -> int:
        """How many members there are."""
        points = math.prod(len(values) for values in self.grid.values())
        rows = len(next(iter(self.zip.values()))) if self.zip else 1
        return points * rows * (self.samples if self.random else 1) * self.repeats

    def plain(self, full: dict[int, Node]) -> dict[str, Any]:
        """The block as plain values, command line included.

        `full` has the full form of nodes by their ids. It is taken where it holds a path, which is
        absolute there: what is written down is read from another folder.
        """

        def plain(node: Node) -> Any:
            value = plain_values(full.get(id(node), node))
            return value if _holds_path(value) else plain_values(node)

        made: dict[str, Any] = {}
        for name, group in (("grid", self.grid), ("zip", self.zip)):
            if group:
                made[name] = {key: [plain(node) for node in nodes] for key, nodes in group.items()}
        if self.random:
            drawn = {k: {kind: [plain(n) for n in ns]} for k, (kind, ns) in self.random.items()}
            made["random"] = {"samples": self.samples, **drawn}
            made["seed"] = self.seed
        return {**made, "repeats": self.repeats}

    def _draws(self) -> list[Assignment]:
        if not self.random:
            return [()]
        # The k-th sample of a key stays the same when `samples` grows or another key joins.
        return [
            tuple(
                (key, _draw(kind, nodes, random.Random(f"{self.seed} {key} {sample}")))
                for key, (kind, nodes) in self.random.items()
            )
            for sample in range(self.samples)
        ]

    def _lists(self, block: Mapping, name: str) -> dict[str, list[Node]]:
        node = block.items.get(name)
        if node is None:
            return {}
        if not isinstance(node, Mapping) or not node.items:
            self._refuse(node, f"sweep.{name}", "expected a mapping from keys to lists of values")
            return {}
        lists = {}
        for key, child in node.items.items():
            if isinstance(child, ListNode) and child.items:
                lists[key] = child.items
            elif values := self._of_word(child, f"sweep.{name}.{key}"):
                lists[key] = values
        return lists

    def _of_word(self, node: Node, key: str) -> list[Node]:
        """The values of a word such as log(1e-4, 1e-1, 7)."""
        text = node.value if isinstance(node, Scalar) else None
        try:
            values = grid_values(text) if isinstance(text, str) else None
        except ValueError as error:
            self.problems.append(node.place.problem(str(error), key))
            return []
        if values is None:
            self._refuse(node, key, "expected a list of values")
            return []
        loaded = [load(value, node.place, self.problems) for value in values]
        return [one or Scalar(None, "", node.place) for one in loaded]

    def _read_random(self, node: Node | None) -> None:
        if node is None:
            return
        if not isinstance(node, Mapping) or not set(node.items) - {"samples"}:
            self._refuse(node, "sweep.random", "expected samples and keys with a distribution")
            return
        self.samples = self._integer(node, "samples", 0, 1)
        if not self.samples:
            self._refuse(node, "sweep.random.samples", "is missing: expected an integer ≥ 1")
        for key, child in node.items.items():
            if key != "samples":
                self._read_distribution(key, child)

    def _read_distribution(self, key: str, node: Node) -> None:
        kind = next(iter(node.items), "") if isinstance(node, Mapping) else ""
        values = node.items[kind] if isinstance(node, Mapping) and kind else None
        numbers = values.items if isinstance(values, ListNode) else []
        ends = [n.value for n in numbers if isinstance(n, Scalar)]
        if kind == "choice":
            sound = bool(numbers)
        else:
            sound = kind in _DISTRIBUTIONS and len(ends) == 2 == len(numbers) and _rising(ends)
            sound = sound and (kind == "uniform" or ends[0] > 0)  # type: ignore[operator]
        if sound and isinstance(node, Mapping) and len(node.items) == 1:
            self.random[key] = (kind, list(numbers))
        else:
            message = "expected {uniform: [low, high]}, {log_uniform: [low, high]} with 0 < low, "
            self._refuse(node, f"sweep.random.{key}", message + "or {choice: [value, …]}")

    def _refuse_twice(self, block: Mapping) -> None:
        first: dict[str, str] = {}
        for name in ("grid", "zip", "random"):
            group = block.items.get(name)
            for key in getattr(self, name):
                if key in first and isinstance(group, Mapping):
                    message = f"stands in sweep.{first[key]} already"
                    self.problems.append(group.keys[key].problem(message, f"sweep.{name}.{key}"))
                first.setdefault(key, name)

    def _integer(self, block: Mapping, name: str, default: int, low: int) -> int:
        node = block.items.get(name)
        if node is None:
            return default
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, int) and not isinstance(value, bool) and value >= low:
            return value
        self._refuse(node, f"sweep.{name}", f"expected an integer ≥ {low}")
        return default

    def _refuse(self, node: Node, key: str, message: str) -> None:
        got = f", but got {show_node(node)}" if message.startswith("expected") else ""
        self.problems.append(node.place.problem(message + got, key))


def _holds_path(value: Any) -> bool:
    inner = value.values() if isinstance(value, dict) else value
    if isinstance(value, dict | tuple):
        return any(map(_holds_path, inner))
    return isinstance(value, Path)


def _rising(ends: list[Any]) -> bool:
    numbers = all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends)
    # Finite, and so is the length: what is drawn would be infinite else.
    return numbers and ends[0] < ends[1] and math.isfinite(ends[1] - ends[0])


def _draw(kind: str, nodes: list[Node], dice: random.Random) -> Node:
    if kind == "choice":
        return dice.choice(nodes)
    low, high = (node.value for node in nodes if isinstance(node, Scalar))
    assert isinstance(low, int | float)
    assert isinstance(high, int | float)
    if kind == "uniform":
        value = dice.uniform(low, high)
    else:
        value = math.exp(dice.uniform(math.log(low), math.log(high)))
    return Drawn(value, repr(value), nodes[0].place)
