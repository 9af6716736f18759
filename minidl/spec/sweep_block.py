"""The `sweep:` block of a config: a grid, values that go together, random draws, repeats."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from minidl.errors import Problem
from minidl.spec.grid_words import grid_values
from minidl.spec.loader import load
from minidl.spec.nodes import Mapping, Node, Scalar, show_node
from minidl.spec.nodes import Sequence as ListNode
from minidl.spec.nodes import plain as plain_values
from minidl.spec.problems import did_you_mean
from minidl.spec.search import AnySearch, Halving, TpeSearch, read_search
from minidl.spec.space import EXPECTED, Distribution

_BLOCK = ("grid", "zip", "random", "search", "space", "repeats", "folds", "seed", "files")
MAX_EXAMPLES = 100  # combinations of choices by which a space is checked

Assignment = tuple[tuple[str, Node], ...]


class SweepBlock:
    """The `sweep:` block, checked: what is put under which key, and how often it is repeated.

    Problems join the list that it is given. `random` has the distributions, of a search those of
    its space, and `samples` how often they are drawn.
    """

    def __init__(self, node: Node | None, problems: list[Problem]) -> None:
        self.problems = problems
        self.grid: dict[str, list[Node]] = {}
        self.zip: dict[str, list[Node]] = {}
        self.random: dict[str, Distribution] = {}
        self.search: AnySearch | None = None
        self.samples, self.repeats, self.seed = 0, 1, 0
        self.folds: Scalar | None = None
        self._node = node if isinstance(node, Mapping) else None
        if node is None:
            return
        if not isinstance(node, Mapping):
            self._refuse(
                node, "sweep", "expected a mapping with grid, zip, random, repeats or folds"
            )
            return
        for name in node.items:
            if name not in _BLOCK:
                message = f"unknown key {name!r}{did_you_mean(name, _BLOCK)}"
                problems.append(node.keys[name].problem(message, f"sweep.{name}"))
        self.grid = self._lists(node, "grid")
        self.zip = self._lists(node, "zip")
        if len({len(values) for values in self.zip.values()}) > 1:
            self._refuse(node.items["zip"], "sweep.zip", "expected lists of the same length")
        if "search" in node.items:
            self.search = read_search(node.items["search"], problems)
        self._read_random(node)
        self._refuse_twice(node)
        files = node.items.get("files")  # what `minidl sweep` writes down for itself
        if files is not None and not isinstance(files, Mapping):
            self._refuse(files, "sweep.files", "expected a mapping from data files to SHA-256s")
        self.repeats = self._integer(node, "repeats", 1, 1)
        self.seed = self.search.seed if self.search else self._integer(node, "seed", 0, 0)
        folds = node.items.get("folds")
        if self._integer(node, "folds", 0, 2) and isinstance(folds, Scalar):
            self.folds = folds

    @property
    def keys(self) -> list[str]:
        """What varies among the members."""
        return [*self.grid, *self.zip, *self.random]

    def forget(self, key: str) -> None:
        """Leave a key to the command line."""
        for group in (self.grid, self.zip, self.random):
            group.pop(key, None)

    def check(self) -> None:
        """What the search and the rest demand of each other, the command line's values included."""
        search, block = self.search, self._node
        if block is None or "search" not in block.items:
            if block is not None and "space" in block.items:
                message = "needs a search, such as search: {type: random, trials: 30}"
                self._refuse_key("space", message)
            return
        if "random" in block.items:
            self._refuse_key("random", "beside a search its distributions stand in sweep.space")
        if "seed" in block.items:
            self._refuse_key("seed", "beside a search its own seed counts, sweep.search.seed")
        if search is None:
            return
        listed = [*self.grid.items(), *self.zip.items()]
        if "space" in block.items:
            for key, values in listed:
                message = "can't stand beside sweep.space: write {choice: […]} there"
                self.problems.append(values[0].place.problem(message, key))
            if search.trials is None:
                message = "is missing: expected an integer ≥ 1"
                self.problems.append(search.problem("trials", message))
            if not self.random and not self.problems:
                self._refuse_key("space", "has nothing left to draw")
        elif not isinstance(search, Halving):
            self._refuse_key("search", f"{search.type} needs keys to draw, in sweep.space")
        elif not listed:
            self._refuse_key("search", "has nothing to try: sweep.grid and sweep.space are missing")
        elif search.trials is not None:
            message = "a grid is tried as a whole: leave this out, or draw from a sweep.space"
            self.problems.append(search.problem("trials", message))

    def assignments(self) -> Iterator[Assignment]:
        """What is put under which key, for each member but for repeats and folds.

        Where a search proposes its trials, what its space is checked by.
        """
        if isinstance(self.search, TpeSearch):
            yield from self._examples()
            return
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
        runs = self.repeats * len(self._fold_numbers())
        if isinstance(self.search, TpeSearch):
            return self.search.trials * runs
        points = math.prod(len(values) for values in self.grid.values())
        rows = len(next(iter(self.zip.values()))) if self.zip else 1
        return points * rows * (self.samples if self.random else 1) * runs

    def runs(self) -> list[tuple[int, int | None]]:
        """The runs of a point: its repeats, each with every fold, from 1; None without folds."""
        folds = self._fold_numbers()
        return [(repeat, fold) for repeat in range(self.repeats) for fold in folds]

    def _fold_numbers(self) -> Sequence[int | None]:
        return [None] if self.folds is None else range(1, int(str(self.folds.value)) + 1)

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
        drawn = {k: {one.kind: [plain(n) for n in one.nodes]} for k, one in self.random.items()}
        if self.search:
            made["search"] = self.search.model_dump(exclude_none=True)
            made |= {"space": drawn} if drawn else {}
        elif self.random:
            made["random"] = {"samples": self.samples, **drawn}
            made["seed"] = self.seed
        folds = {} if self.folds is None else {"folds": self.folds.value}
        return {**made, "repeats": self.repeats, **folds}

    def _draws(self) -> list[Assignment]:
        if not self.random:
            return [()]
        # The k-th sample of a key stays the same when `samples` grows or another key joins.
        return [
            tuple(
                (key, values.draw(random.Random(f"{self.seed} {key} {sample}")))
                for key, values in self.random.items()
            )
            for sample in range(self.samples)
        ]

    def _examples(self) -> Iterator[Assignment]:
        """Each value of each key once, then combinations of the choices, with low ends."""
        found = {key: values.examples for key, values in self.random.items()}
        for index in range(max(map(len, found.values()), default=0)):
            yield tuple((key, nodes[index % len(nodes)]) for key, nodes in found.items())
        choices = {
            key: nodes if self.random[key].kind == "choice" else nodes[:1]
            for key, nodes in found.items()
        }
        for point in itertools.islice(itertools.product(*choices.values()), MAX_EXAMPLES):
            yield tuple(zip(choices, point, strict=True))

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

    def _read_random(self, block: Mapping) -> None:
        name = "space" if self.search else "random"
        node = block.items.get(name)
        if node is None:
            return
        also = [] if self.search else ["samples"]
        if not isinstance(node, Mapping) or not set(node.items) - set(also):
            message = f"expected {'samples and ' * len(also)}keys with a distribution"
            self._refuse(node, f"sweep.{name}", message)
            return
        if self.search:
            self.samples = self.search.trials or 0
        else:
            self.samples = self._integer(node, "samples", 0, 1)
            if not self.samples:
                self._refuse(node, "sweep.random.samples", "is missing: expected an integer ≥ 1")
        for key, child in node.items.items():
            if key in also:
                continue
            if values := Distribution.of(child):
                self.random[key] = values
            else:
                self._refuse(child, f"sweep.{name}.{key}", EXPECTED)

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

    def _refuse_key(self, name: str, message: str) -> None:
        assert self._node is not None
        self._refuse(self._node.items[name], f"sweep.{name}", message)

    def _refuse(self, node: Node, key: str, message: str) -> None:
        got = f", but got {show_node(node)}" if message.startswith("expected") else ""
        self.problems.append(node.place.problem(message + got, key))


def _holds_path(value: Any) -> bool:
    inner = value.values() if isinstance(value, dict) else value
    if isinstance(value, dict | tuple):
        return any(map(_holds_path, inner))
    return isinstance(value, Path)
